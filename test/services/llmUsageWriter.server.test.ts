import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import type { LlmUsage } from '../../src/domain/llmUsage.ts';
import { CloudDeployment } from '../../src/entities/cloudDeployment.ts';
import { startOrm } from '../../src/orm.ts';
import { startLlmUsageWriter } from '../../src/services/llmUsageWriter.ts';
import type { LlmUsageReceipt } from '../../src/services/recordLlmUsage.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let orm: MikroORM;
/** Somebody else who writes usage, by hand. */
let other: pg.Client;
const deployments = Array.from({ length: 5 }, () => randomUUID());

beforeAll(async () => {
  database = await createTestDatabase();
  orm = await startOrm({ url: database.appUrl });
  other = new pg.Client({ connectionString: database.appUrl });
  await other.connect();
  await other.query(`select set_config('app.role', 'system', false)`);
  const now = new Date();
  for (const id of deployments) {
    await system().insert(CloudDeployment, {
      id,
      tenantId: 'tenant-a',
      slug: id,
      displayName: id,
      createdAt: now,
      updatedAt: now,
    });
  }
});
afterAll(async () => {
  await other.end();
  await orm.close(true);
  await database.drop();
});

const system = () => forSession(orm, systemSession);
const event = (changes: Partial<LlmUsage> = {}): LlmUsage => ({
  gatewayRequestId: randomUUID(),
  tenantId: 'tenant-a',
  deploymentId: deployments[0] ?? '',
  model: 'some-model',
  tokens: 1_000,
  charge: '0.0125',
  currency: 'AUD',
  occurredAt: new Date(),
  ...changes,
});
/** As many as are written beside another group. */
const many = (...first: LlmUsage[]) => [...first, ...Array.from({ length: 150 }, () => event())];

const chargesOf = async (ids: readonly string[]) => {
  const rows = await system().execute<{ charge: string }[]>(
    `select charge::text as charge from llm_usage_events
     where gateway_request_id in (select jsonb_array_elements_text(?::jsonb))`,
    [JSON.stringify(ids)],
  );
  return rows.map(({ charge }) => charge);
};
const outcomes = (receipts: readonly LlmUsageReceipt[]) => receipts.map(({ outcome }) => outcome);
const countOf = (receipts: readonly LlmUsageReceipt[], outcome: LlmUsageReceipt['outcome']) =>
  receipts.filter((receipt) => receipt.outcome === outcome).length;

/** Resolves when so many of the service's own statements wait for a lock, with their processes, the longest waiting first. */
async function waiters(count: number): Promise<number[]> {
  for (;;) {
    const rows = await system().execute<{ pid: number }[]>(
      `select pid from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock' order by query_start`,
    );
    if (rows.length === count) return rows.map(({ pid }) => pid);
    await delay(20);
  }
}

/** Holds an event's id in a transaction of its own, until that is rolled back. */
async function hold(id: string): Promise<() => Promise<unknown>> {
  await other.query('begin');
  await other.query(
    `insert into llm_usage_events (gateway_request_id, tenant_id, claimed_deployment_id, model, tokens, charge, currency,
       occurred_at, received_at, fingerprint, state)
     values ($1, 'x', 'x', 'x', 1, 1, 'AUD', now(), now(), '', 'billable')`,
    [id],
  );
  return () => other.query('rollback');
}

describe('groups that are written at the same time', () => {
  it('judge an event by what another one that is not committed yet makes of it: stored, duplicate and conflict', async () => {
    const writer = startLlmUsageWriter(orm);
    const shared = event({ gatewayRequestId: `0000-${randomUUID()}`, charge: '1.5' });
    const held = event({ gatewayRequestId: `zzzz-${randomUUID()}` });
    const release = await hold(held.gatewayRequestId);
    const first = writer.submit(many(shared, held));
    await waiters(1);
    const same = writer.submit(many({ ...shared, charge: '1.50' }));
    const changed = writer.submit(many({ ...shared, charge: '1.51' }));
    await waiters(3);
    await release();
    expect(outcomes(await first)).toEqual(Array(152).fill('stored'));
    expect(outcomes(await same)).toEqual(['duplicate', ...Array(150).fill('stored')]);
    expect(outcomes(await changed)).toEqual(['conflict', ...Array(150).fill('stored')]);
    expect((await same)[0]?.id).toBe((await first)[0]?.id);
    expect(await chargesOf([shared.gatewayRequestId])).toEqual(['1.5']);
  });

  it('fail by themselves: an event of a group that is rolled back is stored by the other one that brings it', async () => {
    const writer = startLlmUsageWriter(orm);
    const shared = event({ gatewayRequestId: `0000-${randomUUID()}`, charge: '1.5' });
    const held = event({ gatewayRequestId: `zzzz-${randomUUID()}` });
    const release = await hold(held.gatewayRequestId);
    const first = writer.submit(many(shared, held)).then(
      () => 'stored',
      () => 'failed',
    );
    const [pid] = await waiters(1);
    const second = writer.submit(many({ ...shared, charge: '2' }));
    await waiters(2);
    await other.query('select pg_terminate_backend($1)', [pid]);
    expect(await first).toBe('failed');
    expect(outcomes(await second)).toEqual(Array(151).fill('stored'));
    await release();
    expect(await chargesOf([shared.gatewayRequestId, held.gatewayRequestId])).toEqual(['2']);
  });

  it('never wait for each other in a circle, whatever order their events and the months of late usage come in', async () => {
    const writer = startLlmUsageWriter(orm);
    const events = Array.from({ length: 300 }, (_, index) =>
      event({
        deploymentId: deployments[index % deployments.length] ?? '',
        occurredAt: new Date(Date.UTC(2026, index % 7, 5)),
      }),
    );
    const news = (index: number) =>
      event({
        deploymentId: deployments[index % deployments.length] ?? '',
        occurredAt: new Date(Date.UTC(2026, (index * 3) % 7, 6)),
      });
    const rounds = Array.from({ length: 40 }, (_, index) => {
      const from = (index * 37) % events.length;
      const turned = [
        ...events.slice(from),
        ...events.slice(0, from),
        ...Array.from({ length: 20 }, (__, at) => news(index + at)),
      ];
      const all = index % 5 === 0 ? turned.map((one) => ({ ...one, tokens: one.tokens + index })) : turned;
      return index % 2 === 0 ? all : all.toReversed();
    });
    const receipts = (await Promise.all(rounds.map((round) => writer.submit(round)))).flat();
    expect(receipts).toHaveLength(40 * 320);
    expect(countOf(receipts, 'stored')).toBe(300 + 40 * 20);
    expect(countOf(receipts, 'duplicate') + countOf(receipts, 'conflict')).toBe(39 * 300);
    expect(await chargesOf(events.map(({ gatewayRequestId }) => gatewayRequestId))).toHaveLength(300);
    const late = await system().execute<object[]>(
      `select from late_usage where tenant_id = 'tenant-a' and source_llm and settled_at is null`,
    );
    expect(late).toHaveLength(deployments.length * 7);
  });
});
