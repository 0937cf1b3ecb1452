import { hash } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import type { PoolClient } from 'pg';
import { canonicalText, type LlmUsage, type LlmUsageProblem } from '../domain/llmUsage.ts';
import type { LlmUsageState } from '../entities/llmUsageEvent.ts';
import { inSession, type Session } from '../session.ts';
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
  readonly fingerprint: string;
  readonly state: LlmUsageState;
  readonly problem: LlmUsageProblem | null;
}

/**
 * Stores events once each, for ever, all of them or none: whatever their order, however they are split into calls, however often
 * and by how many at once they come. The unique id decides. One of an unknown deployment or another currency than its tenant's
 * is stored as unassigned; one of a month that had ended before it was received, by the database's clock, is noted as late usage.
 * @returns one receipt an event, in their order
 */
export async function recordLlmUsage(orm: MikroORM, events: readonly LlmUsage[]): Promise<LlmUsageReceipt[]> {
  const prints = events.map((event) => hash('sha256', canonicalText(event), 'base64url'));
  const firsts = new Map<string, number>();
  for (const [index, event] of events.entries()) {
    if (!firsts.has(event.gatewayRequestId)) firsts.set(event.gatewayRequestId, index);
  }
  const rows = events.flatMap((event, index) =>
    firsts.get(event.gatewayRequestId) === index ? [toRow(event, prints[index] ?? '')] : [],
  );
  const { inserted, found } = await inSession(orm, gatewaySession, async (client) => {
    const inserted = await insertEvents(client, rows);
    const newIds = new Set(inserted.map((row) => row.gateway_request_id));
    const known = [...firsts.keys()].filter((id) => !newIds.has(id));
    // A statement of its own: what another writer has committed since the first one began is visible to it alone.
    return { inserted: newIds, found: [...inserted, ...(await findEvents(client, known))] };
  });
  const stored = new Map(found.map((row) => [row.gateway_request_id, row]));
  return events.map((event, index) => {
    const row = stored.get(event.gatewayRequestId);
    if (row === undefined)
      throw new Error(`the event ${event.gatewayRequestId} was neither stored nor found`);
    const isNew = inserted.has(event.gatewayRequestId) && firsts.get(event.gatewayRequestId) === index;
    const outcome = isNew ? 'stored' : row.fingerprint === prints[index] ? 'duplicate' : 'conflict';
    return { outcome, id: row.id, state: row.state, problem: row.problem };
  });
}

/** Whoever of the gateway's callers brought the events: rows of all tenants, and nothing but usage. */
const gatewaySession: Session = { role: 'gateway', tenantId: '', subject: 'gateway' };

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const toRow = (event: LlmUsage, fingerprint: string) => ({
  gateway_request_id: event.gatewayRequestId,
  tenant_id: event.tenantId,
  claimed_deployment_id: event.deploymentId,
  claimed_uuid: guid.test(event.deploymentId) ? event.deploymentId : null,
  model: event.model,
  tokens: event.tokens,
  charge: event.charge,
  currency: event.currency,
  occurred_at: event.occurredAt,
  fingerprint,
});

/**
 * In the order of their ids: of two groups that bring the same events, one waits for the other, and never each for the other.
 * @returns those that were new
 */
async function insertEvents(
  client: PoolClient,
  rows: readonly ReturnType<typeof toRow>[],
): Promise<readonly StoredEvent[]> {
  const result = await client.query<StoredEvent>({ ...insertStatement, values: [JSON.stringify(rows)] });
  return result.rows;
}

/** By its name each connection prepares it once. */
const insertStatement = {
  name: 'insert_llm_usage',
  text: `with event as (
      select e.*, d.id as known_id,
        case when d.id is null then '${'unknown_deployment' satisfies LlmUsageProblem}'
             when e.currency <> coalesce(b.currency, 'AUD') then '${'other_currency' satisfies LlmUsageProblem}' end as problem
      from json_to_recordset($1::json) as e (gateway_request_id text, tenant_id text, claimed_deployment_id text, claimed_uuid uuid,
        model text, tokens bigint, charge numeric, currency text, occurred_at timestamptz, fingerprint text)
      left join cloud_deployments d on d.id = e.claimed_uuid and d.tenant_id = e.tenant_id
      left join billing_profiles b on b.tenant_id = e.tenant_id
    ), inserted as (
      insert into llm_usage_events (gateway_request_id, tenant_id, claimed_deployment_id, deployment_id, model, tokens, charge,
        currency, occurred_at, received_at, fingerprint, state, problem)
      select gateway_request_id, tenant_id, claimed_deployment_id, case when problem is null then known_id end, model, tokens, charge,
        currency, occurred_at, now(), fingerprint, case when problem is null then 'billable' else 'unassigned' end, problem
      from event
      order by gateway_request_id
      on conflict (gateway_request_id) do nothing
      returning id, gateway_request_id, tenant_id, deployment_id, occurred_at, fingerprint, state, problem
    ), late as (
      ${noteLateLlmUsage('inserted')}
    )
    select id, gateway_request_id, fingerprint, state, problem from inserted`,
};

async function findEvents(
  client: PoolClient,
  gatewayRequestIds: readonly string[],
): Promise<readonly StoredEvent[]> {
  if (gatewayRequestIds.length === 0) return [];
  const result = await client.query<StoredEvent>({
    ...findStatement,
    values: [JSON.stringify(gatewayRequestIds)],
  });
  return result.rows;
}

const findStatement = {
  name: 'find_llm_usage',
  text: `select id, gateway_request_id, fingerprint, state, problem from llm_usage_events
         where gateway_request_id in (select json_array_elements_text($1::json))`,
};
