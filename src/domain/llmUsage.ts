import { parseDecimal } from './money.ts';

/** One request that the LLM gateway charged for, as it said. */
export interface LlmUsage {
  /** The gateway's own id of the request: the event's identity, for ever. */
  readonly gatewayRequestId: string;
  readonly tenantId: string;
  /** What the gateway takes for the deployment, be it known to us or not. */
  readonly deploymentId: string;
  readonly model: string;
  readonly tokens: number;
  /** A decimal text ≥ 0 in units of the currency. The gateway is the pricing authority: it is never repriced. */
  readonly charge: string;
  /** ISO 4217. */
  readonly currency: string;
  /** It alone decides the month. */
  readonly occurredAt: Date;
}

/** Why an event is not billed: it names no deployment of its tenant, or another currency than the tenant is billed in. */
export const llmUsageProblems = ['unknown_deployment', 'other_currency'] as const;
export type LlmUsageProblem = (typeof llmUsageProblems)[number];

/** How far the gateway's clock may be ahead of ours, in milliseconds. */
const clockSkew = 5 * 60 * 1000;
/** Nobody's gateway is older; what claims to be is a fault, and would be a line of its own on an invoice. */
const earliest = Date.parse('2000-01-01T00:00:00Z');

/** What is wrong with the time of an event that is received at `now`; undefined where nothing is. */
export function faultOfTime(occurredAt: Date, now: Date): string | undefined {
  if (occurredAt.getTime() > now.getTime() + clockSkew) {
    return `must not be more than 5 minutes ahead of our clock, which says ${now.toISOString()}`;
  }
  return occurredAt.getTime() < earliest ? 'must not be before 2000-01-01T00:00:00Z' : undefined;
}

/**
 * An event as text that is the same for the same content, however it was written: `1.50` and `1.5`, an instant in any zone.
 * Instants count to the millisecond.
 */
export function canonicalText(event: LlmUsage): string {
  return JSON.stringify([
    event.gatewayRequestId,
    event.tenantId,
    event.deploymentId,
    event.model,
    event.tokens,
    parseDecimal(event.charge).toFixed(),
    event.currency,
    event.occurredAt.toISOString(),
  ]);
}
