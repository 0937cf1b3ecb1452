import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { buildOpenApiDocument } from '../../src/api/openapi.ts';
import { type Route, takesBody } from '../../src/api/route.ts';
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
    namespace: 'api-bad-requests',
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

const zero = '00000000-0000-4000-8000-000000000000';
const oddTexts = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\u202eabc',
  '💥',
  'é'.repeat(250),
  'a'.repeat(5_000),
  '9'.repeat(40),
  '-1',
  '0',
  '1',
  '999999999',
  '2147483648',
  '1e5',
  '0x10',
  'NaN',
  '-0',
  '0.0000000000000000001',
  'null',
  'true',
  '__proto__',
  'constructor',
  "' or true --",
  '../../etc/passwd',
  '%00',
  '٢٠٢٦-٠٤-٠١',
  '2026-02-30',
  '0000-01-01',
  '0001-01-01',
  '1000-01-01',
  '9999-12-01',
  '9999-12-31',
  '+010000-01-01',
  '2026-04-01',
  '0001-01-01T00:00:00Z',
  '9999-12-31T23:59:59Z',
  '2026-04-01T00:00:00+23:59',
  '2026-04-01T00:00:00.123456789Z',
  zero,
  zero.toUpperCase(),
  'AUD',
  'XXX',
];
let deep: unknown = 'x';
for (let depth = 0; depth < 2_000; depth += 1) deep = [deep];
/** As JSON texts, since some of them are no value of JavaScript; the likeliest to be refused come first. */
const oddValues = [
  ...['1e999', '-1e999', '1e308', '999999999999999999999999', '9007199254740993', '9007199254740992'],
  ...['2147483648', '1e-7', '0.1', '1.5', '-1', '-0', '0', '1', '2', 'null', 'true', 'false'],
  ...['[]', '{}', '[null]', '[[]]', '[{}]', '[""]', '[1]', '{"a":1}', '{"constructor":{}}'],
  JSON.stringify(deep),
  '"\\ud800"',
  ...oddTexts.map((value) => JSON.stringify(value)),
];

const pathsOf = z.object({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        requestBody: z.unknown().optional(),
        responses: z.record(z.string(), z.unknown()),
      }),
    ),
  ),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
});
const document = pathsOf.parse(JSON.parse(JSON.stringify(buildOpenApiDocument())));

const documentOf = (route: Route) => document.paths[route.path.replaceAll(/:(\w+)/g, '{$1}')]?.[route.method];

/** The names of all that a body may have, from the document. */
function fieldsOf(route: Route): readonly string[] {
  const names = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('$ref' in value) visit(document.components.schemas[String(value.$ref).split('/').at(-1) ?? '']);
    if ('properties' in value) {
      for (const name of Object.keys(Object(value.properties))) names.add(name);
      return;
    }
    for (const inner of Object.values(value)) visit(inner);
  };
  visit(documentOf(route)?.requestBody);
  return [...names];
}

interface OddRequest {
  /** What every pointer of a refusal begins with. */
  readonly at: string;
  readonly what: string;
  readonly request: RowRequest;
}

function oddRequests(route: Route, good: RowRequest): OddRequest[] {
  const odd: OddRequest[] = [];
  for (const name of Object.keys(route.params.shape)) {
    for (const value of oddTexts.filter((text) => text !== '')) {
      odd.push({
        at: `/path/${name}`,
        what: value,
        request: { ...good, params: { ...good.params, [name]: value } },
      });
    }
  }
  for (const name of Object.keys(route.query.shape)) {
    for (const value of oddTexts) {
      odd.push({
        at: `/query/${name}`,
        what: value,
        request: { ...good, query: { ...good.query, [name]: value } },
      });
    }
  }
  if (!takesBody(route.method) || route.upload !== undefined) return odd;
  const body = { ...Object(good.body) };
  for (const name of fieldsOf(route)) {
    const rest = Object.entries(body).filter(([other]) => other !== name);
    const others = JSON.stringify(Object.fromEntries(rest)).slice(1, -1);
    for (const value of oddValues) {
      const text = `{${others}${others === '' ? '' : ','}${JSON.stringify(name)}:${value}}`;
      odd.push({ at: `/body/${name}`, what: value, request: { ...good, body: text } });
    }
  }
  for (const value of ['[]', '[{}]', '{"":1}', '{"unknown":1}', `{"unknown":${JSON.stringify(deep)}}`]) {
    odd.push({ at: '/body', what: value, request: { ...good, body: value } });
  }
  return odd;
}

function send(name: string, request: RowRequest, role: 'gateway' | 'platform_admin'): Promise<Answer> {
  const { method, path } = toCall(name, request);
  return api.call(path, {
    method,
    token: tokenFor(role),
    ...(request.body === undefined ? {} : { body: request.body }),
    ...(request.contentType === undefined ? {} : { headers: { 'content-type': request.contentType } }),
  });
}

/** A value that is right by itself, and makes another place wrong. */
const makesWrong: Readonly<Record<string, string>> = {
  '/body/force': '/body/reason',
  '/body/replace': '/body/reason',
  '/body/from': '/body/to',
  '/query/from': '/query/to',
  '/body/events': '/body',
};

/** What is not as it should be in the answer to an odd input; undefined where nothing is. */
function faultOf(route: Route, { at }: OddRequest, answer: Answer): string | undefined {
  const statuses = Object.keys(documentOf(route)?.responses ?? {});
  if (!statuses.includes(String(answer.status))) return `the document says nothing of ${answer.text}`;
  if (answer.status < 400) return undefined;
  const { code, detail, errors } = answer.json;
  if (answer.status >= 500 || typeof code !== 'string' || typeof detail !== 'string') {
    return `${answer.status} ${answer.text}`;
  }
  if (code !== 'invalid_input') return undefined;
  const faults = z.array(z.object({ pointer: z.string(), detail: z.string() })).parse(errors);
  const isNamed = faults.some(({ pointer }) =>
    [at, makesWrong[at]].some((place) => pointer === place || pointer.startsWith(`${place}/`)),
  );
  if (!isNamed) return `it names ${faults.map(({ pointer }) => pointer)}`;
  // The words of the library, for what nobody has said what is allowed.
  return faults.find((fault) => /^(?:$|Invalid|Too|Unrecognized)/.test(fault.detail))?.detail;
}

const withInputs = routes.filter(
  ({ method, params, query }) =>
    takesBody(method) || Object.keys({ ...params.shape, ...query.shape }).length > 0,
);
const mostTaken = 8;

describe('an odd value in any place of a request', () => {
  it('is sent to many routes', () => {
    expect(withInputs.length).toBeGreaterThan(60);
  });

  it.each(withInputs.map((route) => [`${route.method} ${route.path}`, route] as const))(
    'is no fault of ours in %s; where it is refused, the answer says where it is and what is allowed',
    async (name, route) => {
      const isGateways = route.access !== 'public' && !route.access.includes('platform_admin');
      const role = isGateways ? 'gateway' : 'platform_admin';
      const good = routeTable[name]?.[1]?.(world, role) ?? {};
      const faults: string[] = [];
      const places = Map.groupBy(oddRequests(route, good), ({ at }) => at);
      await Promise.all(
        [...places.values()].map(async (odd) => {
          let taken = 0;
          for (const one of odd) {
            const answer = await send(name, one.request, role);
            const fault = faultOf(route, one, answer);
            if (fault !== undefined) faults.push(`${one.at} ${one.what.slice(0, 80)}: ${fault}`);
            // A place that takes any text takes the rest of them too, and each is a write.
            if (answer.status < 300 && route.method !== 'get') taken += 1;
            if (taken === mostTaken) break;
          }
        }),
      );
      expect(faults).toEqual([]);
    },
    60_000,
  );
});
