import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AlertType } from '../../../src/domain/alerts.ts';
import {
  changeAlertRule,
  createAlertRule,
  deleteAlertRule,
  listAlertRules,
} from '../../../src/services/alerts/alertRules.ts';
import { acknowledgeAlert, listAlerts } from '../../../src/services/alerts/alerts.ts';
import { type EvaluatedAlerts, evaluateAlerts } from '../../../src/services/alerts/evaluateAlerts.ts';
import { createWebhookEndpoint } from '../../../src/services/webhooks/webhookEndpoints.ts';
import { testEncryption } from '../../support/encryption.ts';
import { admin } from '../invoiceWorld.ts';
import { billingWorld } from '../rollup/billingWorld.ts';
import { ingest, openWorld, type World } from '../world.ts';
import { alertWorld } from './alertWorld.ts';

const april = '2026-04-01';
const inMay = new Date('2026-05-10T12:00:00Z');
let world: World;
beforeEach(async () => {
  world = await openWorld();
}, 60_000);
afterEach(() => world.close());

const request = () => ({ actor: admin, now: inMay, reason: 'test' });
const evaluate = (now = inMay): Promise<EvaluatedAlerts> =>
  evaluateAlerts(world.em(), { now, reportingCurrency: 'AUD' });
const rule = (
  type: AlertType,
  threshold: string | null = null,
  more: { currency?: string; tenantId?: string } = {},
) =>
  createAlertRule(
    world.em(),
    { type, threshold, tenantId: null, currency: null, enabled: true, ...more },
    request(),
  );
const alerts = async () =>
  (await listAlerts(world.em(), {}, { limit: 100 }))
    .map(({ subject, state, value, message }) => ({ subject, state, value, message }))
    .toSorted((left, right) => (left.subject < right.subject ? -1 : 1));
const standing = async () => (await alerts()).map(({ subject, state }) => [subject, state]);
const events = () =>
  world.em().execute<{ type: string; subject: string; endpoint: string }[]>(
    `select event_type as type, payload #>> '{data,subject}' as subject, endpoint.url as endpoint
     from webhook_deliveries delivery join webhook_endpoints endpoint on endpoint.id = delivery.endpoint_id
     order by delivery.created_at, event_type, endpoint.url`,
  );

const { rolledUp, tenant, rate, estimate, setHeld } = alertWorld(() => world);

describe('a rule on a tenant’s margin', () => {
  it('opens an alert for who is below it, once, and resolves it when that is over', async () => {
    await rate('1');
    await rolledUp(april);
    await tenant('poor', 10_000, '95.00');
    await tenant('rich', 10_000, '10.00');
    await rule('tenant_margin_below', '20');

    expect(await evaluate()).toEqual({ rules: 1, opened: 1, resolved: 0, unevaluated: [] });
    expect(await alerts()).toEqual([
      {
        subject: 'poor',
        state: 'open',
        value: '5.0',
        message: 'the margin of tenant "poor" in 2026-04 is 5.0%, below 20%',
      },
    ]);
    expect(await evaluate()).toMatchObject({ opened: 0, resolved: 0 });

    await rate('0.5', true);
    expect(await evaluate()).toMatchObject({ opened: 0, resolved: 1 });
    expect(await standing()).toEqual([['poor', 'resolved']]);

    await rate('1', true);
    expect(await evaluate()).toMatchObject({ opened: 1, resolved: 0 });
    expect((await standing()).toSorted()).toEqual([
      ['poor', 'open'],
      ['poor', 'resolved'],
    ]);
  });

  it('of one tenant looks at no other', async () => {
    await rate('1');
    await rolledUp(april);
    await tenant('poor', 10_000, '95.00');
    await tenant('poorer', 10_000, '99.00');
    await rule('tenant_margin_below', '20', { tenantId: 'poorer' });
    await evaluate();
    expect(await standing()).toEqual([['poorer', 'open']]);
  });

  it('that lacks an exchange rate or a side is named, and its alerts stay as they are; other rules go on', async () => {
    await rate('1');
    await rolledUp(april);
    await tenant('poor', 10_000, '95.00');
    const { id } = await rule('tenant_margin_below', '20');
    await rule('period_missed');
    await evaluate();
    await world.em().execute('delete from exchange_rates');
    expect(await evaluate()).toMatchObject({
      rules: 2,
      opened: 0,
      resolved: 0,
      unevaluated: [{ ruleId: id, code: 'missing_exchange_rate' }],
    });
    expect(await standing()).toEqual([['poor', 'open']]);
    await rolledUp('2026-05-01');
    expect(await evaluate()).toMatchObject({ unevaluated: [{ ruleId: id, code: 'cogs_unavailable' }] });
    expect(await standing()).toEqual([['poor', 'open']]);
  });

  it('before any rollup finds nothing', async () => {
    await rule('tenant_margin_below', '20');
    expect(await evaluate()).toEqual({ rules: 1, opened: 0, resolved: 0, unevaluated: [] });
  });
});

describe('a rule on the accrual', () => {
  it('opens an alert for each tenant above it, and keeps that of one who can not be priced', async () => {
    const billing = billingWorld((sql, parameters) => world.em().execute(sql, parameters));
    await billing.seedCatalog();
    const deployments = new Map<string, string>();
    for (const tenantId of ['heavy', 'light', 'odd']) {
      deployments.set(tenantId, await billing.deployment({ tenantId, plan: 'studio', startsOn: april }));
    }
    const charge = (tenantId: string, amount: string) =>
      billing.charge(deployments.get(tenantId) ?? '', amount, '2026-05-02T00:00:00Z');
    await charge('heavy', '500');
    await charge('odd', '500');
    await rule('accrual_above', '400', { currency: 'AUD' });
    await rule('accrual_above', '400', { currency: 'USD' });
    await rule('accrual_above', '1', { currency: 'AUD', tenantId: 'light' });

    expect(await evaluate()).toEqual({ rules: 3, opened: 3, resolved: 0, unevaluated: [] });
    expect(await standing()).toEqual([
      ['heavy', 'open'],
      ['light', 'open'],
      ['odd', 'open'],
    ]);
    expect(await evaluate()).toMatchObject({ opened: 0, resolved: 0 });

    await billing.profile('odd', { currency: 'USD' });
    await world.em().execute(`delete from llm_usage_events where tenant_id = 'heavy'`);
    expect(await evaluate()).toMatchObject({ opened: 0, resolved: 1 });
    expect(await standing()).toEqual([
      ['heavy', 'resolved'],
      ['light', 'open'],
      ['odd', 'open'],
    ]);
  });
});

describe('a rule on unattributed cost', () => {
  it('goes by the last month before this one that was invoiced', async () => {
    const bill = (invoiceUuid: string, period: string, unknown: string) =>
      ingest(world, {
        provider: 'digitalocean',
        invoiceUuid,
        period,
        charges: [
          { name: 'unknown', amount: unknown },
          { name: null, kind: null, lineClass: 'tax', amount: '90.00' },
        ],
      });
    await bill('march', '2026-03-01', '10.00');
    await rule('unattributed_above', '9.9');
    expect(await evaluate()).toMatchObject({ opened: 1 });
    expect(await alerts()).toMatchObject([{ subject: 'digitalocean:USD', state: 'open', value: '10' }]);
    expect(await evaluate()).toMatchObject({ opened: 0, resolved: 0 });
    await bill('april', april, '1.00');
    expect(await evaluate()).toMatchObject({ opened: 0, resolved: 1 });
  });
});

describe('a rule on a provider’s spend', () => {
  it('goes by the newest estimate of the running month, and knows nothing without one', async () => {
    await rule('provider_spend_above', '100.00', { currency: 'USD' });
    await estimate('500', '2026-04-30T00:00:00Z', april);
    expect(await evaluate()).toMatchObject({ opened: 0 });
    await estimate('99', '2026-05-08T00:00:00Z');
    expect(await evaluate()).toMatchObject({ opened: 0 });
    await estimate('100.01', '2026-05-09T00:00:00Z');
    expect(await evaluate()).toMatchObject({ opened: 1 });
    expect(await alerts()).toMatchObject([{ subject: 'digitalocean', state: 'open', value: '100.01' }]);
    expect(await evaluate(new Date('2026-06-01T00:50:00Z'))).toMatchObject({ opened: 0, resolved: 0 });
    await estimate('1', '2026-06-01T01:00:00Z', '2026-06-01');
    expect(await evaluate(new Date('2026-06-01T01:50:00Z'))).toMatchObject({ opened: 0, resolved: 1 });
  });
});

describe('a rule on held invoices', () => {
  it('opens an alert for each, with why, and resolves it once it is ingested', async () => {
    await ingest(world, {
      provider: 'digitalocean',
      invoiceUuid: 'i',
      period: april,
      charges: [{ name: 'a' }],
    });
    await rule('invoice_held');
    expect(await evaluate()).toMatchObject({ opened: 0 });
    await setHeld('i', 'held');
    expect(await evaluate()).toMatchObject({ opened: 1 });
    expect((await alerts())[0]?.message).toBe(
      'the digitalocean invoice of 2026-04 over 1 USD is held: a dollar is missing',
    );
    expect(await evaluate()).toMatchObject({ opened: 0, resolved: 0 });
    await setHeld('i', 'ingested');
    expect(await evaluate()).toMatchObject({ opened: 0, resolved: 1 });
  });
});

describe('a rule on missed periods', () => {
  it('opens an alert for each month that was not rolled up some hours after its end', async () => {
    const billing = billingWorld((sql, parameters) => world.em().execute(sql, parameters));
    await billing.seedCatalog();
    await billing.deployment({ tenantId: 'a', plan: 'studio', startsOn: '2026-03-05' });
    await rolledUp('2026-03-01');
    await rule('period_missed');
    expect(await evaluate(new Date('2026-05-01T02:50:00Z'))).toMatchObject({ opened: 0 });
    expect(await evaluate(new Date('2026-05-01T06:50:00Z'))).toMatchObject({ opened: 1 });
    expect(await alerts()).toMatchObject([
      { subject: april, message: '2026-04 is over and was not rolled up' },
    ]);
    expect(await evaluate()).toMatchObject({ opened: 0, resolved: 0 });
    await rolledUp(april);
    expect(await evaluate()).toMatchObject({ opened: 0, resolved: 1 });
  });
});

describe('an alert', () => {
  beforeEach(async () => {
    await ingest(world, {
      provider: 'digitalocean',
      invoiceUuid: 'i',
      period: april,
      charges: [{ name: 'a' }],
    });
    await setHeld('i', 'held');
  });
  const endpoint = (url: string, eventTypes: ('alert.opened' | 'alert.resolved')[], enabled = true) =>
    createWebhookEndpoint(
      world.em(),
      { url, eventTypes, enabled, secret: `whsec_${randomBytes(32).toString('base64')}` },
      { ...request(), allowLoopback: false, encryption: testEncryption },
    );

  it('that is acknowledged is not opened anew, and is resolved like any other', async () => {
    await rule('invoice_held');
    await evaluate();
    const [alert] = await listAlerts(world.em(), {}, { limit: 1 });
    const acknowledged = await acknowledgeAlert(world.em(), alert?.id ?? '', request());
    expect(acknowledged).toMatchObject({ state: 'acknowledged', acknowledgedReason: 'test' });
    await expect(acknowledgeAlert(world.em(), alert?.id ?? '', request())).rejects.toMatchObject({
      code: 'alert_not_open',
    });
    expect(await acknowledgeAlert(world.em(), randomUUID(), request())).toBeNull();
    expect(await evaluate()).toMatchObject({ opened: 0, resolved: 0 });
    await setHeld('i', 'ingested');
    expect(await evaluate()).toMatchObject({ opened: 0, resolved: 1 });
    expect(await standing()).toMatchObject([[expect.any(String), 'resolved']]);
  });

  it('is opened once by evaluations at the same time', async () => {
    await rule('invoice_held');
    const results = await Promise.all([evaluate(), evaluate(), evaluate()]);
    expect(results.reduce((total, { opened }) => total + opened, 0)).toBe(1);
    expect(await alerts()).toHaveLength(1);
  });

  it('is told to each endpoint that wants it, once when it opens and once when it is resolved', async () => {
    await endpoint('https://both.example.com/', ['alert.opened', 'alert.resolved']);
    await endpoint('https://resolved.example.com/', ['alert.resolved']);
    await endpoint('https://disabled.example.com/', ['alert.opened', 'alert.resolved'], false);
    await rule('invoice_held');
    await evaluate();
    await evaluate();
    await setHeld('i', 'ingested');
    await evaluate(new Date('2026-05-10T13:00:00Z'));
    const told = await events();
    expect(told.map(({ type, endpoint: url }) => [type, url])).toEqual([
      ['alert.opened', 'https://both.example.com/'],
      ['alert.resolved', 'https://both.example.com/'],
      ['alert.resolved', 'https://resolved.example.com/'],
    ]);
    const [row] = await listAlerts(world.em(), {}, { limit: 1 });
    expect(new Set(told.map(({ subject }) => subject))).toEqual(new Set([row?.subject]));
  });

  it.each(['disabled', 'deleted'] as const)(
    'of a rule that is %s is resolved, and stays to be read',
    async (how) => {
      await endpoint('https://both.example.com/', ['alert.opened', 'alert.resolved']);
      const { id } = await rule('invoice_held');
      await evaluate();
      if (how === 'deleted') await deleteAlertRule(world.em(), id, request());
      else await changeAlertRule(world.em(), id, { enabled: false }, request());
      expect(await evaluate()).toEqual({ rules: 0, opened: 0, resolved: 0, unevaluated: [] });
      expect(await standing()).toMatchObject([[expect.any(String), 'resolved']]);
      expect((await events()).map(({ type }) => type)).toEqual(['alert.opened', 'alert.resolved']);
      expect(await listAlertRules(world.em(), { limit: 10 })).toHaveLength(how === 'deleted' ? 0 : 1);
    },
  );
});

describe('a rule', () => {
  it('that makes no sense is refused, also by a change', async () => {
    await expect(async () => rule('accrual_above', '5')).rejects.toMatchObject({
      code: 'invalid_alert_rule',
      field: 'currency',
    });
    const { id } = await rule('period_missed');
    await expect(changeAlertRule(world.em(), id, { threshold: '5' }, request())).rejects.toMatchObject({
      code: 'invalid_alert_rule',
    });
    expect(await changeAlertRule(world.em(), randomUUID(), { enabled: false }, request())).toBeNull();
  });

  it('is audited with each change', async () => {
    const { id } = await rule('unattributed_above', '5');
    await changeAlertRule(world.em(), id, { threshold: '6' }, request());
    await deleteAlertRule(world.em(), id, request());
    const rows = await world
      .em()
      .execute<{ action: string; reason: string; before: object | null }[]>(
        `select action, reason, before from audit_log where subject_id = ? order by id`,
        [id],
      );
    expect(rows.map(({ action, reason }) => [action, reason])).toEqual([
      ['alert_rule.create', 'test'],
      ['alert_rule.change', 'test'],
      ['alert_rule.delete', 'test'],
    ]);
    expect(rows[1]?.before).toMatchObject({ threshold: '5' });
  });
});
