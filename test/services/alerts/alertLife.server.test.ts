import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type AlertType, alertTypes } from '../../../src/domain/alerts.ts';
import { createAlertRule } from '../../../src/services/alerts/alertRules.ts';
import { acknowledgeAlert, listAlerts } from '../../../src/services/alerts/alerts.ts';
import { evaluateAlerts } from '../../../src/services/alerts/evaluateAlerts.ts';
import { changeWebhookEndpoint } from '../../../src/services/webhooks/webhookEndpoints.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../../support/webhookReceiver.ts';
import { billingWorld } from '../rollup/billingWorld.ts';
import { drawSecret, webhookWorld } from '../webhooks/webhookWorld.ts';
import { ingest, openWorld, type World } from '../world.ts';
import { alertWorld } from './alertWorld.ts';

const now = '2026-05-10T12:00:00Z';
const april = '2026-04-01';
let world: World;
let receiver: WebhookReceiver;
let endpointId: string;
const { request, endpoint, deliver } = webhookWorld(() => world);
const { rolledUp, tenant, rate, estimate, setHeld } = alertWorld(() => world);
const billing = billingWorld((sql, parameters) => world.em().execute(sql, parameters));

beforeEach(async () => {
  world = await openWorld();
  const secret = drawSecret();
  receiver = await startWebhookReceiver(secret);
  endpointId = await endpoint(receiver.url, secret, now);
}, 60_000);
afterEach(async () => {
  await receiver.close();
  await world.close();
});

/** What a rule looks at, and what makes it so and not so, as often as one likes. */
interface Kind {
  readonly threshold: string | null;
  readonly currency?: string;
  readonly subject: string | (() => string);
  readonly value: string | null;
  readonly prepare: () => Promise<unknown>;
  readonly begin: (time: number) => Promise<unknown>;
  readonly end: (time: number) => Promise<unknown>;
}

/** The provider invoices April anew: of 90 dollars tax and so much that nobody is known for. */
const billed = (unknown: string) =>
  ingest(world, {
    provider: 'digitalocean',
    invoiceUuid: 'april',
    period: april,
    charges: [
      { name: 'unknown', amount: unknown },
      { name: null, kind: null, lineClass: 'tax', amount: '90.00' },
    ],
  });
const estimatedAt = (time: number) => `2026-05-09T0${time}:00:00Z`;
let heavy: string;
let other: string;
let invoice: string;

const kinds: Readonly<Record<AlertType, Kind>> = {
  tenant_margin_below: {
    threshold: '20',
    subject: 'poor',
    value: '5.0',
    async prepare() {
      await rate('0.5');
      await rolledUp(april);
      await tenant('poor', 10_000, '95.00');
    },
    begin: () => rate('1', true),
    end: () => rate('0.5', true),
  },
  accrual_above: {
    threshold: '400',
    currency: 'AUD',
    subject: 'heavy',
    value: null,
    async prepare() {
      await billing.seedCatalog();
      heavy = await billing.deployment({ tenantId: 'heavy', plan: 'studio', startsOn: april });
    },
    begin: () => billing.charge(heavy, '500', '2026-05-02T00:00:00Z'),
    end: () => world.em().execute('delete from llm_usage_events'),
  },
  unattributed_above: {
    threshold: '9.9',
    subject: 'digitalocean:USD',
    value: '10',
    prepare: () => billed('1.00'),
    begin: () => billed('10.00'),
    end: () => billed('1.00'),
  },
  provider_spend_above: {
    threshold: '100',
    currency: 'USD',
    subject: 'digitalocean',
    value: '150',
    prepare: () => estimate('90', estimatedAt(0)),
    begin: (time) => estimate('150', estimatedAt(time)),
    end: (time) => estimate('95', estimatedAt(time)),
  },
  invoice_held: {
    threshold: null,
    subject: () => invoice,
    value: null,
    async prepare() {
      await billed('1.00');
      const [row] = await world.em().execute<{ id: string }[]>('select id from cloud_invoices');
      invoice = row?.id ?? '';
    },
    begin: () => setHeld('april', 'held'),
    end: () => setHeld('april', 'ingested'),
  },
  period_missed: {
    threshold: null,
    subject: april,
    value: null,
    async prepare() {
      await billing.seedCatalog();
      await billing.deployment({ tenantId: 'a', plan: 'studio', startsOn: '2026-03-05' });
      await rolledUp('2026-03-01');
      await rolledUp(april);
    },
    begin: () => world.em().execute(`delete from period_ledger where period_start = ?`, [april]),
    end: () => rolledUp(april),
  },
  webhook_disabled: {
    threshold: null,
    subject: () => other,
    value: null,
    async prepare() {
      other = await endpoint('https://other.example.com/', drawSecret(), now);
    },
    begin: () =>
      world
        .em()
        .execute(`update webhook_endpoints set enabled = false, disabled_reason = 'gone' where id = ?`, [
          other,
        ]),
    end: () => changeWebhookEndpoint(world.em(), other, { enabled: true }, request(now)),
  },
};

const evaluate = async () => {
  const { opened, resolved, unevaluated } = await evaluateAlerts(world.em(), {
    now: new Date(now),
    reportingCurrency: 'AUD',
  });
  expect(unevaluated).toEqual([]);
  return { opened, resolved };
};
/** Alerts, those that are over first. */
const alerts = async () => {
  const all = await listAlerts(world.em(), {}, { limit: 10 });
  return all.toSorted(
    (left, right) => Number(right.state === 'resolved') - Number(left.state === 'resolved'),
  );
};
const send = () => deliver(endpointId, now);
const told = () =>
  receiver.received.map(({ body }) => {
    const { type, data } = JSON.parse(body);
    return { type, alert: data.alert_id, rule: data.rule_type, subject: data.subject };
  });

describe('an alert', () => {
  it.each(alertTypes)(
    'of %s is opened once, acknowledged, resolved, and opened anew when it comes again; each is sent',
    async (type) => {
      const { threshold, currency = null, subject: named, value, prepare, begin, end } = kinds[type];
      await prepare();
      await createAlertRule(
        world.em(),
        { type, threshold, currency, tenantId: null, enabled: true },
        request(now),
      );
      expect(await evaluate()).toEqual({ opened: 0, resolved: 0 });

      await begin(1);
      expect(await evaluate()).toEqual({ opened: 1, resolved: 0 });
      const subject = typeof named === 'string' ? named : named();
      const [first] = await alerts();
      expect(first).toMatchObject({ subject, state: 'open', ...(value === null ? {} : { value }) });
      expect(await send()).toMatchObject({ delivered: 1 });
      expect(await evaluate()).toEqual({ opened: 0, resolved: 0 });

      await acknowledgeAlert(world.em(), first?.id ?? '', request(now));
      expect(await evaluate()).toEqual({ opened: 0, resolved: 0 });
      expect(await alerts()).toMatchObject([{ id: first?.id, state: 'acknowledged' }]);
      expect(await send()).toMatchObject({ delivered: 0 });

      await end(2);
      expect(await evaluate()).toEqual({ opened: 0, resolved: 1 });
      expect(await evaluate()).toEqual({ opened: 0, resolved: 0 });
      expect(await send()).toMatchObject({ delivered: 1 });

      await begin(3);
      expect(await evaluate()).toEqual({ opened: 1, resolved: 0 });
      expect(await evaluate()).toEqual({ opened: 0, resolved: 0 });
      expect(await send()).toMatchObject({ delivered: 1, next: null });
      const [over, again, ...more] = await alerts();
      expect(over).toMatchObject({ id: first?.id, state: 'resolved', acknowledgedReason: 'test' });
      expect(again).toMatchObject({ subject, state: 'open' });
      expect(more).toEqual([]);

      const event = { rule: type, subject };
      expect(told()).toEqual([
        { type: 'alert.opened', alert: first?.id, ...event },
        { type: 'alert.resolved', alert: first?.id, ...event },
        { type: 'alert.opened', alert: again?.id, ...event },
      ]);
      expect(receiver.received.map(({ isSigned }) => isSigned)).toEqual([true, true, true]);
      expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(3);
    },
  );
});
