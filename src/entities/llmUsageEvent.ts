import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { LlmUsageProblem } from '../domain/llmUsage.ts';
import { gatewayAdds, readOnceAStatement } from './policies.ts';

/** `unassigned`: of an unknown deployment or another currency; shown to operators and not billed until it is assigned. */
export const llmUsageStates = ['billable', 'unassigned'] as const;
export type LlmUsageState = (typeof llmUsageStates)[number];

/**
 * One request that the LLM gateway charged for, stored as it said. No foreign key to the deployment: these are the most frequent rows of
 * all, and deployments are never deleted.
 */
export const LlmUsageEvent = defineEntity({
  name: 'LlmUsageEvent',
  tableName: 'llm_usage_events',
  rowLevelSecurity: 'force',
  policies: readOnceAStatement(gatewayAdds),
  uniques: [{ name: 'llm_usage_events_identity', properties: ['gatewayRequestId'] }],
  indexes: [
    {
      // A month's charges are summed from the index alone, which has what the policies look at too.
      name: 'llm_usage_events_charges',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.deploymentId}", "${columns.occurredAt}") include ("${columns.charge}", "${columns.tenantId}") where "${columns.state}" = 'billable'`,
    },
    {
      name: 'llm_usage_events_unassigned',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.occurredAt}", "${columns.id}") where "${columns.state}" = 'unassigned'`,
    },
  ],
  properties: {
    id: p.bigint().primary().autoincrement(),
    gatewayRequestId: p.text(),
    tenantId: p.text(),
    /** What the gateway wrote, be it known to us or not. */
    claimedDeploymentId: p.text(),
    deploymentId: p.uuid().nullable(),
    model: p.text(),
    tokens: p.bigint(),
    /** Exact, in units of the currency; never repriced. */
    charge: p.decimal().columnType('numeric'),
    currency: p.text(),
    /** It alone decides the month. */
    occurredAt: p.datetime(),
    receivedAt: p.datetime(),
    /** SHA-256 of what was sent, to tell the same event from another with its id. */
    fingerprint: p.text(),
    state: p.text().$type<LlmUsageState>(),
    /** Why it is unassigned. */
    problem: p.text().$type<LlmUsageProblem>().nullable(),
  },
});
export type LlmUsageEvent = InferEntity<typeof LlmUsageEvent>;
