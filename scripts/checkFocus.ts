import { createReadStream } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { MikroORM } from '@mikro-orm/postgresql';
import { Command } from 'commander';
import { parse } from 'csv-parse';
import { type FocusAllocation, type FocusVersion, focusVersions } from '../src/domain/focusColumns.ts';
import { Decimal } from '../src/domain/money.ts';
import { startOrm } from '../src/orm.ts';
import { exportFocus } from '../src/services/exportFocus.ts';
import { exportTenantFocus } from '../src/services/exportTenantFocus.ts';
import { forSession, systemSession } from '../src/session.ts';
import { openCheckDatabase } from './checkFocusDatabase.ts';
import { checkFocus } from './checkFocusRules.ts';
import { type Applicability, installValidator, NoPython } from './checkFocusValidator.ts';

/**
 * `npm run check:focus`: exports every month of the provider's charges and of the tenants', asks the official validator of FOCUS 1.2,
 * and our own rules of 1.2 and 1.4.
 */
const program = new Command()
  .name('check:focus')
  .description('Check the FOCUS exports by the official validator (1.2) and by our own rules (1.2 and 1.4).')
  .option(
    '--database-url <url>',
    'export from this database, as its application role, and not from one that is made for the check',
  )
  .option('--period <day...>', 'the first days of the months to export; with --database-url', [])
  .option('--folder <folder>', 'keep the exported files here')
  .option('--python <python>', 'a Python 3.12');
program.parse();
const options = program.opts<{ databaseUrl?: string; period: string[]; folder?: string; python?: string }>();

const goldenPeriod = '2026-04-01';
const issuer = 'Arcadia Cloud Pty Ltd';

/** One export that is checked. */
interface CheckedFile {
  readonly name: string;
  readonly version: FocusVersion;
  readonly periods: readonly string[];
  readonly of: Applicability;
  /** Of the provider's charges. */
  readonly allocation?: FocusAllocation;
}

try {
  const validator = await installValidator(options.python, console.log);
  const { url, periods, tenantPeriods, close } = await source();
  const folder = options.folder ?? (await mkdtemp(path.join(os.tmpdir(), 'arcadia-focus-')));
  const orm = await startOrm({ url, poolSize: 3 });
  try {
    await mkdir(folder, { recursive: true });
    for (const file of [...filesOf(periods), ...tenantFilesOf(tenantPeriods)]) {
      const target = path.join(folder, `${file.name}.csv`);
      await writeExport(orm, file, target);
      console.log(`\n${file.name}: ${file.periods.length} month(s)`);
      const billed = await checkByRules(target, file.version);
      if (file.of === 'tenants') await checkDocuments(orm, file, billed);
      if (file.version !== '1.2') continue;
      const read = await inAscii(target);
      const { passed, failed, skipped, otherBranches } = await validator.validate(read, file.of);
      console.log(`  focus-validator: ${passed} passed, ${failed.length} failed, ${skipped} skipped`);
      for (const rule of otherBranches)
        console.log(`    (${rule}: not needed, the other branch of its OR holds)`);
      report(failed);
    }
  } finally {
    await orm.close(true);
    await close();
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
  }
} catch (error) {
  console.error(error instanceof NoPython ? error.message : error);
  process.exitCode = 1;
}

async function source() {
  if (options.databaseUrl === undefined) {
    console.log('filling a database with the simulated account, and with the invoices of three tenants');
    return openCheckDatabase();
  }
  const periods = options.period.length === 0 ? [goldenPeriod] : options.period;
  return { url: options.databaseUrl, periods, tenantPeriods: periods, close: async () => undefined };
}

function filesOf(periods: readonly string[]): CheckedFile[] {
  return focusVersions.flatMap((version) => {
    const file = (name: string, months: readonly string[], allocation: FocusAllocation): CheckedFile => ({
      name: `focus-${version}-${name}`,
      version,
      periods: months,
      of: 'provider',
      allocation,
    });
    const hasMore = periods.length > 1 && periods.includes(goldenPeriod);
    return [
      ...(hasMore ? [file(goldenPeriod, [goldenPeriod], 'owners')] : []),
      file('all', periods, 'owners'),
      file('all-as-billed', periods, 'none'),
    ];
  });
}

function tenantFilesOf(periods: readonly string[]): CheckedFile[] {
  return focusVersions.map((version) => ({
    name: `focus-${version}-tenants`,
    version,
    periods,
    of: 'tenants',
  }));
}

/** Months one below the other in one file. */
async function writeExport(orm: MikroORM, file: CheckedFile, target: string): Promise<void> {
  await writeFile(target, '');
  let header: string | undefined;
  for (const period of file.periods) {
    const request = {
      period,
      version: file.version,
      format: 'csv',
      actor: systemSession,
      now: new Date(),
    } as const;
    const { content } =
      file.of === 'tenants'
        ? await exportTenantFocus(orm, { ...request, issuer })
        : await exportFocus(orm, { ...request, allocation: file.allocation });
    const text = Buffer.concat(await Array.fromAsync<Buffer>(content)).toString();
    const first = text.slice(0, text.indexOf('\n') + 1);
    if (header !== undefined && first !== header)
      throw new Error(`${period} has other columns than the months before`);
    await appendFile(target, header === undefined ? text : text.slice(first.length));
    header = first;
  }
}

/** @returns what the file bills by document, in units of its currency */
async function checkByRules(target: string, version: FocusVersion): Promise<ReadonlyMap<string, Decimal>> {
  let check: ReturnType<typeof checkFocus> | undefined;
  let header: readonly string[] = [];
  let lines = 0;
  const billed = new Map<string, Decimal>();
  for await (const record of createReadStream(target).pipe(parse())) {
    const cells = record as readonly string[];
    if (check === undefined) {
      header = cells;
      check = checkFocus(version, header);
      continue;
    }
    lines += 1;
    check.row(cells.map((cell) => (cell === '' ? null : cell)));
    const document = cells[header.indexOf('InvoiceId')] ?? '';
    const cost = cells[header.indexOf('BilledCost')] ?? '0';
    billed.set(document, (billed.get(document) ?? new Decimal(0)).plus(cost));
  }
  const faults = check?.finish() ?? ['the file is empty'];
  console.log(`  ${lines} lines of ${billed.size} documents`);
  console.log(`  our rules of ${version}: ${check?.rules ?? 0} rules, ${faults.length} broken`);
  report(faults);
  return billed;
}

/** Each invoice and credit note of the months is in the file with what it says is to be paid, and nothing else is. */
async function checkDocuments(
  orm: MikroORM,
  { periods }: CheckedFile,
  billed: ReadonlyMap<string, Decimal>,
): Promise<void> {
  const documents = await forSession(orm, systemSession).execute<{ number: string; total: string }[]>(
    `with invoice as (
       select id, number, total_cents from tenant_invoices
       where period_start in (select jsonb_array_elements_text(?::jsonb)::date) and status in ('issued', 'paid')
     )
     select number, total_cents::text as total from invoice
     union all select note.number, (-note.total_cents)::text from credit_notes note join invoice on invoice.id = note.invoice_id`,
    [JSON.stringify(periods)],
  );
  const stated = new Map(documents.map(({ number, total }) => [number, new Decimal(total).dividedBy(100)]));
  const faults = [...new Set([...stated.keys(), ...billed.keys()])].flatMap((number) => {
    const [wanted, found] = [stated.get(number) ?? 0, billed.get(number) ?? new Decimal(0)];
    return found.equals(wanted) ? [] : [`${number} is over ${wanted}, and its rows bill ${found.toFixed()}`];
  });
  console.log(`  documents: ${stated.size}, of which ${faults.length} do not add up`);
  report(faults);
}

/**
 * The validator takes text in ASCII alone, which the specification does not ask for: names have to stay as their owners wrote them. Where
 * a file has other characters, the validator gets a copy in which each is a question mark.
 */
async function inAscii(target: string): Promise<string> {
  const text = await readFile(target, 'utf8');
  const ascii = text.replaceAll(/[^\0-\x7f]/gu, '?');
  if (ascii === text) return target;
  const lines = text.split('\n').filter((line) => /[^\0-\x7f]/u.test(line)).length;
  console.log(`  ${lines} lines have characters beyond ASCII; the validator reads them as question marks`);
  const copy = target.replace(/\.csv$/, '.ascii.csv');
  await writeFile(copy, ascii);
  return copy;
}

function report(faults: readonly string[]): void {
  for (const fault of faults) console.error(`    ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}
