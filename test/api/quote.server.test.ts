import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Addon } from '../../src/entities/addon.ts';
import { Plan } from '../../src/entities/plan.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, startApi, tokenFor } from './apiUnderTest.ts';
import { revenueSeeder } from './seedRevenue.ts';

let database: TestDatabase;
let api: ApiUnderTest;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl, clock: () => new Date('2026-05-20T23:59:59Z') });
  await revenueSeeder(api.orm).catalog();
  const em = forSession(api.orm, systemSession);
  const createdAt = new Date('2026-04-15T12:00:00Z');
  await em.insert(Plan, { code: 'unpublished', name: 'Unpublished', createdAt });
  await em.insert(Addon, {
    code: 'dollars',
    resourceKind: 'llm_tokens',
    qty: '1',
    priceCents: 1,
    currency: 'USD',
    createdAt,
  });
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

const ask = (body: unknown) => api.call('/api/v1/quote', { method: 'POST', token: tokenFor('tenant'), body });

describe('POST /api/v1/quote', () => {
  it('prices a plan, addons and usage from a day on, every line shown', async () => {
    const { status, json } = await ask({
      plan_code: 'seeded',
      addons: ['seeded_50gb'],
      starts_on: '2026-05-20',
      projected_usage: { droplet_hours: 1500.5, volume_gb_month: '10.25', spaces_gb_month: 50 },
    });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      plan_code: 'seeded',
      version: 1,
      currency: 'AUD',
      starts_on: '2026-05-20',
      recurring: { total_cents: 5750 },
      first_invoice: { total_cents: 2225, lines: [{ amount_cents: 1935 }, { amount_cents: 290 }] },
      overage: { total_cents: 167 },
      all_in_monthly_cents: 5917,
    });
    expect(json['overage']).toMatchObject({
      lines: [
        {
          kind: 'overage',
          resource_kind: 'droplet_hours',
          qty: '12.5',
          unit: 'hour',
          unit_price_cents: '1',
          amount_cents: 13,
          meta: { base_unit: 'hour', used: '1500.5', allowance: '1488', overage: '12.5', above_cap: '0' },
        },
        {
          resource_kind: 'volume_gb_month',
          qty: '10.25',
          unit_price_cents: '15',
          amount_cents: 154,
          meta: { price_effective_from: expect.any(String) },
        },
      ],
    });
  });

  it('starts today, in UTC, where no day is given', async () => {
    const { json } = await ask({ plan_code: 'seeded' });
    expect(json).toMatchObject({ starts_on: '2026-05-20', first_invoice: { total_cents: 1935 } });
  });

  it.each([
    [{ plan_code: 'nothing' }, 'unknown_plan', '/body/plan_code'],
    [{ plan_code: 'unpublished' }, 'plan_not_active', '/body/plan_code'],
    [{ plan_code: 'seeded', addons: ['seeded_50gb', 'nothing'] }, 'unknown_addon', '/body/addons/1'],
    [{ plan_code: 'seeded', addons: ['dollars'] }, 'currency_mismatch', '/body/addons/0'],
    [
      { plan_code: 'seeded', addons: ['seeded_50gb'], projected_usage: { spaces_gb_month: '50.000001' } },
      'unpriced_usage',
      '/body/projected_usage/spaces_gb_month',
    ],
    [
      { plan_code: 'seeded', projected_usage: { droplets: 1 } },
      'invalid_input',
      '/body/projected_usage/droplets',
    ],
    [
      { plan_code: 'seeded', projected_usage: { dns_zones: -1 } },
      'invalid_input',
      '/body/projected_usage/dns_zones',
    ],
    [
      { plan_code: 'seeded', projected_usage: { dns_zones: '1e3' } },
      'invalid_input',
      '/body/projected_usage/dns_zones',
    ],
    [{ plan_code: 'seeded', starts_on: '2026-02-29' }, 'invalid_input', '/body/starts_on'],
    [{}, 'invalid_input', '/body/plan_code'],
  ])('refuses %j as %s, pointing to %s', async (body, code, pointer) => {
    const { status, json } = await ask(body);
    expect([status, json['code']]).toEqual([422, code]);
    expect(json['errors']).toEqual([expect.objectContaining({ pointer })]);
  });

  it('refuses amounts that can not be billed exactly', async () => {
    const { status, json } = await ask({ plan_code: 'seeded', projected_usage: { volume_gb_month: 1e15 } });
    expect([status, json['code']]).toEqual([422, 'amount_too_large']);
  });
});
