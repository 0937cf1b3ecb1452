import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import fc from 'fast-check';
import type { LlmUsage } from '../../src/domain/llmUsage.ts';
import { BillingProfile } from '../../src/entities/billingProfile.ts';
import { CloudDeployment } from '../../src/entities/cloudDeployment.ts';
import { startOrm } from '../../src/orm.ts';
import { recordLlmUsage } from '../../src/services/recordLlmUsage.ts';
import { forSession, type Session, systemSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let orm: MikroORM;
const deployment = randomUUID();
const theirs = randomUUID();
const inDollars = randomUUID();

beforeAll(async () => {
  database = await createTestDatabase();
  orm = await startOrm({ url: database.appUrl });
  const em = system();
  const now = new Date();
  for (const [id, tenantId] of [
    [deployment, 'tenant-a'],
    [theirs, 'tenant-b'],
    [inDollars, 'tenant-usd'],
  ] as const) {
    await em.insert(CloudDeployment, {
      id,
      tenantId,
      slug: id,
      displayName: id,
      createdAt: now,
      updatedAt: now,
    });
  }
  await em.insert(BillingProfile, { tenantId: 'tenant-usd', country: 'US', currency: 'USD', updatedAt: now });
});
afterAll(async () => {
  await orm.close(true);
  await database.drop();
});

const gateway: Session = { role: 'gateway', tenantId: '', subject: 'test-gateway' };
const system = () => forSession(orm, systemSession);
const record = (...events: LlmUsage[]) => recordLlmUsage(orm, events);
const event = (changes: Partial<LlmUsage> = {}): LlmUsage => ({
  gatewayRequestId: randomUUID(),
  tenantId: 'tenant-a',
  deploymentId: deployment,
  model: 'some-model',
  tokens: 1_000,
  charge: '0.0125',
  currency: 'AUD',
  occurredAt: new Date(),
  ...changes,
});

interface StoredRow {
  readonly gateway_request_id: string;
  readonly tenant_id: string;
  readonly claimed_deployment_id: string;
  readonly deployment_id: string | null;
  readonly model: string;
  readonly tokens: string;
  readonly charge: string;
  readonly currency: string;
  /** To the microsecond. */
  readonly occurred_at: string;
  readonly state: string;
  readonly problem: string | null;
}
const stored = (ids: readonly string[]) =>
  system().execute<StoredRow[]>(
    `select gateway_request_id, tenant_id, claimed_deployment_id, deployment_id, model, tokens, charge::text as charge, currency,
       to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as occurred_at, state, problem
     from llm_usage_events where gateway_request_id in (select jsonb_array_elements_text(?::jsonb)) order by 1`,
    [JSON.stringify(ids)],
  );
const asSent = (sent: LlmUsage) => ({
  gateway_request_id: sent.gatewayRequestId,
  tenant_id: sent.tenantId,
  claimed_deployment_id: sent.deploymentId,
  deployment_id: sent.deploymentId,
  model: sent.model,
  tokens: String(sent.tokens),
  charge: sent.charge,
  currency: sent.currency,
  occurred_at: sent.occurredAt.toISOString().replace('Z', '000Z'),
  state: 'billable',
  problem: null,
});

describe('an event', () => {
  it('is stored as it was said, to the last digit', async () => {
    const sent = event({
      charge: '999999999999.000000000000000001',
      tokens: Number.MAX_SAFE_INTEGER,
      model: `o'Reilly \\ "x" 🦜\n\t$1 ?`,
      occurredAt: new Date('2026-02-28T23:59:59.999Z'),
    });
    expect(await record(sent)).toMatchObject([{ outcome: 'stored', state: 'billable', problem: null }]);
    expect(await stored([sent.gatewayRequestId])).toEqual([asSent(sent)]);
  });

  it('counts once, for ever: the same again is a duplicate, and other content under its id a conflict that changes nothing', async () => {
    const sent = event({ charge: '1.5' });
    const [first] = await record(sent);
    expect(await record({ ...sent, charge: '1.50' })).toEqual([{ ...first, outcome: 'duplicate' }]);
    for (const changes of [
      { charge: '1.51' },
      { tokens: 1_001 },
      { model: 'other' },
      { tenantId: 'tenant-b' },
      { deploymentId: theirs },
      { currency: 'USD' },
      { occurredAt: new Date(sent.occurredAt.getTime() + 1) },
    ]) {
      expect(await record({ ...sent, ...changes })).toEqual([{ ...first, outcome: 'conflict' }]);
    }
    expect(await stored([sent.gatewayRequestId])).toEqual([asSent(sent)]);
  });

  it('is told from others of its id inside one call too: the first one counts', async () => {
    const sent = event();
    const receipts = await record(sent, { ...sent, tokens: 7 }, sent, event());
    expect(receipts.map(({ outcome }) => outcome)).toEqual(['stored', 'conflict', 'duplicate', 'stored']);
    expect(await stored([sent.gatewayRequestId])).toEqual([asSent(sent)]);
  });

  it.each<readonly [name: string, problem: string, changes: () => Partial<LlmUsage>]>([
    ['of a deployment that is not there', 'unknown_deployment', () => ({ deploymentId: randomUUID() })],
    ['of what is no id of a deployment', 'unknown_deployment', () => ({ deploymentId: 'pilot' })],
    ["of another tenant's deployment", 'unknown_deployment', () => ({ deploymentId: theirs })],
    ['of a tenant that is not there', 'unknown_deployment', () => ({ tenantId: 'nobody' })],
    ['in another currency than the default', 'other_currency', () => ({ currency: 'USD' })],
    [
      "in another currency than its tenant's",
      'other_currency',
      () => ({ tenantId: 'tenant-usd', deploymentId: inDollars }),
    ],
  ])('%s is stored and waits, with its problem', async (_name, problem, changes) => {
    const sent = event(changes());
    const [first] = await record(sent);
    expect(first).toMatchObject({ outcome: 'stored', state: 'unassigned', problem });
    expect(await record(sent)).toEqual([{ ...first, outcome: 'duplicate' }]);
    expect(await stored([sent.gatewayRequestId])).toEqual([
      { ...asSent(sent), deployment_id: null, state: 'unassigned', problem },
    ]);
  });

  it("is billable in its tenant's own currency, and by an id in any case", async () => {
    const sent = event({
      tenantId: 'tenant-usd',
      deploymentId: inDollars.toUpperCase(),
      currency: 'USD',
    });
    await record(sent);
    expect(await stored([sent.gatewayRequestId])).toEqual([{ ...asSent(sent), deployment_id: inDollars }]);
  });
});

/** Twelve events and any sequence of calls that brings each of them at least once, in any order, alone or with others. */
const deliveries = fc
  .record({
    contents: fc.array(
      fc.record({
        model: fc
          .string({ unit: 'binary', minLength: 1, maxLength: 20 })
          .filter((text) => !text.includes('\0')),
        tokens: fc.maxSafeNat(),
        cents: fc.nat(10_000_000),
        isKnown: fc.boolean(),
        seconds: fc.nat(100 * 24 * 3600),
      }),
      { minLength: 1, maxLength: 12 },
    ),
    again: fc.array(fc.nat(), { maxLength: 24 }),
    order: fc.array(fc.nat(), { minLength: 36, maxLength: 36 }),
    cuts: fc.array(fc.boolean(), { minLength: 36, maxLength: 36 }),
  })
  .map(({ contents, again, order, cuts }) => {
    const events = contents.map(({ model, tokens, cents, isKnown, seconds }) =>
      event({
        model,
        tokens,
        charge: `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`,
        deploymentId: isKnown ? deployment : 'unknown',
        occurredAt: new Date(Date.parse('2026-01-01T00:00:00Z') + seconds * 1_000),
      }),
    );
    const all = [...events, ...again.flatMap((number) => events[number % events.length] ?? [])];
    const shuffled = all
      .map((sent, index) => ({ sent, key: order[index] ?? 0 }))
      .sort((left, right) => left.key - right.key)
      .map(({ sent }) => sent);
    const calls: LlmUsage[][] = [[]];
    for (const [index, sent] of shuffled.entries()) {
      if (cuts[index]) calls.push([]);
      calls.at(-1)?.push(sent);
    }
    return { events, calls: calls.filter((call) => call.length > 0) };
  });

describe('a set of events', () => {
  const expected = (events: readonly LlmUsage[]) =>
    events
      .map((sent) => ({
        ...asSent(sent),
        ...(sent.deploymentId === deployment
          ? {}
          : { deployment_id: null, state: 'unassigned', problem: 'unknown_deployment' }),
      }))
      .sort((left, right) => (left.gateway_request_id < right.gateway_request_id ? -1 : 1));

  it('is stored the same, whatever the order, the split into calls and the repetitions, one call after the other', async () => {
    await fc.assert(
      fc.asyncProperty(deliveries, async ({ events, calls }) => {
        const receipts = [];
        for (const call of calls) receipts.push(...(await record(...call)));
        const ids = events.map(({ gatewayRequestId }) => gatewayRequestId);
        expect(await stored(ids)).toEqual(expected(events));
        const outcomes = receipts.map(({ outcome }) => outcome);
        expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(events.length);
        expect(outcomes).not.toContain('conflict');
      }),
      { numRuns: 40 },
    );
  });

  it('is stored the same where all calls come at once', async () => {
    await fc.assert(
      fc.asyncProperty(deliveries, async ({ events, calls }) => {
        const receipts = (await Promise.all(calls.map((call) => record(...call)))).flat();
        const ids = events.map(({ gatewayRequestId }) => gatewayRequestId);
        expect(await stored(ids)).toEqual(expected(events));
        expect(receipts.filter(({ outcome }) => outcome === 'stored')).toHaveLength(events.length);
      }),
      { numRuns: 40 },
    );
  });

  it('never makes two writers wait for each other: 30 at once bring the same 200 events, each in an order of its own', async () => {
    const events = Array.from({ length: 200 }, () => event());
    const rounds = Array.from({ length: 30 }, (_, index) => {
      const turned = [...events.slice(index * 6), ...events.slice(0, index * 6)];
      return index % 2 === 0 ? turned : turned.reverse();
    });
    const receipts = (await Promise.all(rounds.map((round) => record(...round)))).flat();
    expect(receipts.filter(({ outcome }) => outcome === 'stored')).toHaveLength(200);
    expect(receipts.filter(({ outcome }) => outcome === 'duplicate')).toHaveLength(29 * 200);
  });
});

describe('late usage', () => {
  const lateOf = (deploymentId: string) =>
    system().execute<object[]>(
      `select usage_month::text as usage_month, tenant_id, source_metered, source_llm, settled_at from late_usage
       where deployment_id = ? order by 1`,
      [deploymentId],
    );
  const open = { tenant_id: 'tenant-late', source_metered: false, source_llm: true, settled_at: null };
  const newDeployment = async () => {
    const id = randomUUID();
    const now = new Date();
    await system().insert(CloudDeployment, {
      id,
      tenantId: 'tenant-late',
      slug: id,
      displayName: id,
      createdAt: now,
      updatedAt: now,
    });
    return id;
  };
  const late = (deploymentId: string, time: string, changes: Partial<LlmUsage> = {}) =>
    event({ tenantId: 'tenant-late', deploymentId, occurredAt: new Date(time), ...changes });

  it('is noted once a deployment and month that ended before the event was received, by its UTC day', async () => {
    const id = await newDeployment();
    await record(
      late(id, '2026-01-31T23:59:59.999Z'),
      late(id, '2026-01-01T00:00:00Z'),
      late(id, '2026-02-01T00:30:00+01:00'),
      late(id, '2026-02-01T00:00:00Z'),
    );
    await record(late(id, '2026-02-28T12:00:00Z'));
    expect(await lateOf(id)).toEqual([
      { ...open, usage_month: '2026-01-01' },
      { ...open, usage_month: '2026-02-01' },
    ]);
  });

  it('is not noted for the month under way, for what waits unassigned, for a duplicate or for a conflict', async () => {
    const id = await newDeployment();
    await record(event({ tenantId: 'tenant-late', deploymentId: id }));
    await record(late(id, '2026-01-10T00:00:00Z', { currency: 'USD' }));
    await record(late('unknown', '2026-01-10T00:00:00Z'));
    expect(await lateOf(id)).toEqual([]);
    const sent = late(id, '2026-01-10T00:00:00Z');
    await record(sent);
    const settle = () =>
      system().execute('update late_usage set settled_at = now() where deployment_id = ?', [id]);
    await settle();
    await record(sent);
    await record({ ...sent, charge: '2' });
    expect(await lateOf(id)).toMatchObject([{ usage_month: '2026-01-01', settled_at: expect.any(String) }]);
  });

  it('is open again where more comes after it was settled, and keeps its other source', async () => {
    const id = await newDeployment();
    await system().execute(
      `insert into late_usage (deployment_id, usage_month, tenant_id, source_metered, noticed_at, settled_at)
       values (?, '2026-01-01', 'tenant-late', true, now(), now())`,
      [id],
    );
    await record(late(id, '2026-01-10T00:00:00Z'));
    expect(await lateOf(id)).toEqual([{ ...open, usage_month: '2026-01-01', source_metered: true }]);
  });
});

describe("the gateway's own rights", () => {
  it('end at adding and reading usage: it changes and deletes none, and adds nothing elsewhere', async () => {
    const sent = event();
    await record(sent);
    const em = () => forSession(orm, gateway);
    expect(await em().execute<object[]>(`update llm_usage_events set charge = 0 returning id`)).toEqual([]);
    expect(await em().execute<object[]>(`delete from llm_usage_events returning id`)).toEqual([]);
    expect(await em().execute<object[]>(`update cloud_deployments set slug = 'x' returning id`)).toEqual([]);
    expect(await em().execute<object[]>(`update billing_profiles set currency = 'EUR' returning 1`)).toEqual(
      [],
    );
    expect(await stored([sent.gatewayRequestId])).toEqual([asSent(sent)]);
  });

  it.each([
    ['tenant', 'tenant-a'],
    ['finance', ''],
    ['platform_viewer', ''],
  ] as const)('are not shared: the role %s adds no usage', async (role, tenantId) => {
    const insert = forSession(orm, { role, tenantId, subject: 'test' }).execute(
      `insert into llm_usage_events (gateway_request_id, tenant_id, claimed_deployment_id, model, tokens, charge, currency,
         occurred_at, received_at, fingerprint, state)
       values ('x', 'tenant-a', 'x', 'x', 1, 1, 'AUD', now(), now(), '', 'billable')`,
    );
    await expect(insert).rejects.toThrow(/row-level security/);
  });
});
