import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EntityManager } from '@mikro-orm/postgresql';
import { forSession, systemSession } from '../../src/session.ts';
import { addPlan } from '../services/catalogRows.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, itemsOf, startApi, tokenFor } from './apiUnderTest.ts';

let database: TestDatabase;
let api: ApiUnderTest;
let tenants = 0;
const now = new Date('2026-05-20T10:00:00Z');
const admin = tokenFor('platform_admin', { sub: 'alice' });

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl, clock: () => now });
  await addPlan(em(), 'studio');
  await addPlan(em(), 'studio-usd', { currency: 'USD' });
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

const em = (): EntityManager => forSession(api.orm, systemSession);
const newTenant = () => {
  tenants += 1;
  return `tenant ${tenants}`;
};
const pathOf = (tenant: string) => `/api/v1/tenants/${encodeURIComponent(tenant)}/billing-profile`;
const put = (tenant: string, body: object, token = admin) =>
  api.call(pathOf(tenant), { method: 'PUT', token, body });
const get = (tenant: string, token = admin) => api.call(pathOf(tenant), { token });
const post = (path: string, body: object) =>
  api.call(`/api/v1/deployments${path}`, { method: 'POST', token: admin, body });
async function subscribe(tenant: string, planCode: string) {
  const created = await post('', { tenant_id: tenant, slug: 'shop' });
  const id = String(created.json['id']);
  return { id, answer: await post(`/${id}/subscribe`, { plan_code: planCode }) };
}

describe('a billing profile', () => {
  it('that nobody wrote has the defaults: Australia, its dollar', async () => {
    const tenant = newTenant();
    expect((await get(tenant)).json).toEqual({
      tenant_id: tenant,
      legal_name: null,
      tax_number: null,
      address: null,
      email: null,
      country: 'AU',
      currency: 'AUD',
      updated_at: null,
    });
  });

  it("is the tenant's own to read and to replace, with an audit row", async () => {
    const tenant = newTenant();
    const token = tokenFor('tenant', { tenant_id: tenant, sub: 'tess' });
    const profile = {
      legal_name: 'Ours Pty Ltd',
      tax_number: '51 824 753 556',
      address: '1 George Street\nSydney NSW 2000',
      email: 'billing@ours.example',
      country: 'NZ',
      currency: 'NZD',
    };
    const answer = await put(tenant, { ...profile, reason: 'we moved' }, token);
    expect(answer.json).toEqual({ tenant_id: tenant, ...profile, updated_at: now.toISOString() });
    expect((await get(tenant, token)).json).toEqual(answer.json);
    await put(tenant, { legal_name: 'Ours Ltd' }, token);
    expect((await get(tenant)).json).toMatchObject({
      legal_name: 'Ours Ltd',
      tax_number: null,
      country: 'AU',
      currency: 'AUD',
    });
    const audit = itemsOf(
      await api.call(`/api/v1/audit?subject_id=${encodeURIComponent(tenant)}`, { token: admin }),
    );
    expect(audit).toMatchObject([
      {
        action: 'billing_profile.put',
        actor: 'tess',
        before: profile,
        after: { legal_name: 'Ours Ltd', country: 'AU' },
      },
      { action: 'billing_profile.put', actor: 'tess', reason: 'we moved', before: null, after: profile },
    ]);
  });

  it('decides which plans a tenant can have', async () => {
    const tenant = newTenant();
    await put(tenant, { country: 'US', currency: 'USD' });
    expect((await subscribe(tenant, 'studio')).answer.json['code']).toBe('currency_mismatch');
    expect((await subscribe(newTenant(), 'studio-usd')).answer.json['code']).toBe('currency_mismatch');
    const other = newTenant();
    await put(other, { currency: 'USD' });
    expect((await subscribe(other, 'studio-usd')).answer.status).toBe(201);
  });

  it('keeps its currency while something that is priced in it is still to be billed', async () => {
    const tenant = newTenant();
    const { id } = await subscribe(tenant, 'studio');
    const refused = await put(tenant, { currency: 'USD' });
    expect([refused.status, refused.json['code'], refused.json['context']]).toEqual([
      409,
      'currency_in_use',
      { currencies: ['AUD'] },
    ]);
    expect((await put(tenant, { country: 'NZ' })).status).toBe(200);
    await post(`/${id}/transition`, { to: 'cancelled' });
    // The month of the cancel is not invoiced yet.
    expect((await put(tenant, { currency: 'USD' })).status).toBe(409);
    await em().execute(
      `insert into tenant_invoices (tenant_id, period_start, number, status, currency, subtotal_cents, tax_cents, total_cents,
         due_cents, tax_rate, issued_at, due_on, created_at, updated_at)
       values (?, '2026-05-01', 'INV-000001', 'issued', 'AUD', 5000, 500, 5500, 5500, 0.1, now(), '2026-06-15', now(), now())`,
      [tenant],
    );
    expect((await put(tenant, { currency: 'USD' })).status).toBe(200);
  });

  it('and a subscription in the old currency are not both made at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const tenant = newTenant();
      const created = await post('', { tenant_id: tenant, slug: 'shop' });
      const [changed, subscribed] = await Promise.all([
        put(tenant, { currency: 'USD' }),
        post(`/${created.json['id']}/subscribe`, { plan_code: 'studio' }),
      ]);
      expect([
        [200, 422],
        [409, 201],
      ]).toContainEqual([changed.status, subscribed.status]);
    }
  });
});
