import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CallerRole, callerRoles } from '../../src/api/requestState.ts';
import type { Route } from '../../src/api/route.ts';
import { routes } from '../../src/api/routes.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, startApi, tokenFor } from './apiUnderTest.ts';
import { type SeededTenant, seeder } from './seed.ts';
import { connectTestTemporal, type TemporalUnderTest } from './temporalUnderTest.ts';

let database: TestDatabase;
let temporal: TemporalUnderTest;
let api: ApiUnderTest;
let tenant: SeededTenant;
let heldUuid: string;
let focusFileId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  temporal = await connectTestTemporal();
  api = await startApi({ databaseUrl: database.appUrl, temporal: () => temporal.client });
  const seed = seeder(api.orm);
  tenant = await seed.tenant('tenant-a', 'ours');
  ({ invoiceUuid: heldUuid } = await seed.invoice('2026-03-01', [], {
    ingestStatus: 'held',
    heldDifference: '1.25',
    error: { code: 'lines_disagree', message: 'held', context: { stated: '100.00', found: '98.75' } },
  }));
  await seed.invoice('2026-04-01', [
    ['80', 'matched_by_id'],
    ['6.92', 'tax'],
  ]);
  await seed.balance('2026-04-15T11:07:00Z', '12.5');
  await seed.listing('droplet', 'unknown');
  focusFileId = await seed.focusFile();
  await temporal.client.schedule.create({
    scheduleId: 'balance',
    spec: { calendars: [{ minute: 7, hour: '*' }] },
    action: { type: 'startWorkflow', workflowType: 'snapshotBalance', taskQueue: 'nobody', args: [] },
  });
  await temporal.client.workflow.start('snapshotBalance', {
    workflowId: 'snapshot-balance',
    taskQueue: 'nobody',
  });
});
afterAll(async () => {
  await api.close();
  await temporal.close();
  await database.drop();
});

/** The one table: who may do what. A route that is not here fails the first test. */
const everybody = [...callerRoles];
const platform: readonly CallerRole[] = ['platform_admin', 'platform_viewer'];
const admin: readonly CallerRole[] = ['platform_admin'];
const withTenants: readonly CallerRole[] = [...platform, 'tenant'];
const allowed: Readonly<Record<string, readonly CallerRole[]>> = {
  'get /api/health': everybody,
  'get /api/ready': everybody,
  'get /api/openapi.json': everybody,
  'get /api/docs': everybody,
  'get /api/docs/:file': everybody,
  'get /api/v1/inventory': withTenants,
  'get /api/v1/inventory/listings': platform,
  'get /api/v1/inventory/:id': withTenants,
  'get /api/v1/projects': platform,
  'put /api/v1/projects/:id': admin,
  'get /api/v1/billing/balance': platform,
  'post /api/v1/billing/discover': admin,
  'get /api/v1/billing/invoices': platform,
  'get /api/v1/billing/invoices/:uuid': platform,
  'post /api/v1/billing/invoices/:uuid/ingest': admin,
  'post /api/v1/billing/invoices/:uuid/accept-difference': admin,
  'get /api/v1/billing/cost-lines': platform,
  'get /api/v1/billing/estimate': platform,
  'post /api/v1/billing/focus-files': admin,
  'get /api/v1/billing/focus-files': platform,
  'get /api/v1/billing/focus-files/:id': platform,
  'get /api/v1/billing/focus-periods': platform,
  'get /api/v1/billing/focus-export': platform,
  'get /api/v1/processes': platform,
  'get /api/v1/processes/:workflow_id': platform,
  'get /api/v1/schedules': platform,
  'post /api/v1/schedules/:id/pause': admin,
  'post /api/v1/schedules/:id/unpause': admin,
  'post /api/v1/schedules/:id/trigger': admin,
  'post /api/v1/schedules/:id/backfill': admin,
  'get /api/v1/audit': platform,
};

const nameOf = (route: Route) => `${route.method} ${route.path}`;

/** A request that succeeds for who may make it. */
function goodRequest(route: Route): { path: string; method: string; body?: unknown } {
  const id = route.path.includes('schedules')
    ? 'balance'
    : route.path.includes('projects')
      ? tenant.projectId
      : route.path.includes('focus-files')
        ? focusFileId
        : tenant.droplet;
  const path = route.path
    .replace(':id', id)
    .replace(':uuid', heldUuid)
    .replace(':workflow_id', 'snapshot-balance')
    .replace(':file', 'swagger-ui.css');
  const bodies: Readonly<Record<string, unknown>> = {
    '/api/v1/billing/focus-files': 'a,b\n1,2\n',
    '/api/v1/projects/:id': { tenant_id: 'tenant-a', reason: 'test' },
    '/api/v1/billing/invoices/:uuid/accept-difference': { difference: '1.250', reason: 'test' },
    '/api/v1/schedules/:id/pause': { reason: 'test' },
    '/api/v1/schedules/:id/unpause': { reason: 'test' },
    '/api/v1/schedules/:id/backfill': { start: '2026-04-01T00:00:00Z', end: '2026-04-01T03:00:00+00:00' },
  };
  const body = route.method === 'get' ? undefined : bodies[route.path];
  return {
    path: /(?:cost-lines|focus-export)$/.test(route.path) ? `${path}?period=2026-04-01` : path,
    method: route.method.toUpperCase(),
    ...(body === undefined ? {} : { body }),
  };
}

const cells = routes.flatMap((route) => callerRoles.map((role) => [role, nameOf(route), route] as const));

describe('every route', () => {
  it('stands in the table of who may do what', () => {
    expect(routes.map(nameOf).sort()).toEqual(Object.keys(allowed).sort());
  });

  it.each(cells)(
    '%s on %s gets what the table says, in the form that the document says',
    async (role, name, route) => {
      if (route.path.endsWith('accept-difference')) await endIngest();
      const { path, method, body } = goodRequest(route);
      const answer = await api.call(path, {
        method,
        token: tokenFor(role),
        ...(body === undefined ? {} : { body }),
        ...(route.upload === undefined ? {} : { headers: { 'content-type': 'text/csv' } }),
      });
      if (!allowed[name]?.includes(role)) {
        expect([answer.status, answer.json['code']]).toEqual([403, 'forbidden']);
        return;
      }
      expect([answer.status, answer.status === route.answer.status ? '' : answer.text]).toEqual([
        route.answer.status,
        '',
      ]);
      const contents: unknown =
        route.answer.contentType === undefined ? JSON.parse(answer.text) : answer.text;
      const read = route.answer.schema.safeParse(contents);
      expect(read.error?.issues ?? []).toEqual([]);
    },
  );

  it.each(
    routes.filter((route) => route.access !== 'public').map((route) => [nameOf(route), route] as const),
  )('refuses %s without a token', async (_name, route) => {
    const { path, method } = goodRequest(route);
    expect((await api.call(path, { method })).status).toBe(401);
  });
});

/** Nobody serves the task queue in this test: an ingest that was started would run for ever. */
async function endIngest(): Promise<void> {
  const handle = temporal.client.workflow.getHandle(`ingest-invoice:digitalocean:${heldUuid}`);
  await handle.terminate('the test goes on').catch(() => undefined);
}
