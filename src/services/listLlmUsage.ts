import type { EntityManager } from '@mikro-orm/postgresql';
import { type Period, periodBounds } from '../domain/period.ts';
import { LlmUsageEvent, type LlmUsageState } from '../entities/llmUsageEvent.ts';
import type { KeysetPage } from './listInventory.ts';

export interface LlmUsageFilter {
  /** Of all of these: where they are several, there is none. */
  readonly tenants?: readonly string[] | undefined;
  readonly deploymentId?: string | undefined;
  readonly state?: LlmUsageState | undefined;
  /** The month in which the request was made. */
  readonly period?: Period | undefined;
}

/** Where a page ends: the last event's time and id. */
export interface LlmUsageKey {
  readonly occurredAt: string;
  readonly id: string;
}

interface Sql {
  readonly text: string;
  readonly values: readonly unknown[];
}

/**
 * LLM usage, the latest request first. Where a tenant, a deployment or the state `unassigned` is named, indexes are read, and no further
 * than the page; there is none of everything by time.
 */
export async function listLlmUsage(
  em: EntityManager,
  filter: LlmUsageFilter,
  page: KeysetPage<LlmUsageKey>,
): Promise<LlmUsageEvent[]> {
  if (new Set(filter.tenants ?? []).size > 1) return [];
  const sources = sourcesOf(filter, (...conditions) => newest(conditions, filter, page));
  const rows = await em.execute<object[]>(
    `select * from (${sources.map(({ text }) => `(${text})`).join(' union all ')}) event order by occurred_at desc, id desc limit ?`,
    [...sources.flatMap(({ values }) => values), page.limit + 1],
  );
  return rows.map((row) => em.map(LlmUsageEvent, row));
}

/**
 * A tenant's is the usage of its deployments, each by itself, and what waits unassigned under its name. What has a deployment is
 * billable; it says so for the index.
 */
function sourcesOf(filter: LlmUsageFilter, read: (...conditions: Sql[]) => Sql): Sql[] {
  const { deploymentId, state } = filter;
  const [tenantId] = filter.tenants ?? [];
  const ofTenant = tenantId === undefined ? [] : [{ text: 'tenant_id = ?', values: [tenantId] }];
  if (deploymentId !== undefined)
    return [read({ text: `state = 'billable' and deployment_id = ?`, values: [deploymentId] }, ...ofTenant)];
  if (tenantId === undefined) return [read()];
  const unassigned = read({ text: `state = 'unassigned'`, values: [] }, ...ofTenant);
  const events = read({ text: `state = 'billable' and deployment_id = deployment.id`, values: [] });
  const assigned = {
    text: `select event.* from cloud_deployments deployment cross join lateral (${events.text}) event where deployment.tenant_id = ?`,
    values: [...events.values, tenantId],
  };
  return state === undefined ? [assigned, unassigned] : [state === 'billable' ? assigned : unassigned];
}

function newest(conditions: readonly Sql[], filter: LlmUsageFilter, page: KeysetPage<LlmUsageKey>): Sql {
  const bounds = filter.period === undefined ? undefined : periodBounds(filter.period);
  const all = [
    ...conditions,
    filter.state === undefined ? undefined : { text: 'state = ?', values: [filter.state] },
    bounds && { text: 'occurred_at >= ? and occurred_at < ?', values: [bounds.start, bounds.end] },
    // A row comparison, so that the index is entered where the page starts.
    page.after && {
      text: '(occurred_at, id) < (?::timestamptz, ?::bigint)',
      values: [page.after.occurredAt, page.after.id],
    },
  ].filter((condition) => condition !== undefined);
  return {
    text: `select * from llm_usage_events where ${['true', ...all.map(({ text }) => text)].join(' and ')} order by occurred_at desc, id desc limit ?`,
    values: [...all.flatMap(({ values }) => values), page.limit + 1],
  };
}
