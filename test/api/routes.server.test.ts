import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CallerRole, callerRoles } from '../../src/api/requestState.ts';
import { type Route, takesKey } from '../../src/api/route.ts';
import { routes } from '../../src/api/routes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';
import { type Answer, type ApiUnderTest, startApi, testIssuer, tokenFor } from './apiUnderTest.ts';
import { type RowRequest, routeTable, toCall } from './routeTable.ts';
import { type RouteWorld, seedRouteWorld } from './routeWorld.ts';

let database: TestDatabase;
let worker: TestWorker;
let api: ApiUnderTest;
let world: RouteWorld;

beforeAll(async () => {
  database = await createTestDatabase();
  worker = await startTestWorker({
    appUrl: database.appUrl,
    providers: [],
    namespace: 'api-routes',
    queues: [taskQueues.billing],
  });
  api = await startApi({
    databaseUrl: database.appUrl,
    temporal: () => worker.client,
    environment: testIssuer,
  });
  world = await seedRouteWorld(api, worker);
}, 120_000);
afterAll(async () => {
  await api?.close();
  await world?.provisioned.stop();
  await worker?.stop();
  await database?.drop();
});

const nameOf = (route: Route) => `${route.method} ${route.path}`;
const requestOf = (name: string, role: CallerRole): RowRequest => routeTable[name]?.[1]?.(world, role) ?? {};

function send(name: string, request: RowRequest, token?: string, key?: string): Promise<Answer> {
  const { method, path } = toCall(name, request);
  return api.call(path, {
    method,
    ...(token === undefined ? {} : { token }),
    ...(request.body === undefined ? {} : { body: request.body }),
    headers: {
      ...(request.contentType === undefined ? {} : { 'content-type': request.contentType }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
  });
}

const answerOf = ({ status, headers, text }: Answer) => ({
  status,
  text,
  contentType: headers.get('content-type'),
  location: headers.get('location'),
});

const cellsOf = (wanted: readonly Route[]) =>
  wanted.flatMap((route) => callerRoles.map((role) => [role, nameOf(route), route] as const));
const isTenants = ([, name]: readonly [CallerRole, string, Route]) =>
  routeTable[name]?.[0].includes('tenant') === true;
const withToken = routes.filter((route) => route.access !== 'public');

describe('every route', () => {
  it('stands in the table, and the table has no other', () => {
    expect(Object.keys(routeTable).sort()).toEqual(routes.map(nameOf).sort());
  });

  it.each(withToken.map(nameOf))('refuses %s without a token', async (name) => {
    expect((await send(name, requestOf(name, 'platform_admin'))).status).toBe(401);
  });

  it.each(
    withToken
      .filter((route) => isTenants(['tenant', nameOf(route), route]))
      .filter(({ path, method }) => path.includes(':') || method === 'get')
      .map((route) => [nameOf(route), route] as const),
  )('lets another tenant do nothing by %s', async (name, route) => {
    const token = tokenFor('tenant', { tenant_id: 'tenant-z' });
    const answer = await send(name, requestOf(name, 'tenant'), token);
    if (route.path.includes(':') || name === 'get /api/v1/usage/days') {
      expect([answer.status, answer.json['code']]).toEqual([404, 'not_found']);
    } else if (answer.json['items'] !== undefined && !name.includes('catalog')) {
      expect(answer.json).toEqual({ items: [], next_cursor: null });
    }
    expect(answer.text).not.toContain('tenant-a');
  });

  it.each(cellsOf(routes))(
    '%s on %s gets what the table says, in the form that the document says, and a write once a key',
    async (role, name, route) => {
      const request = requestOf(name, role);
      const key = takesKey(route) ? `key of ${name}` : undefined;
      const ask = () => send(name, request, tokenFor(role), key === undefined ? undefined : `"${key}"`);
      const answer = await ask();
      if (routeTable[name]?.[0].includes(role) !== true) {
        expect([answer.status, answer.json['code']]).toEqual([403, 'forbidden']);
        return;
      }
      const isGood = answer.status === route.answer.status;
      expect([answer.status, isGood ? '' : answer.text]).toEqual([route.answer.status, '']);
      const contents: unknown =
        route.answer.contentType === undefined ? JSON.parse(answer.text) : answer.text;
      expect(route.answer.schema.safeParse(contents).error?.issues ?? []).toEqual([]);
      if (key === undefined) return;
      const again = await ask();
      expect(again.headers.get('idempotency-replayed')).toBe('true');
      expect(answerOf(again)).toEqual(answerOf(answer));
    },
  );
});
