import { hash } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import type { PoolClient } from 'pg';
import { canonicalText, type LlmUsage, type LlmUsageProblem } from '../domain/llmUsage.ts';
import type { LlmUsageState } from '../entities/llmUsageEvent.ts';
import { inSession, type Session } from '../session.ts';
import { arrayLiteral } from './arrayLiteral.ts';
import { noteLateLlmUsage } from './lateLlmUsage.ts';

/** What became of an event. `conflict`: its id belongs to an event with other content, which stays as it is. */
export interface LlmUsageReceipt {
  readonly outcome: 'stored' | 'duplicate' | 'conflict';
  /** Of the stored row. */
  readonly id: string;
  readonly state: LlmUsageState;
  readonly problem: LlmUsageProblem | null;
}

interface StoredEvent {
  readonly id: string;
  readonly gateway_request_id: string;
  readonly state: LlmUsageState;
  readonly problem: LlmUsageProblem | null;
}

/** One that was there before. */
interface KnownEvent extends StoredEvent {
  readonly fingerprint: string;
}

/** An event that is new as far as its call knows. */
interface Candidate {
  readonly event: LlmUsage;
  readonly fingerprint: string;
}

/**
 * Stores events once each, for ever, all of them or none: whatever their order, however they are split into calls, however often
 * and by how many at once they come. The unique id decides. One of an unknown deployment or another currency than its tenant's
 * is stored as unassigned; one of a month that had ended before it was received, by the database's clock, is noted as late usage.
 * @returns one receipt an event, in their order
 */
export async function recordLlmUsage(orm: MikroORM, events: readonly LlmUsage[]): Promise<LlmUsageReceipt[]> {
  const candidates = events.map((event) => ({
    event,
    fingerprint: hash('sha256', canonicalText(event), 'base64url'),
  }));
  const firsts = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const id = candidate.event.gatewayRequestId;
    if (!firsts.has(id)) firsts.set(id, candidate);
  }
  const { inserted, known } = await inSession(orm, gatewaySession, async (client) => {
    const inserted = byRequest(await insertEvents(client, [...firsts.values()]));
    const others = [...firsts.keys()].filter((id) => !inserted.has(id));
    // A statement of its own: what another writer has committed since the first one began is visible to it alone.
    return { inserted, known: byRequest(await findEvents(client, others)) };
  });
  return candidates.map((candidate) => {
    const id = candidate.event.gatewayRequestId;
    const first = firsts.get(id);
    const own = inserted.get(id);
    if (own !== undefined && first === candidate) return receiptOf('stored', own);
    const other = known.get(id);
    const row = own ?? other;
    if (row === undefined) throw new Error(`the event ${id} was neither stored nor found`);
    const fingerprint = other?.fingerprint ?? first?.fingerprint;
    return receiptOf(candidate.fingerprint === fingerprint ? 'duplicate' : 'conflict', row);
  });
}

const byRequest = <Row extends StoredEvent>(rows: readonly Row[]): ReadonlyMap<string, Row> =>
  new Map(rows.map((row) => [row.gateway_request_id, row]));

const receiptOf = (
  outcome: LlmUsageReceipt['outcome'],
  { id, state, problem }: StoredEvent,
): LlmUsageReceipt => ({ outcome, id, state, problem });

/** Whoever of the gateway's callers brought the events: rows of all tenants, and nothing but usage. */
const gatewaySession: Session = { role: 'gateway', tenantId: '', subject: 'gateway' };

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * In the order of their ids: of two groups that bring the same events, one waits for the other, and never each for the other.
 * @returns those that were new
 */
async function insertEvents(
  client: PoolClient,
  candidates: readonly Candidate[],
): Promise<readonly StoredEvent[]> {
  const { claims, numbers } = claimsOf(candidates);
  const column = (value: (candidate: Candidate) => string | number) => arrayLiteral(candidates.map(value));
  const result = await client.query<StoredEvent>({
    ...insertStatement,
    values: [
      column(({ event }) => event.gatewayRequestId),
      arrayLiteral(numbers),
      column(({ event }) => event.model),
      column(({ event }) => event.tokens),
      column(({ event }) => event.charge),
      column(({ event }) => event.currency),
      column(({ event }) => event.occurredAt.toISOString()),
      column(({ fingerprint }) => fingerprint),
      arrayLiteral(claims.map(({ tenantId }) => tenantId)),
      arrayLiteral(claims.map(({ deploymentId }) => deploymentId)),
      arrayLiteral(claims.map(({ deploymentId }) => (guid.test(deploymentId) ? deploymentId : null))),
    ],
  });
  return result.rows;
}

/** Whom events are said to be of, each payer once, and for each event the number of its own, from 1: there are fewer payers than events. */
function claimsOf(candidates: readonly Candidate[]): { claims: readonly LlmUsage[]; numbers: number[] } {
  const claims: LlmUsage[] = [];
  const known = new Map<string, number>();
  const numbers = candidates.map(({ event }) => {
    // NUL is in neither.
    const key = `${event.tenantId}\0${event.deploymentId}`;
    const number = known.get(key) ?? claims.push(event);
    known.set(key, number);
    return number;
  });
  return { claims, numbers };
}

/** By its name each connection prepares it once. */
const insertStatement = {
  name: 'insert_llm_usage',
  text: `with claim as materialized (
      select c.number, c.tenant_id, c.claimed_deployment_id, d.id as known_id, coalesce(b.currency, 'AUD') as billed_in
      from unnest($9::text[], $10::text[], $11::uuid[]) with ordinality as c (tenant_id, claimed_deployment_id, claimed_uuid, number)
      left join cloud_deployments d on d.id = c.claimed_uuid and d.tenant_id = c.tenant_id
      left join billing_profiles b on b.tenant_id = c.tenant_id
    ), event as (
      select e.*, c.tenant_id, c.claimed_deployment_id, c.known_id,
        case when c.known_id is null then '${'unknown_deployment' satisfies LlmUsageProblem}'
             when e.currency <> c.billed_in then '${'other_currency' satisfies LlmUsageProblem}' end as problem
      from unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::numeric[], $6::text[], $7::timestamptz[], $8::text[])
        as e (gateway_request_id, claim_number, model, tokens, charge, currency, occurred_at, fingerprint)
      join claim c on c.number = e.claim_number
    ), inserted as (
      insert into llm_usage_events (gateway_request_id, tenant_id, claimed_deployment_id, deployment_id, model, tokens, charge,
        currency, occurred_at, received_at, fingerprint, state, problem)
      select gateway_request_id, tenant_id, claimed_deployment_id, case when problem is null then known_id end, model, tokens, charge,
        currency, occurred_at, now(), fingerprint, case when problem is null then 'billable' else 'unassigned' end, problem
      from event
      order by gateway_request_id
      on conflict (gateway_request_id) do nothing
      returning id, gateway_request_id, tenant_id, deployment_id, occurred_at, state, problem
    ), late as (
      ${noteLateLlmUsage('inserted')}
    )
    select id, gateway_request_id, state, problem from inserted`,
};

async function findEvents(
  client: PoolClient,
  gatewayRequestIds: readonly string[],
): Promise<readonly KnownEvent[]> {
  if (gatewayRequestIds.length === 0) return [];
  const result = await client.query<KnownEvent>({
    ...findStatement,
    values: [arrayLiteral(gatewayRequestIds)],
  });
  return result.rows;
}

const findStatement = {
  name: 'find_llm_usage',
  text: `select id, gateway_request_id, fingerprint, state, problem from llm_usage_events
         where gateway_request_id = any($1::text[])`,
};
