import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { workflowBundle } from './support/workflowBundle.ts';

const root = path.resolve(import.meta.dirname, '..');

interface Import {
  readonly file: string;
  readonly isTypeOnly: boolean;
  /** A package's name, or the path of one of our files. */
  readonly target: string;
}

const sources = globSync('src/**/*.ts', { cwd: root }).filter((file) => !file.endsWith('.generated.ts'));
const everything = globSync('{src,dev,test,temporal-docker,migrations}/**/*.ts', { cwd: root });

const statement = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
const dynamic = /\bimport\(\s*'([^']+)'/g;

function importsOf(file: string): Import[] {
  const text = textOf(file);
  const resolved = (target: string) =>
    target.startsWith('.') ? path.join(path.dirname(file), target) : target;
  return [
    ...[...text.matchAll(statement)].map(([, type, target = '']) => ({
      file,
      isTypeOnly: type !== undefined,
      target: resolved(target),
    })),
    ...[...text.matchAll(dynamic)].map(([, target = '']) => ({
      file,
      isTypeOnly: false,
      target: resolved(target),
    })),
  ];
}

function textOf(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}

/** The folder of `src`, or the file that lies in it directly. */
function roomOf(file: string): string {
  return file.split(path.sep)[1] ?? '';
}

const imports = sources.flatMap(importsOf);

/** What each room may import: values, and further rooms of which only the types. */
const rooms: Readonly<
  Record<string, { readonly values: readonly string[]; readonly types?: readonly string[] }>
> = {
  domain: { values: ['domain'] },
  entities: { values: ['entities', 'domain'] },
  providers: { values: ['providers', 'domain'], types: ['config.ts'] },
  integrations: { values: ['integrations', 'domain'] },
  services: {
    values: ['services', 'entities', 'domain', 'session.ts', 'orm.ts'],
    types: ['providers', 'integrations'],
  },
  activities: {
    values: ['activities', 'services', 'providers', 'integrations', 'domain', 'session.ts'],
    types: ['workflows', 'entities'],
  },
  workflows: { values: ['workflows', 'domain'], types: ['activities', 'services'] },
  api: {
    values: [
      'api',
      'services',
      'entities',
      'domain',
      'workflows',
      'session.ts',
      'config.ts',
      'logging.ts',
      'schedules.ts',
    ],
    types: ['orm.ts', 'temporalClient.ts'],
  },
  temporalSetup: {
    values: ['temporalSetup', 'workflows', 'domain', 'schedules.ts'],
    types: ['temporalClient.ts'],
  },
};

/** The packages that a room may use; a room that is not here may use any. */
const packages: Readonly<Record<string, RegExp>> = {
  domain: /^(?:decimal\.js|temporal-polyfill)$/,
  entities: /^@mikro-orm\//,
  services: /^(?:@mikro-orm\/|pg$|pg-copy-streams$|csv-stringify\/sync$|node:)/,
  workflows: /^@temporalio\/(?:workflow|common)$/,
};

describe('the rooms of src', () => {
  it('are read by this test: it sees the imports that are there', () => {
    expect(imports.length).toBeGreaterThan(200);
    expect(imports).toContainEqual({
      file: 'src/workflows/activityOptions.ts',
      isTypeOnly: true,
      target: 'src/activities/index.ts',
    });
    expect(imports).toContainEqual({
      file: 'src/domain/money.ts',
      isTypeOnly: false,
      target: 'decimal.js',
    });
  });

  it.each(Object.keys(rooms))('%s imports only what it may', (room) => {
    const allowed = rooms[room];
    const used = imports.filter(({ file }) => roomOf(file) === room);
    expect(used.length).toBeGreaterThan(0);
    const forbidden = used.filter(({ target, isTypeOnly }) => {
      // A FOCUS file lies in our own database: reading it is no call to a provider.
      if (room === 'services' && target.startsWith('src/providers/focus/')) return false;
      if (!target.startsWith('src')) return packages[room]?.test(target) === false;
      const other = roomOf(target);
      return !(allowed?.values.includes(other) || (isTypeOnly && allowed?.types?.includes(other)));
    });
    expect(forbidden).toEqual([]);
  });

  it('are all covered by the table above', () => {
    const folders = sources.map(roomOf).filter((room) => !room.endsWith('.ts'));
    expect([...new Set(folders)].toSorted()).toEqual(Object.keys(rooms).toSorted());
  });

  it('are put together in worker.ts, server.ts and cli.ts, which nobody imports', () => {
    const composed = new Set(['src/worker.ts', 'src/server.ts', 'src/cli.ts']);
    expect(everything.flatMap(importsOf).filter(({ target }) => composed.has(target))).toEqual([]);
  });
});

describe('the code of src', () => {
  const filesWith = (pattern: RegExp) => sources.filter((file) => pattern.test(textOf(file)));

  it('reads the environment in config.ts alone', () => {
    expect(filesWith(/process\.env/)).toEqual(['src/config.ts']);
  });

  it('makes no float of money: no parseFloat, no toNumber, no rounding by toFixed with digits', () => {
    expect(filesWith(/\bparseFloat\b|\.toNumber\(|\.toFixed\(\s*\d/)).toEqual([]);
  });

  it('suppresses neither compiler nor linter', () => {
    expect(filesWith(/@ts-(?:ignore|expect-error|nocheck)|biome-ignore|\bas any\b/)).toEqual([]);
  });
});

describe('the bundle of the workflows', () => {
  it('holds our workflows and the SDK, and neither zod nor ORM nor logger nor decimals', async () => {
    const { code } = await workflowBundle();
    expect(code).toContain('src/workflows/ingestInvoice.ts');
    expect(code).toContain('node_modules/@temporalio/workflow');
    const strangers = code.match(/node_modules\/(?:zod|pino|@mikro-orm|pg|koa|decimal\.js|csv-parse)\b/g);
    expect(strangers).toBeNull();
    expect(code).not.toMatch(/ZodError|EntityManager|pinoLogger/);
  }, 60_000);
});
