import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, type CallOptions, startApi, tokenFor } from './apiUnderTest.ts';
import { type SeededTenant, seeder } from './seed.ts';

let database: TestDatabase;
let api: ApiUnderTest;
let tenant: SeededTenant;
let heldUuid: string;
const token = tokenFor('platform_admin');

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl });
  tenant = await seeder(api.orm).tenant('tenant-a', 'ours');
  ({ invoiceUuid: heldUuid } = await seeder(api.orm).invoice('2026-04-01', [], {
    ingestStatus: 'held',
    heldDifference: '1.25',
    error: { code: 'lines_disagree', message: 'held', context: { stated: '100.00', found: '98.75' } },
  }));
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

const fill = (path: string) => path.replace('PROJECT', tenant.projectId).replace('HELD', heldUuid);
const cursorOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const zero = '00000000-0000-4000-8000-000000000000';

/** Path and query, and the pointers that the answer names. */
const badQueries: readonly (readonly [path: string, ...pointers: string[]])[] = [
  ['/api/v1/inventory?limit=0', '/query/limit'],
  ['/api/v1/inventory?limit=201', '/query/limit'],
  ['/api/v1/inventory?limit=-1', '/query/limit'],
  ['/api/v1/inventory?limit=1e2', '/query/limit'],
  ['/api/v1/inventory?limit=0x10', '/query/limit'],
  ['/api/v1/inventory?limit=5.0', '/query/limit'],
  ['/api/v1/inventory?limit=%205', '/query/limit'],
  ['/api/v1/inventory?limit=', '/query/limit'],
  ['/api/v1/inventory?limit=1000000000000000000000', '/query/limit'],
  ['/api/v1/inventory?limit=٣', '/query/limit'],
  ['/api/v1/inventory?limit=1&limit=2', '/query/limit'],
  ['/api/v1/inventory?limit[]=1', '/query/limit[]'],
  ['/api/v1/inventory?limit[$gt]=1', '/query/limit[$gt]'],
  ['/api/v1/inventory?kind=Droplet', '/query/kind'],
  ['/api/v1/inventory?kind=', '/query/kind'],
  ['/api/v1/inventory?kind=constructor', '/query/kind'],
  ['/api/v1/inventory?kind=droplet&kind=volume', '/query/kind'],
  ['/api/v1/inventory?region=%00', '/query/region'],
  ['/api/v1/inventory?region=', '/query/region'],
  ['/api/v1/inventory?region=%FF', '/query/region'],
  [`/api/v1/inventory?region=${'a'.repeat(101)}`, '/query/region'],
  ['/api/v1/inventory?project=1', '/query/project'],
  ["/api/v1/inventory?project=' or 1=1 --", '/query/project'],
  ['/api/v1/inventory?deployment=null', '/query/deployment'],
  ['/api/v1/inventory?tenant=a%00b', '/query/tenant'],
  ['/api/v1/inventory?gone=1', '/query/gone'],
  ['/api/v1/inventory?gone=TRUE', '/query/gone'],
  ['/api/v1/inventory?unknown=1', '/query/unknown'],
  ['/api/v1/inventory?__proto__=1', '/query/__proto__'],
  ['/api/v1/inventory?cursor=hello', '/query/cursor'],
  ['/api/v1/inventory?cursor=', '/query/cursor'],
  [`/api/v1/inventory?cursor=${cursorOf(['inventory', "x' or true"])}`, '/query/cursor'],
  [`/api/v1/inventory?cursor=${cursorOf(['projects', zero])}`, '/query/cursor'],
  [`/api/v1/inventory?cursor=${cursorOf(['inventory', zero])}=`, '/query/cursor'],
  [`/api/v1/inventory?cursor=${cursorOf(['inventory', { $gt: zero }])}`, '/query/cursor'],
  [`/api/v1/audit?cursor=${cursorOf(['audit', '9'.repeat(30)])}`, '/query/cursor'],
  [`/api/v1/audit?cursor=${cursorOf(['audit', 1])}`, '/query/cursor'],
  [
    `/api/v1/billing/invoices?cursor=${cursorOf(['invoices', { period: '2026-02-30', id: zero }])}`,
    '/query/cursor',
  ],
  ['/api/v1/audit?subject_id=%00', '/query/subject_id'],
  ['/api/v1/inventory/1', '/path/id'],
  [`/api/v1/inventory/${zero.slice(1)}`, '/path/id'],
  ['/api/v1/inventory/%00', '/path/id'],
  ['/api/v1/inventory/%E0%A4%A', '/path/id'],
  ['/api/v1/inventory/..%2f..%2fetc%2fpasswd', '/path/id'],
  ['/api/v1/billing/invoices/%00', '/path/uuid'],
  ['/api/v1/billing/cost-lines', '/query/period'],
  ['/api/v1/billing/cost-lines?period=2026-04', '/query/period'],
  ['/api/v1/billing/cost-lines?period=2026-04-02', '/query/period'],
  ['/api/v1/billing/cost-lines?period=2026-13-01', '/query/period'],
  ['/api/v1/billing/cost-lines?period=0000-01-01', '/query/period'],
  ['/api/v1/billing/cost-lines?period=2026-04-01T00:00:00Z', '/query/period'],
  ['/api/v1/billing/cost-lines?period=2026-04-01&period=2026-05-01', '/query/period'],
  ['/api/v1/billing/cost-lines?period=2026-04-01&outcome=lost', '/query/outcome'],
  ['/api/v1/billing/cost-lines?period=2026-04-01&version=1', '/query/version'],
  [`/api/v1/billing/cost-lines?period=2026-04-01&invoice=${zero}&version=0`, '/query/version'],
  [`/api/v1/billing/cost-lines?period=2026-04-01&invoice=${zero}&version=9999999999`, '/query/version'],
  ['/api/v1/billing/invoices?status=lost', '/query/status'],
  ['/api/v1/billing/balance?days=0', '/query/days'],
  ['/api/v1/usage', '/query/period'],
  ['/api/v1/usage?period=2026-04-02', '/query/period'],
  ['/api/v1/usage?period=2026-04-01&deployment_id=1', '/query/deployment_id'],
  [`/api/v1/usage?period=2026-04-01&cursor=${cursorOf(['inventory', zero])}`, '/query/cursor'],
  ['/api/v1/usage/days?resource_kind=hours', '/query/deployment_id', '/query/resource_kind', '/query/period'],
  ['/api/v1/processes?state=sleeping', '/query/state'],
  ['/api/v1/processes?limit=51', '/query/limit'],
  ['/api/v1/schedules?limit=1', '/query/limit'],
  ['/api/v1/deployments?state=sleeping', '/query/state'],
  ['/api/v1/deployments?tenant=', '/query/tenant'],
  [`/api/v1/deployments?slug=${'a'.repeat(64)}`, '/query/slug'],
  [`/api/v1/deployments?cursor=${cursorOf(['inventory', zero])}`, '/query/cursor'],
  ['/api/v1/deployments/shop', '/path/id'],
  ['/api/v1/tenants/%00/billing-profile', '/path/id'],
  [`/api/v1/tenants/${'a'.repeat(201)}/billing-profile`, '/path/id'],
  ['/api/v1/invoices?period=2026-04-15', '/query/period'],
  ['/api/v1/invoices?status=open', '/query/status'],
  [`/api/v1/invoices?tenant=${'a'.repeat(201)}`, '/query/tenant'],
  [`/api/v1/invoices?cursor=${cursorOf(['invoices', zero])}`, '/query/cursor'],
  ['/api/v1/invoices/INV-000001', '/path/id'],
  ['/api/v1/invoices/1/pdf', '/path/id'],
  ['/api/v1/credit-notes/CN-000001/pdf', '/path/id'],
  ['/api/v1/usage', '/query/period'],
  ['/api/v1/usage?period=0206-04-01', '/query/period'],
  ['/api/v1/usage?period=9999-12-01', '/query/period'],
  ['/api/v1/usage?period=2026-04-01&deployment_id=shop', '/query/deployment_id'],
  ['/api/v1/usage?period=2026-04-01&deployment=1', '/query/deployment'],
  ['/api/v1/usage/days', '/query/deployment_id', '/query/resource_kind', '/query/period'],
  [`/api/v1/usage/days?period=2026-04-01&resource_kind=cpu&deployment_id=${zero}`, '/query/resource_kind'],
  ['/api/v1/llm-usage?state=billed&tenant=a', '/query/state'],
  ['/api/v1/llm-usage?deployment=shop', '/query/deployment'],
  ['/api/v1/llm-usage', '/query/tenant'],
  ['/api/v1/reports/gst', '/query/period'],
  ['/api/v1/reports/gst?period=2026-Q2', '/query/period'],
  ['/api/v1/reports/gst?period=2026-04-01&format=xlsx', '/query/format'],
  ['/api/v1/reports/receivables?as_of=today', '/query/as_of'],
  ['/api/v1/reports/receivables?as_of=9999-12-31', '/query/as_of'],
  ['/api/v1/reports/receivables?limit=0', '/query/limit'],
  ['/api/v1/receivables?state=lost', '/query/state'],
  ['/api/v1/receivables?limit=1000', '/query/limit'],
  [`/api/v1/receivables?cursor=${cursorOf(['inventory', zero])}`, '/query/cursor'],
  ['/api/v1/rollups?limit=1', '/query/limit'],
  ['/api/v1/rollups/2026-04', '/path/period'],
  ['/api/v1/rollups/2026-04-02', '/path/period'],
  [
    `/api/v1/rollups/2026-04-01?cursor=${cursorOf(['rollup-exceptions', { state: 'failed' }])}`,
    '/query/cursor',
  ],
  ['/api/v1/catalog/plans?limit=x', '/query/limit'],
  ['/api/v1/catalog/plans/Studio%20Plus', '/path/code'],
  ['/api/v1/catalog/plans/studio/subscribers?version=0', '/query/version'],
  ['/api/v1/catalog/resource-prices?resource_kind=cpu', '/query/resource_kind'],
  ['/api/docs/package.json', '/path/file'],
  ['/api/docs/..%2fpackage.json', '/path/file'],
  ['/api/health?verbose=1', '/query/verbose'],
  [
    '/api/v1/billing/cost-lines?limit=0&kind=ship&outcome=lost&extra=1',
    '/query/period',
    '/query/kind',
    '/query/outcome',
    '/query/limit',
    '/query/extra',
  ],
];

describe('a bad query or path', () => {
  it('is one of at least 40', () => {
    expect(new Set(badQueries.map(([path]) => path)).size).toBeGreaterThanOrEqual(40);
  });

  it.each(badQueries)('%s is a 422 that points to it', async (path, ...pointers) => {
    const answer = await api.call(path, { token });
    expect(answer.status).toBe(422);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.json['code']).toBe('invalid_input');
    const errors = answer.json['errors'] as readonly { pointer: string; detail: string }[];
    expect(errors.map((error) => error.pointer).sort()).toEqual([...pointers].sort());
    for (const error of errors) expect(error.detail).not.toBe('');
  });
});

const project = '/api/v1/projects/PROJECT';
const accept = '/api/v1/billing/invoices/HELD/accept-difference';
const backfill = '/api/v1/schedules/balance/backfill';
const put = (body: unknown, headers?: Record<string, string>): CallOptions => ({
  method: 'PUT',
  body,
  ...(headers === undefined ? {} : { headers }),
});
const post = (body: unknown): CallOptions => ({ method: 'POST', body });
const reason = 'because';
const nested = `{"tenant_id":${'['.repeat(30_000)}${']'.repeat(30_000)},"reason":"x"}`;

const deployments = '/api/v1/deployments';
const transition = `${deployments}/${zero}/transition`;
const subscribe = `${deployments}/${zero}/subscribe`;
const resources = `${deployments}/${zero}/resources`;
const profile = '/api/v1/tenants/tenant-a/billing-profile';
const patch = (body: unknown): CallOptions => ({ method: 'PATCH', body });
const remove: CallOptions = { method: 'DELETE' };
const period = '2026-04-01';
const rollups = '/api/v1/rollups';
const invoice = `/api/v1/invoices/${zero}`;
const usage = '/api/v1/usage';
const plans = '/api/v1/catalog/plans';
const payments = '/api/v1/integrations/payments';
const payment = {
  invoice_id: zero,
  amount_cents: 1,
  currency: 'AUD',
  paid_on: '2026-04-02',
  reference: 'a',
};

const badBodies: readonly (readonly [name: string, path: string, CallOptions, ...pointers: string[]])[] = [
  ['an empty object', project, put({}), '/body/tenant_id', '/body/reason'],
  ['no body', project, { method: 'PUT' }, '/body/tenant_id', '/body/reason'],
  ['an array', project, put([]), '/body'],
  ['a missing tenant', project, put({ reason }), '/body/tenant_id'],
  ['a missing reason', project, put({ tenant_id: 'a' }), '/body/reason'],
  ['a tenant that is a number', project, put({ tenant_id: 1, reason }), '/body/tenant_id'],
  ['a tenant that is true', project, put({ tenant_id: true, reason }), '/body/tenant_id'],
  ['a tenant that is a list', project, put({ tenant_id: ['a'], reason }), '/body/tenant_id'],
  ['a tenant that is an operator', project, put({ tenant_id: { $ne: null }, reason }), '/body/tenant_id'],
  ['an empty tenant', project, put({ tenant_id: '', reason }), '/body/tenant_id'],
  ['a blank tenant', project, put({ tenant_id: ' \n', reason }), '/body/tenant_id'],
  ['a tenant with NUL', project, put({ tenant_id: 'a\0', reason }), '/body/tenant_id'],
  ['half a surrogate pair', project, put('{"tenant_id":"\\ud800","reason":"x"}'), '/body/tenant_id'],
  ['a tenant of 201 characters', project, put({ tenant_id: 'a'.repeat(201), reason }), '/body/tenant_id'],
  ['a reason with NUL', project, put({ tenant_id: 'a', reason: '\0' }), '/body/reason'],
  ['a reason that is null', project, put({ tenant_id: 'a', reason: null }), '/body/reason'],
  [
    'a reason of 1,001 characters',
    project,
    put({ tenant_id: 'a', reason: 'a'.repeat(1001) }),
    '/body/reason',
  ],
  ['an unknown field', project, put({ tenant_id: 'a', reason, id: zero }), '/body/id'],
  [
    'a field of the prototype',
    project,
    put('{"tenant_id":"a","reason":"x","constructor":{}}'),
    '/body/constructor',
  ],
  ['30,000 nested lists', project, put(nested), '/body/tenant_id'],
  ['a project that is no UUID', '/api/v1/projects/1', put({ tenant_id: 'a', reason }), '/path/id'],
  ['a query on a write', `${project}?force=true`, put({ tenant_id: 'a', reason }), '/query/force'],
  ['a difference that is a number', accept, post({ difference: 1.25, reason }), '/body/difference'],
  ['a difference with a dollar sign', accept, post({ difference: '$1.25', reason }), '/body/difference'],
  ['a difference with an exponent', accept, post({ difference: '1e2', reason }), '/body/difference'],
  ['a difference with a comma', accept, post({ difference: '1,25', reason }), '/body/difference'],
  ['a difference with a plus', accept, post({ difference: '+1.25', reason }), '/body/difference'],
  ['a difference in hexadecimal', accept, post({ difference: '0x10', reason }), '/body/difference'],
  ['a difference without digits', accept, post({ difference: '-', reason }), '/body/difference'],
  ['a difference that ends in a point', accept, post({ difference: '1.', reason }), '/body/difference'],
  ['a difference that is no number', accept, post({ difference: 'NaN', reason }), '/body/difference'],
  [
    'a difference with 5,000 digits',
    accept,
    post({ difference: '1'.repeat(5000), reason }),
    '/body/difference',
  ],
  ['a difference that is empty', accept, post({ difference: '', reason }), '/body/difference'],
  ['a body where none is meant', '/api/v1/billing/discover', post({ provider: 'x' }), '/body/provider'],
  ['a list where none is meant', '/api/v1/billing/discover', post([]), '/body'],
  [
    'times without a zone',
    backfill,
    post({ start: '2026-04-01T00:00:00', end: '2026-04-02T00:00:00' }),
    '/body/start',
    '/body/end',
  ],
  [
    'a day that does not exist',
    backfill,
    post({ start: '2026-02-30T00:00:00Z', end: '2026-03-01T00:00:00Z' }),
    '/body/start',
  ],
  ['times as numbers', backfill, post({ start: 0, end: 1 }), '/body/start', '/body/end'],
  [
    'an end before the start',
    backfill,
    post({ start: '2026-04-02T00:00:00Z', end: '2026-04-01T00:00:00Z' }),
    '/body/end',
  ],
  ['two months', backfill, post({ start: '2026-04-01T00:00:00Z', end: '2026-06-01T00:00:00Z' }), '/body/end'],
  ['a pause without a reason', '/api/v1/schedules/balance/pause', post({}), '/body/reason'],
  ['a deployment without a slug', deployments, post({ tenant_id: 'a' }), '/body/slug'],
  ...['', '-a', 'a-', 'A', 'a_b', 'a b', 'ä', 'a.b', 'a'.repeat(64), 1, null].map(
    (slug) =>
      [
        `a deployment with the slug ${JSON.stringify(slug)}`,
        deployments,
        post({ tenant_id: 'a', slug }),
        '/body/slug',
      ] as const,
  ),
  [
    'a deployment that is paused from the start',
    deployments,
    post({ tenant_id: 'a', slug: 'a', state: 'paused' }),
    '/body/state',
  ],
  [
    'a template version that is a text',
    deployments,
    post({ tenant_id: 'a', slug: 'a', template_version: '1' }),
    '/body/template_version',
  ],
  ['a change of nothing', `${deployments}/${zero}`, patch({}), '/body'],
  ['a change of nothing but a reason', `${deployments}/${zero}`, patch({ reason }), '/body'],
  ['a new slug', `${deployments}/${zero}`, patch({ slug: 'b' }), '/body/slug', '/body'],
  [
    'a flag that is a text',
    `${deployments}/${zero}`,
    patch({ billing_action_suspended: 'yes' }),
    '/body/billing_action_suspended',
  ],
  ['a transition to nowhere', transition, post({}), '/body/to'],
  ['a transition to a state that there is none of', transition, post({ to: 'sleeping' }), '/body/to'],
  ['a transition to a state in capitals', transition, post({ to: 'PAUSED' }), '/body/to'],
  ['a subscription without a plan', subscribe, post({}), '/body/plan_code'],
  ['addons that are no list', subscribe, post({ plan_code: 'a', addons: 'storage_50gb' }), '/body/addons'],
  [
    'addons by the dozen dozens',
    subscribe,
    post({ plan_code: 'a', addons: Array.from({ length: 51 }, () => 'a') }),
    '/body/addons',
  ],
  ...['2026-02-30', '2026-5-1', '20260501', '2026-05-01T00:00:00Z', '0000-01-01', 20260501].map(
    (day) =>
      [
        `a first day ${JSON.stringify(day)}`,
        subscribe,
        post({ plan_code: 'a', starts_on: day }),
        '/body/starts_on',
      ] as const,
  ),
  [
    'a trial that ends on a day without a time',
    subscribe,
    post({ plan_code: 'a', trial_ends_at: '2026-05-01' }),
    '/body/trial_ends_at',
  ],
  ['a change to no plan', `${deployments}/${zero}/change-plan`, post({ plan_code: '' }), '/body/plan_code'],
  ['an addon without a code', `${deployments}/${zero}/addons`, post({}), '/body/code'],
  ['an addon by a name', `${deployments}/${zero}/addons/storage_50gb`, remove, '/path/addon_id'],
  [
    'a last day that is none',
    `${deployments}/${zero}/addons/${zero}?ends_on=tomorrow`,
    remove,
    '/query/ends_on',
  ],
  ['a resource without an id', resources, post({}), '/body/resource_id'],
  [
    'a membership by days',
    resources,
    post({ resource_id: zero, from: '2026-04-01', to: '2026-05-01' }),
    '/body/from',
    '/body/to',
  ],
  ['a moment without a zone', `${resources}/${zero}?to=2026-04-01T00:00:00`, remove, '/query/to'],
  ['a country in full', profile, put({ country: 'Australia' }), '/body/country'],
  ['a country that there is none of', profile, put({ country: 'XQ' }), '/body/country'],
  ['a country in small letters', profile, put({ country: 'au' }), '/body/country'],
  ['a currency that there is none of', profile, put({ currency: 'AUX' }), '/body/currency'],
  ['an e-mail address without a host', profile, put({ email: 'billing' }), '/body/email'],
  ['a name of 301 characters', profile, put({ legal_name: 'a'.repeat(301) }), '/body/legal_name'],
  ['a rollup of no month', rollups, post({}), '/body/period'],
  ['a rollup of a day', rollups, post({ period: '2026-04-02' }), '/body/period'],
  ['a rollup that is forced by a text', rollups, post({ period, force: 'true' }), '/body/force'],
  ['a rollup that is forced for no reason', rollups, post({ period, force: true }), '/body/reason'],
  [
    'a preview of 51 tenants',
    rollups,
    post({ period, preview: true, tenant_ids: Array.from({ length: 51 }, (_, index) => `t${index}`) }),
    '/body/tenant_ids',
  ],
  ['a preview of tenant 1', rollups, post({ period, preview: true, tenant_ids: [1] }), '/body/tenant_ids/0'],
  ['a retry for no reason', `${rollups}/${period}/retry`, post({}), '/body/reason'],
  [
    'a skip of a tenant with NUL',
    `${rollups}/${period}/tenants/a%00/skip`,
    post({ reason }),
    '/path/tenant_id',
  ],
  ['an early issue by a number', `${rollups}/${period}/issue`, post({ reason, early: 1 }), '/body/early'],
  ['a check with a reason', `${rollups}/${period}/check`, post({ reason }), '/body/reason'],
  [
    'a payment of nothing',
    payments,
    post({}),
    '/body/invoice_id',
    '/body/amount_cents',
    '/body/currency',
    '/body/paid_on',
    '/body/reference',
  ],
  ...[0, -1, 0.5, '100', 2 ** 53, null].map(
    (cents) =>
      [
        `a payment of ${JSON.stringify(cents)} cents`,
        payments,
        post({ ...payment, amount_cents: cents }),
        '/body/amount_cents',
      ] as const,
  ),
  ['a payment in dollars', payments, post({ ...payment, currency: '$' }), '/body/currency'],
  ['a payment on no day', payments, post({ ...payment, paid_on: '2026-02-29' }), '/body/paid_on'],
  [
    'a payment to an invoice by its number',
    payments,
    post({ ...payment, invoice_id: 'INV-000001' }),
    '/body/invoice_id',
  ],
  ['a retry of a receivable for no reason', `/api/v1/receivables/${zero}/retry`, post({}), '/body/reason'],
  [
    'a retry of a receivable by number',
    '/api/v1/receivables/INV-000001/retry',
    post({ reason }),
    '/path/invoice_id',
  ],
  [
    'a retry of a receivable, now',
    `/api/v1/receivables/${zero}/retry`,
    post({ reason, now: 1 }),
    '/body/now',
  ],
  [
    'a line of nothing',
    `${invoice}/lines`,
    post({ description: 'a', amount_cents: 0, reason }),
    '/body/amount_cents',
  ],
  [
    'a line without words',
    `${invoice}/lines`,
    post({ description: ' ', amount_cents: 1 }),
    '/body/description',
    '/body/reason',
  ],
  [
    'a line of a deployment by name',
    `${invoice}/lines`,
    post({ description: 'a', amount_cents: 1, deployment_id: 'shop', reason }),
    '/body/deployment_id',
  ],
  ['a line that goes for no reason', `${invoice}/lines/${zero}`, remove, '/query/reason'],
  ['an issue that is forced', `${invoice}/issue`, post({ force: true }), '/body/force'],
  [
    'a payment booked without a reference',
    `${invoice}/pay`,
    post({ amount_cents: 1, paid_on: '2026-04-02' }),
    '/body/reference',
  ],
  ['a void for no reason', `${invoice}/void`, post({}), '/body/reason'],
  ['a reissue for no reason', `${invoice}/reissue`, post({ reason: '' }), '/body/reason'],
  [
    'a credit of less than nothing',
    `${invoice}/credit-notes`,
    post({ amount_cents: -1, reason }),
    '/body/amount_cents',
  ],
  [
    'a credit by a text',
    `${invoice}/credit-notes`,
    post({ amount_cents: '10.00', reason }),
    '/body/amount_cents',
  ],
  [
    'usage of nothing',
    usage,
    post({ deployment_id: zero, resource_kind: 'llm_tokens', day: '2026-04-02', quantity: '0', reason }),
    '/body/quantity',
  ],
  [
    'usage by a number, of a kind that there is none of, on no day',
    usage,
    post({ deployment_id: zero, resource_kind: 'cpu', day: '2026-04-31', quantity: 5, reason }),
    '/body/quantity',
    '/body/resource_kind',
    '/body/day',
  ],
  [
    'usage of 31 digits',
    usage,
    post({
      ...{ deployment_id: zero, resource_kind: 'llm_tokens', day: '2026-04-02', reason },
      quantity: '9'.repeat(31),
    }),
    '/body/quantity',
  ],
  [
    'a metering backwards',
    `${usage}/meter`,
    post({ from: '2026-04-02', until: '2026-04-02' }),
    '/body/until',
  ],
  [
    'a metering of a century',
    `${usage}/meter`,
    post({ from: '2026-04-02', until: '2126-04-02' }),
    '/body/until',
  ],
  ['a metering without an end', `${usage}/meter`, post({ from: '2026-04-02' }), '/body/until'],
  [
    'unknown days accepted for no reason',
    `${usage}/days/accept`,
    post({ resource_kind: 'llm_tokens', from: '2026-04-01', until: '2026-04-02' }),
    '/body/reason',
  ],
  ['a plan with a code in capitals', plans, post({ code: 'Studio', name: 'Studio' }), '/body/code'],
  ['a plan without a name', plans, post({ code: 'studio' }), '/body/name'],
  [
    'a plan with a price',
    plans,
    post({ code: 'studio', name: 'Studio', price_cents: 1 }),
    '/body/price_cents',
  ],
  [
    'a version that costs less than nothing, in no currency',
    `${plans}/studio/versions`,
    post({ base_price_cents: -1, currency: 'XXZ' }),
    '/body/base_price_cents',
    '/body/currency',
  ],
  [
    'a version with items that say too little',
    `${plans}/studio/versions`,
    post({ base_price_cents: 1, items: [{ resource_kind: 'llm_tokens' }] }),
    '/body/items/0/included_qty',
    '/body/items/0/overage_unit',
    '/body/items/0/overage_price_cents',
  ],
  ['a publishing of no version', `${plans}/studio/versions/0/publish`, post({}), '/path/n'],
  [
    'a move from a version by a text',
    `${plans}/studio/migrations`,
    post({ from_version: '1', to_version: 2, reason }),
    '/body/from_version',
  ],
  [
    'a move to version 0, for no reason',
    `${plans}/studio/migrations`,
    post({ from_version: 1, to_version: 0 }),
    '/body/to_version',
    '/body/reason',
  ],
  [
    'a preview of a move on no day',
    `${plans}/studio/migrations/preview`,
    post({ from_version: 1, to_version: 2, effective_on: 'tomorrow' }),
    '/body/effective_on',
  ],
  [
    'an addon with a price in dollars',
    '/api/v1/catalog/addons',
    post({ code: 'more', resource_kind: 'llm_tokens', qty: '1', price_cents: '7.50' }),
    '/body/price_cents',
  ],
  [
    'an addon of seven decimals',
    '/api/v1/catalog/addons',
    post({ code: 'more', resource_kind: 'llm_tokens', qty: '0.0000001', price_cents: 1 }),
    '/body/qty',
  ],
  [
    'an addon that changes its kind',
    '/api/v1/catalog/addons/more',
    put({ qty: '1', price_cents: 1, resource_kind: 'dns_zones' }),
    '/body/resource_kind',
  ],
  [
    'a price by the wrong unit',
    '/api/v1/catalog/resource-prices',
    post({ resource_kind: 'llm_tokens', unit: 'hour', price_cents: '1', effective_from: '2026-04-01' }),
    '/body/unit',
  ],
  [
    'a price from no day on',
    '/api/v1/catalog/resource-prices',
    post({ resource_kind: 'dns_zones', unit: 'zone', price_cents: '1' }),
    '/body/effective_from',
  ],
  [
    'a price with an exponent',
    '/api/v1/catalog/resource-prices',
    post({ resource_kind: 'dns_zones', unit: 'zone', price_cents: '1e3', effective_from: '2026-04-01' }),
    '/body/price_cents',
  ],
  ['an event given to nobody', '/api/v1/llm-usage/1/assign', post({ reason }), '/body/deployment_id'],
  [
    'an event by its own id',
    '/api/v1/llm-usage/abc/assign',
    post({ deployment_id: zero, reason }),
    '/path/id',
  ],
  [
    'an event given for no reason',
    '/api/v1/llm-usage/1/assign',
    post({ deployment_id: zero, reason: '\0' }),
    '/body/reason',
  ],
  ['a schedule with NUL', '/api/v1/schedules/%00/trigger', { method: 'POST' }, '/path/id'],
  ['a quote without a plan', '/api/v1/quote', post({}), '/body/plan_code'],
  [
    'a quote of a kind that is not metered, and of less than nothing',
    '/api/v1/quote',
    post({ plan_code: 'a', projected_usage: { droplets: 1, dns_zones: -1, llm_tokens: '1e3' } }),
    '/body/projected_usage/droplets',
    '/body/projected_usage/dns_zones',
    '/body/projected_usage/llm_tokens',
  ],
  [
    'a quote from a day that is not in the calendar',
    '/api/v1/quote',
    post({ plan_code: 'a', starts_on: '2026-02-30' }),
    '/body/starts_on',
  ],
  [
    'a key with a blank',
    project,
    put({ tenant_id: 'a', reason }, { 'idempotency-key': 'a b' }),
    '/headers/idempotency-key',
  ],
  [
    'a key of 256 characters',
    project,
    put({ tenant_id: 'a', reason }, { 'idempotency-key': 'a'.repeat(256) }),
    '/headers/idempotency-key',
  ],
  [
    'an open quote',
    project,
    put({ tenant_id: 'a', reason }, { 'idempotency-key': '"a' }),
    '/headers/idempotency-key',
  ],
  [
    'two keys',
    project,
    put({ tenant_id: 'a', reason }, { 'idempotency-key': 'a, b' }),
    '/headers/idempotency-key',
  ],
];

describe('a bad body', () => {
  it('is one of at least 40', () => {
    expect(new Set(badBodies.map(([name]) => name)).size).toBeGreaterThanOrEqual(40);
  });

  it.each(badBodies)('%s is a 422 that points to it', async (_name, path, options, ...pointers) => {
    const answer = await api.call(fill(path), { ...options, token });
    expect([answer.status, answer.json['code']]).toEqual([422, 'invalid_input']);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    const errors = answer.json['errors'] as readonly { pointer: string }[];
    expect(errors.map((error) => error.pointer).sort()).toEqual([...pointers].sort());
  });

  it.each<readonly [name: string, status: number, headers: Record<string, string>, body: string | Buffer]>([
    ['text that is no JSON', 400, {}, 'hello'],
    ['JSON that is cut', 400, {}, '{"tenant_id":"a"'],
    ['a bare text', 400, {}, '"a"'],
    ['a bare number', 400, {}, '1'],
    ['null', 400, {}, 'null'],
    ['a field named __proto__', 400, {}, '{"__proto__":{"role":"platform_admin"}}'],
    ['a byte order mark', 400, {}, '\ufeff{}x'],
    ['JSON called text', 415, { 'content-type': 'text/plain' }, '{}'],
    ['JSON without a type', 415, { 'content-type': '' }, '{}'],
    ['a form', 415, { 'content-type': 'application/x-www-form-urlencoded' }, 'tenant_id=a&reason=b'],
    ['a type that ends in +json', 415, { 'content-type': 'application/vnd.api+json' }, '{}'],
    ['another character set', 415, { 'content-type': 'application/json; charset=utf-16' }, '{}'],
    ['XML', 415, { 'content-type': 'application/xml' }, '<a/>'],
    ['gzip', 415, { 'content-encoding': 'gzip' }, gzipSync('{}')],
    ['what is not gzip but says so', 415, { 'content-encoding': 'gzip' }, 'junk'],
    ['brotli', 415, { 'content-encoding': 'br' }, 'junk'],
    ['two encodings', 415, { 'content-encoding': 'identity, gzip' }, 'junk'],
    ['257 kB', 413, {}, `{"tenant_id":"${'a'.repeat(257 * 1024)}"}`],
  ])('%s is a %i', async (_name, status, headers, body) => {
    const response = await fetch(`${api.address}${fill(project)}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : new Uint8Array(body),
    });
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
  });

  it('that does not say how long it is, is cut off at 256 kB', async () => {
    const chunk = new TextEncoder().encode(' '.repeat(64 * 1024));
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1;
        if (sent > 64) controller.close();
        else controller.enqueue(chunk);
      },
    });
    const request: RequestInit & { duplex: 'half' } = {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: endless,
      duplex: 'half',
    };
    const outcome = await fetch(`${api.address}${fill(project)}`, request).then(
      (response) => response.status,
      () => 'connection closed',
    );
    expect([413, 'connection closed']).toContain(outcome);
  });

  it('changes nothing', async () => {
    const answer = await api.call('/api/v1/projects', { token });
    expect(answer.text).toContain('"tenant_id":"tenant-a"');
    expect((await api.call('/api/v1/audit', { token })).json['items']).toEqual([]);
  });
});

describe('a path or method that is not there', () => {
  it.each([
    '/',
    '/api',
    '/api/v1',
    '/api/v1/',
    '/api/v1/nothing',
    '/API/V1/inventory',
    '/api/v1/inventory/',
    '//api/health',
  ])('%s is a 404', async (path) => {
    const answer = await api.call(path, { token });
    expect([answer.status, answer.json['code']]).toEqual([404, 'not_found']);
  });

  it.each([
    ['DELETE', '/api/v1/inventory', 'GET, HEAD'],
    ['POST', '/api/v1/inventory', 'GET, HEAD'],
    ['PATCH', `/api/v1/projects/${zero}`, 'PUT'],
    ['GET', '/api/v1/billing/discover', 'POST'],
    ['PUT', '/api/health', 'GET, HEAD'],
  ])('%s %s is a 405 that allows %s', async (method, path, allow) => {
    const answer = await api.call(path, { token, method });
    expect([answer.status, answer.json['code']]).toEqual([405, 'method_not_allowed']);
    expect(answer.headers.get('allow')).toBe(allow);
  });
});

describe('a request id', () => {
  it('is taken from the caller where it is sane, and made where it is not', async () => {
    const given = await api.call('/api/health', { headers: { 'x-request-id': 'abc-123' } });
    const insane = await api.call('/api/health', { headers: { 'x-request-id': 'a b{c}' } });
    expect(given.headers.get('x-request-id')).toBe('abc-123');
    expect(insane.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});
