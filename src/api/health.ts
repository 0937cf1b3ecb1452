import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { type ApiDependencies, definePublicRoute, type Route } from './route.ts';
import { callTemporal } from './temporalCalls.ts';

const longestCheckMilliseconds = 3_000;

const manifest = z
  .object({ name: z.string(), version: z.string() })
  .parse(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')));

/** Name and version of this service, as package.json states them. */
export const service = { service: manifest.name, version: manifest.version };

const check = z.strictObject({
  name: z.enum(['postgresql', 'migrations', 'temporal']),
  ok: z.boolean(),
  detail: z.string().nullable(),
});
const readiness = z.strictObject({ ready: z.boolean(), checks: z.array(check) }).meta({ id: 'Readiness' });
type Check = z.input<typeof check>;

export const healthRoutes: readonly Route[] = [
  definePublicRoute({
    method: 'get',
    path: '/api/health',
    tag: 'Service',
    summary: 'Which service and version answers.',
    answer: {
      status: 200,
      description: 'It answers.',
      schema: z.strictObject({ service: z.string(), version: z.string(), status: z.literal('ok') }),
    },
    handle: () => Promise.resolve({ status: 200, body: { ...service, status: 'ok' as const } }),
  }),
  definePublicRoute({
    method: 'get',
    path: '/api/ready',
    tag: 'Service',
    summary: 'Whether it can work: PostgreSQL, migrations and Temporal, each by name.',
    answer: {
      status: 200,
      description: 'Everything is there.',
      schema: readiness,
      alsoStatus: { 503: 'Something is missing; the checks name it.' },
    },
    async handle({ api }) {
      const checks = await Promise.all([
        judge('postgresql', () => checkPostgresql(api)),
        judge('migrations', () => checkMigrations(api)),
        judge('temporal', () => checkTemporal(api)),
      ]);
      const ready = checks.every(({ ok }) => ok);
      return {
        status: ready ? 200 : 503,
        headers: { 'Cache-Control': 'no-store' },
        body: { ready, checks },
      };
    },
  }),
];

/** A check that says what is wrong; null is well. Details of errors go to nobody: the route is public. */
async function judge(name: Check['name'], find: () => Promise<string | null>): Promise<Check> {
  const tooLate = Promise.withResolvers<string>();
  const timer = setTimeout(
    () => tooLate.resolve(`no answer in ${longestCheckMilliseconds / 1000} seconds`),
    longestCheckMilliseconds,
  );
  const detail = await Promise.race([find().catch(() => "can't be reached"), tooLate.promise]);
  clearTimeout(timer);
  return { name, ok: detail === null, detail };
}

async function checkPostgresql({ orm }: ApiDependencies): Promise<null> {
  await orm.em.getConnection().execute('select 1');
  return null;
}

async function checkMigrations({ orm }: ApiDependencies): Promise<string | null> {
  const pending = await orm.migrator.getPending();
  if (pending.length === 0) return null;
  return `not applied: ${pending.map((migration) => migration.name).join(', ')}`;
}

async function checkTemporal(api: ApiDependencies): Promise<null> {
  await callTemporal(api, (client) =>
    client.workflowService.describeNamespace({ namespace: client.options.namespace }),
  );
  return null;
}
