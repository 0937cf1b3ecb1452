import type { EntityManager } from '@mikro-orm/postgresql';
import { type Period, periodBounds } from '../domain/period.ts';
import { LlmUsageEvent, type LlmUsageState } from '../entities/llmUsageEvent.ts';
import type { KeysetPage } from './listInventory.ts';

export interface LlmUsageFilter {
  readonly tenantId?: string | undefined;
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

/**
 * LLM usage, the latest request first. One of tenant, deployment and the state `unassigned` should be named: an index leads to each of
 * them, and none to everything by time.
 */
export async function listLlmUsage(
  em: EntityManager,
  filter: LlmUsageFilter,
  page: KeysetPage<LlmUsageKey>,
): Promise<LlmUsageEvent[]> {
  const bounds = filter.period === undefined ? undefined : periodBounds(filter.period);
  const conditions: readonly (readonly [sql: string, ...values: unknown[]] | undefined)[] = [
    filter.tenantId === undefined ? undefined : ['tenant_id = ?', filter.tenantId],
    filter.deploymentId === undefined ? undefined : ['deployment_id = ?', filter.deploymentId],
    filter.state === undefined ? undefined : ['state = ?', filter.state],
    bounds === undefined ? undefined : ['occurred_at >= ? and occurred_at < ?', bounds.start, bounds.end],
    // A row comparison, so that the index is entered where the page starts.
    page.after === undefined
      ? undefined
      : ['(occurred_at, id) < (?::timestamptz, ?::bigint)', page.after.occurredAt, page.after.id],
  ];
  const named = conditions.filter((condition) => condition !== undefined);
  const rows = await em.execute<object[]>(
    `select * from llm_usage_events
     ${named.length === 0 ? '' : `where ${named.map(([sql]) => sql).join(' and ')}`}
     order by occurred_at desc, id desc
     limit ?`,
    [...named.flatMap(([, ...values]) => values), page.limit + 1],
  );
  return rows.map((row) => em.map(LlmUsageEvent, row));
}
