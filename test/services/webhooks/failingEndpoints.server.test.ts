import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createAlertRule } from '../../../src/services/alerts/alertRules.ts';
import { listAlerts } from '../../../src/services/alerts/alerts.ts';
import { evaluateAlerts } from '../../../src/services/alerts/evaluateAlerts.ts';
import { removeOldDeliveries } from '../../../src/services/webhooks/removeOldDeliveries.ts';
import { changeWebhookEndpoint } from '../../../src/services/webhooks/webhookEndpoints.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../../support/webhookReceiver.ts';
import { openWorld, type World } from '../world.ts';
import { drawSecret, webhookWorld } from './webhookWorld.ts';

let world: World;
let receiver: WebhookReceiver;
let endpointId: string;
const { request, endpoint, tell, deliver, stored } = webhookWorld(() => world);
beforeEach(async () => {
  world = await openWorld();
  const secret = drawSecret();
  receiver = await startWebhookReceiver(secret);
  endpointId = await endpoint(receiver.url, secret, '2026-05-01T00:00:00Z');
}, 60_000);
afterEach(async () => {
  await receiver.close();
  await world.close();
});

/** Tells the endpoint something that is in its last try. */
async function lastTry(now: string) {
  await tell(now);
  await world
    .em()
    .execute(`update webhook_deliveries set attempts = 7, next_attempt_at = ? where state = 'pending'`, [
      now,
    ]);
  return deliver(endpointId, now);
}
const audited = () =>
  world
    .em()
    .execute<object[]>(
      `select actor, reason, after ->> 'disabled_reason' as why from audit_log where action = 'webhook_endpoint.disable'`,
    );
const deliveries = async () =>
  (
    await world.em().execute<{ state: string }[]>('select state from webhook_deliveries order by created_at')
  ).map(({ state }) => state);

describe('an endpoint that takes nothing', () => {
  it('for five days is disabled when a webhook is given up, which is audited; what waits for it waits', async () => {
    receiver.answers.push(...Array.from({ length: 10 }, () => 500));
    await tell('2026-05-01T00:00:00Z');
    expect(await deliver(endpointId, '2026-05-01T00:00:00Z')).toMatchObject({ postponed: 1, disabled: null });
    expect(await lastTry('2026-05-05T23:59:59Z')).toMatchObject({ failed: 2, disabled: null });
    await tell('2026-05-06T00:00:00Z');
    expect(await deliver(endpointId, '2026-05-06T00:00:00Z')).toMatchObject({ postponed: 1, disabled: null });
    await tell('2026-05-06T00:00:01Z');
    await world
      .em()
      .execute(
        `update webhook_deliveries set attempts = 7, next_attempt_at = created_at where created_at = '2026-05-06T00:00:00Z'`,
      );
    expect(await deliver(endpointId, '2026-05-06T00:00:01Z')).toMatchObject({
      failed: 1,
      postponed: 1,
      disabled: 'failing',
      next: null,
    });
    expect(await stored(endpointId)).toMatchObject({ enabled: false, reason: 'failing' });
    expect(await audited()).toEqual([
      { actor: 'workflow', reason: 'it has taken nothing since 2026-05-01T00:00:00.000Z', why: 'failing' },
    ]);
    expect(await deliveries()).toEqual(['failed', 'failed', 'failed', 'pending']);

    const count = receiver.received.length;
    expect(await deliver(endpointId, '2026-05-07T00:00:00Z')).toMatchObject({ delivered: 0, next: null });
    expect(receiver.received).toHaveLength(count);
  });

  it('is enabled again over the API, and begins anew', async () => {
    receiver.answers.push(410, 500, 500);
    await tell('2026-05-01T00:00:00Z');
    expect(await deliver(endpointId, '2026-05-01T00:00:00Z')).toMatchObject({ failed: 1, disabled: 'gone' });
    expect(await audited()).toEqual([
      { actor: 'workflow', reason: 'it answered 410: it is gone', why: 'gone' },
    ]);
    const change = { ...request('2026-05-20T00:00:00Z') };
    expect(await changeWebhookEndpoint(world.em(), endpointId, { enabled: true }, change)).toMatchObject({
      enabled: true,
      disabledReason: null,
      failingSince: null,
    });
    expect(await lastTry('2026-05-20T01:00:00Z')).toMatchObject({ failed: 1, disabled: null });
    expect(await lastTry('2026-05-25T00:59:59Z')).toMatchObject({ failed: 1, disabled: null });
    expect(await lastTry('2026-05-26T00:00:00Z')).toMatchObject({ delivered: 1 });
    expect(await stored(endpointId)).toMatchObject({ enabled: true, failingSince: null });
  });

  it('is what a rule of its own opens an alert for, which is resolved once it is enabled', async () => {
    await createAlertRule(
      world.em(),
      { type: 'webhook_disabled', tenantId: null, threshold: null, currency: null, enabled: true },
      request('2026-05-01T00:00:00Z'),
    );
    const evaluate = (now: string) =>
      evaluateAlerts(world.em(), { now: new Date(now), reportingCurrency: 'AUD' });
    expect(await evaluate('2026-05-01T00:00:00Z')).toMatchObject({ opened: 0 });
    receiver.answers.push(410);
    await tell('2026-05-01T01:00:00Z');
    await deliver(endpointId, '2026-05-01T01:00:00Z');
    expect(await evaluate('2026-05-01T02:00:00Z')).toMatchObject({ opened: 1 });
    expect(await listAlerts(world.em(), {}, { limit: 2 })).toMatchObject([
      {
        subject: endpointId,
        state: 'open',
        message: `webhooks to ${new URL(receiver.url).host} are disabled: it answered that it is gone`,
      },
    ]);
    await changeWebhookEndpoint(world.em(), endpointId, { enabled: false }, request('2026-05-01T03:00:00Z'));
    expect(await evaluate('2026-05-01T03:00:00Z')).toMatchObject({ opened: 0, resolved: 1 });
  });
});

describe('a webhook that is over', () => {
  it('is removed once it is old, the oldest first, a batch at a time; what waits stays', async () => {
    const days = ['01', '02', '03', '04', '05'];
    for (const day of days) await tell(`2026-05-${day}T00:00:00Z`);
    await world
      .em()
      .execute(
        `update webhook_deliveries set state = case extract(day from created_at) when 1 then 'failed' when 2 then 'pending' else 'delivered' end`,
      );
    const remove = (before: string, limit: number) =>
      removeOldDeliveries(world.em(), { before: new Date(before), limit });
    expect(await remove('2026-05-01T00:00:00Z', 10)).toBe(0);
    expect(await remove('2026-05-05T00:00:00Z', 1)).toBe(1);
    expect(await deliveries()).toEqual(['pending', 'delivered', 'delivered', 'delivered']);
    expect(await remove('2026-05-05T00:00:00Z', 2)).toBe(2);
    expect(await remove('2026-05-05T00:00:00Z', 2)).toBe(0);
    expect(await deliveries()).toEqual(['pending', 'delivered']);
  });
});
