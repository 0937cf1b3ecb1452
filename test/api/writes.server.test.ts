import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { forgetOldKeys } from '../../src/api/idempotency.ts';
import { forSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, type CallOptions, itemsOf, startApi, tokenFor } from './apiUnderTest.ts';
import { type SeededTenant, seeder } from './seed.ts';

let database: TestDatabase;
let api: ApiUnderTest;
let now: Date;
const token = tokenFor('platform_admin', { sub: 'alice' });

beforeAll(async () => {
  database = await createTestDatabase();
  now = new Date('2026-05-01T00:00:00Z');
  api = await startApi({ databaseUrl: database.appUrl, clock: () => now });
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

const newTenant = (): Promise<SeededTenant> => seeder(api.orm).tenant(null, 'somebody');
const assign = (id: string, key: string | undefined, body: unknown, other: CallOptions = {}) =>
  api.call(`/api/v1/projects/${id}`, {
    method: 'PUT',
    token,
    body,
    ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }),
    ...other,
  });
const audits = async (id: string) =>
  itemsOf(await api.call(`/api/v1/audit?subject_id=${id}&limit=200`, { token }));
const byId = async (id: string) => (await api.call(`/api/v1/inventory/${id}`, { token })).json;

describe('PUT /projects/:id', () => {
  it('gives the project and its standalone resources, gone ones too, to the tenant, and says who did it and why', async () => {
    const seeded = await newTenant();
    const answer = await assign(
      seeded.projectId,
      undefined,
      { tenant_id: ' acme ', reason: 'signed' },
      {
        headers: { 'x-request-id': 'request-1' },
      },
    );
    expect(answer.json).toMatchObject({ resources: 2, project: { id: seeded.projectId, tenant_id: 'acme' } });
    const tenants = [];
    for (const id of [seeded.droplet, seeded.gone, seeded.deployed])
      tenants.push((await byId(id))['tenant_id']);
    expect(tenants).toEqual(['acme', 'acme', null]);
    expect(await audits(seeded.projectId)).toMatchObject([
      {
        actor: 'alice',
        role: 'platform_admin',
        action: 'cloud_project.assign_tenant',
        subject_type: 'cloud_project',
        reason: 'signed',
        before: { tenant_id: null },
        after: { tenant_id: 'acme', resources: 2 },
        request_id: 'request-1',
        occurred_at: now.toISOString(),
      },
    ]);
  });

  it('takes a project from its tenant by null', async () => {
    const seeded = await newTenant();
    await assign(seeded.projectId, undefined, { tenant_id: 'acme', reason: 'signed' });
    await assign(seeded.projectId, undefined, { tenant_id: null, reason: 'left' });
    expect((await byId(seeded.droplet))['tenant_id']).toBeNull();
    expect((await audits(seeded.projectId)).map((row) => row['before'])).toEqual([
      { tenant_id: 'acme' },
      { tenant_id: null },
    ]);
  });

  it('is a 404 for a project that is not there, and leaves no audit row', async () => {
    const id = '00000000-0000-4000-8000-000000000001';
    expect((await assign(id, undefined, { tenant_id: 'acme', reason: 'signed' })).status).toBe(404);
    expect(await audits(id)).toEqual([]);
  });
});

describe('the audit log', () => {
  it('lets nobody change or delete a row', async () => {
    const connection = api.orm.em.getConnection();
    await expect(connection.execute(`update audit_log set actor = 'bob'`)).rejects.toThrow(
      /permission denied/,
    );
    await expect(connection.execute('delete from audit_log')).rejects.toThrow(/permission denied/);
  });
});

describe('Idempotency-Key', () => {
  const body = { tenant_id: 'acme', reason: 'signed' };

  it('lets 20 requests at once have one effect: the others get its answer or 409', async () => {
    const { projectId } = await newTenant();
    const answers = await Promise.all(Array.from({ length: 20 }, () => assign(projectId, 'k-20', body)));
    const done = answers.filter((answer) => answer.status === 200);
    expect(answers.filter((answer) => ![200, 409].includes(answer.status))).toEqual([]);
    expect(done.filter((answer) => answer.headers.get('idempotency-replayed') === null)).toHaveLength(1);
    expect(new Set(done.map((answer) => answer.text)).size).toBe(1);
    expect(await audits(projectId)).toHaveLength(1);
  });

  it('answers the same request again with the stored answer, quoted or bare', async () => {
    const { projectId } = await newTenant();
    const first = await assign(projectId, 'k-again', body);
    const again = await assign(projectId, '"k-again"', body);
    expect(again.text).toBe(first.text);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    expect(again.headers.get('content-type')).toBe(first.headers.get('content-type'));
    expect(await audits(projectId)).toHaveLength(1);
  });

  it('is a 422 for another body or another id under the same key', async () => {
    const one = await newTenant();
    const other = await newTenant();
    await assign(one.projectId, 'k-other', body);
    const answers = [
      await assign(one.projectId, 'k-other', { ...body, reason: 'other' }),
      await assign(other.projectId, 'k-other', body),
    ];
    expect(answers.map((answer) => [answer.status, answer.json['code']])).toEqual([
      [422, 'idempotency_key_reused'],
      [422, 'idempotency_key_reused'],
    ]);
  });

  it('is counted for each subject and each route', async () => {
    const { projectId } = await newTenant();
    const bob = tokenFor('platform_admin', { sub: 'bob' });
    const first = await assign(projectId, 'k-scope', body);
    const second = await assign(projectId, 'k-scope', body, { token: bob });
    expect([first.headers.get('idempotency-replayed'), second.headers.get('idempotency-replayed')]).toEqual([
      null,
      null,
    ]);
    expect(await audits(projectId)).toHaveLength(2);
  });

  it('is counted for each tenant: two may name a subject alike', async () => {
    const create = (tenantId: string) =>
      api.call('/api/v1/deployments', {
        method: 'POST',
        token: tokenFor('tenant', { sub: 'user-1', tenant_id: tenantId }),
        body: { slug: 'shop' },
        headers: { 'idempotency-key': 'k-tenant' },
      });
    const answers = [await create('one'), await create('two'), await create('one')];
    expect(answers.map((answer) => [answer.status, answer.json['tenant_id']])).toEqual([
      [201, 'one'],
      [201, 'two'],
      [201, 'one'],
    ]);
    expect(answers.map((answer) => answer.headers.get('idempotency-replayed'))).toEqual([null, null, 'true']);
    const kept = await forSession(api.orm, { role: 'tenant', tenantId: 'two', subject: 'user-1' }).execute(
      'select tenant_id, key from idempotency_keys',
    );
    expect(kept).toEqual([{ tenant_id: 'two', key: 'k-tenant' }]);
  });

  it('keeps a refusal of the handler, but neither invalid input nor a fault on our side', async () => {
    const missing = '00000000-0000-4000-8000-000000000002';
    await assign(missing, 'k-404', body);
    const again = await assign(missing, 'k-404', body);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([404, 'true']);
    expect(again.headers.get('content-type')).toContain('application/problem+json');

    const { projectId } = await newTenant();
    expect((await assign(projectId, 'k-invalid', { tenant_id: 1 })).status).toBe(422);
    expect((await assign(projectId, 'k-invalid', body)).status).toBe(200);

    const discover = () =>
      api.call('/api/v1/billing/discover', {
        method: 'POST',
        token,
        headers: { 'idempotency-key': 'k-503' },
      });
    for (const answer of [await discover(), await discover()]) {
      expect([answer.status, answer.json['code']]).toEqual([503, 'temporal_unavailable']);
      expect(answer.headers.get('idempotency-replayed')).toBeNull();
    }
  });

  it('is forgotten after 24 hours, not before', async () => {
    const start = now;
    const { projectId } = await newTenant();
    await assign(projectId, 'k-day', body);
    now = new Date(start.getTime() + 24 * 3600_000 - 1000);
    expect((await assign(projectId, 'k-day', body)).headers.get('idempotency-replayed')).toBe('true');
    now = new Date(start.getTime() + 24 * 3600_000 + 1000);
    expect((await assign(projectId, 'k-day', { ...body, reason: 'a day later' })).status).toBe(200);
    expect(await forgetOldKeys(api.orm, now)).toBeGreaterThan(0);
    expect((await assign(projectId, 'k-day', body)).status).toBe(422);
    now = start;
  });
});
