import { execFile } from 'node:child_process';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const packages = ['focus-validator==2.2.1', 'pyarrow<22'];
const modelVersion = '1.2.0.1';
/** What an export has of what the specification makes conditional. Without them the validator passes over the conditional columns. */
export type Applicability = 'provider' | 'tenants';
const applicability: Readonly<Record<Applicability, readonly string[]>> = {
  /** DigitalOcean's invoices. Not here: price lists and negotiated prices, since no invoice says a unit price. */
  provider: [
    'ACCOUNT_NAMING_SUPPORTED',
    'BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED',
    'MULTIPLE_PRICING_CATEGORIES_SUPPORTED',
    'REGION_SUPPORTED',
    'RESOURCE_TYPE_ASSIGNMENT_SUPPORTED',
    'SUB_ACCOUNT_SUPPORTED',
    'TAGGING_SUPPORTED',
    'UNIT_PRICING_SUPPORTED',
    'USAGE_MEASUREMENT_SUPPORTED',
  ],
  /** Tenants' invoices: by the catalog's prices, for deployments and not for single resources. */
  tenants: [
    'ACCOUNT_NAMING_SUPPORTED',
    'MULTIPLE_PRICING_CATEGORIES_SUPPORTED',
    'NEGOTIATED_PRICING_SUPPORTED',
    'PUBLIC_PRICE_LIST_SUPPORTED',
    'REGION_SUPPORTED',
    'SUB_ACCOUNT_SUPPORTED',
    'UNIT_PRICING_SUPPORTED',
    'USAGE_MEASUREMENT_SUPPORTED',
  ],
};

export interface Validator {
  /** @param file a CSV export of FOCUS 1.2 */
  validate(file: string, has: Applicability): Promise<ValidatorResult>;
}

export interface ValidatorResult {
  readonly passed: number;
  readonly skipped: number;
  /** Rules that don't hold, with what the validator says of each. */
  readonly failed: readonly string[];
  /** Rules that don't hold and need not: another branch of the same OR does. */
  readonly otherBranches: readonly string[];
}

export class NoPython extends Error {
  constructor() {
    super(
      'focus-validator 2.2.1 needs Python 3.12, and none was found as python3.12, as python3 or under ~/.pyenv/versions. Install it, or name it: npm run check:focus -- --python /path/to/python3.12',
    );
  }
}

/** Installs the official validator into the user's cache folder, once. @throws NoPython */
export async function installValidator(
  python: string | undefined,
  say: (text: string) => void,
): Promise<Validator> {
  const folder = path.join(
    process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache'),
    'arcadia-cloud',
    'focus-validator-2.2.1',
  );
  const bin = path.join(folder, 'bin');
  const done = path.join(folder, 'installed');
  if (!(await exists(done))) {
    const interpreter = await findPython(python);
    say(`installing ${packages.join(' and ')} into ${folder}, 600 MB, once`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(path.dirname(folder), { recursive: true });
    await run(interpreter, ['-m', 'venv', folder]);
    await run(path.join(bin, 'pip'), ['install', '--quiet', '--disable-pip-version-check', ...packages]);
    await writeFile(done, `${packages.join('\n')}\n`);
  }
  const { stdout } = await run(path.join(bin, 'python'), [
    '-c',
    "import sysconfig; print(sysconfig.get_path('purelib'))",
  ]);
  return {
    validate: (file, has) =>
      validate(path.join(bin, 'focus-validator'), stdout.trim(), path.resolve(file), has),
  };
}

/** It finds its rules relative to its working directory, and ends with status 0 whatever it found: its text is the result. */
async function validate(
  program: string,
  sitePackages: string,
  file: string,
  has: Applicability,
): Promise<ValidatorResult> {
  const { stdout } = await run(
    program,
    [
      '--data-file',
      file,
      '--block-download',
      '--validate-version',
      modelVersion,
      '--applicability-criteria',
      applicability[has].join(','),
    ],
    { cwd: sitePackages, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, PYTHONUTF8: '1' } },
  );
  const model = await readFile(
    path.join(sitePackages, 'focus_validator', 'rules', `model-${modelVersion}.json`),
    'utf8',
  );
  return readValidatorOutput(stdout, JSON.parse(model));
}

const totals = /^Total: (\d+) \| Pass: (\d+) \| Fail: (\d+) \| Skipped: (\d+)$/m;
const ruleLine = /^\S+ ([\w-]+): (PASS|FAIL|SKIPPED)\b(.*)$/gm;

/**
 * Reads what the validator prints.
 * @param model its rules, for the ORs among them: the validator runs and counts each branch of an OR as a rule of its own
 * @throws Error where the text is none of its results, or its parts don't agree
 */
export function readValidatorOutput(text: string, model: unknown): ValidatorResult {
  const total = totals.exec(text);
  if (total === null) throw new Error(`the validator printed no result:\n${text.slice(0, 2_000)}`);
  const statuses = new Map<string, { status: string; says: string }>();
  for (const [, rule = '', status = '', says = ''] of text.matchAll(ruleLine))
    statuses.set(rule, { status, says });
  const named = (status: string) => [...statuses].filter(([, entry]) => entry.status === status);
  const counts = [statuses.size, named('PASS').length, named('FAIL').length, named('SKIPPED').length];
  if (total.slice(1).join() !== counts.join()) {
    throw new Error(`the validator's totals say ${total[0]}, its list of rules ${counts.join()}`);
  }
  const held = branchesOfHeldOrs(model, (rule) => statuses.get(rule)?.status === 'PASS');
  const failed = named('FAIL').map(([rule, { says }]) => [rule, `${rule}${says}`] as const);
  return {
    passed: named('PASS').length,
    skipped: named('SKIPPED').length,
    failed: failed.filter(([rule]) => !held.has(rule)).map(([, says]) => says),
    otherBranches: failed.filter(([rule]) => held.has(rule)).map(([rule]) => rule),
  };
}

interface Requirement {
  readonly CheckFunction?: string;
  readonly Items?: readonly { readonly ModelRuleId?: string }[];
}

function branchesOfHeldOrs(model: unknown, holds: (rule: string) => boolean): ReadonlySet<string> {
  const { ModelRules: rules } = model as {
    readonly ModelRules: Readonly<
      Record<string, { readonly ValidationCriteria: { readonly Requirement: Requirement } }>
    >;
  };
  const held = Object.entries(rules)
    .filter(([rule, entry]) => entry.ValidationCriteria.Requirement.CheckFunction === 'OR' && holds(rule))
    .flatMap(([, entry]) => entry.ValidationCriteria.Requirement.Items ?? [])
    .flatMap(({ ModelRuleId: rule }) => (rule === undefined ? [] : [rule]));
  return new Set(held);
}

async function findPython(given: string | undefined): Promise<string> {
  const pyenv = path.join(os.homedir(), '.pyenv', 'versions');
  const { stdout } = await run('ls', [pyenv]).catch(() => ({ stdout: '' }));
  const candidates =
    given === undefined
      ? [
          'python3.12',
          'python3',
          ...stdout
            .split('\n')
            .filter((name) => name.startsWith('3.12.'))
            .map((name) => path.join(pyenv, name, 'bin', 'python')),
        ]
      : [given];
  for (const candidate of candidates) {
    const version = await run(candidate, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']).catch(
      () => undefined,
    );
    if (version?.stdout.trim() === '3.12') return candidate;
  }
  throw new NoPython();
}

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );
