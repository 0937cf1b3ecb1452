import type { EntityManager } from '@mikro-orm/postgresql';
import { Unprocessable } from '../../../domain/errors.ts';
import type { FigureLabel } from '../../../domain/margin/figureLabel.ts';
import { type Period, periodBounds } from '../../../domain/period.ts';
import { CloudDeployment } from '../../../entities/cloudDeployment.ts';
import type { LlmUsageEvent } from '../../../entities/llmUsageEvent.ts';
import { type LlmUsageKey, listLlmUsage } from '../../listLlmUsage.ts';
import { loadGatewayCharges } from '../../rollup/billedAmounts.ts';
import { loadTenantTerms } from '../../rollup/billingTerms.ts';
import { type FigureNamed, inWords, money, month, type Part, type PartsPage, type Step } from './step.ts';

/** The exact sum of a deployment's gateway charges of a month, as they are known now; a decimal string. */
export async function chargesNow(em: EntityManager, deploymentId: string, period: Period): Promise<string> {
  const charges = await loadGatewayCharges(em, [{ deploymentId, usageMonth: period }]);
  return [...charges.values()][0] ?? '0';
}

/** While the month runs there may be more. */
export const labelOfCharges = (period: Period, now: Date): FigureLabel =>
  now < periodBounds(period).end ? 'estimated' : 'reconciled';

/** The events that a month's gateway charges are made of, the latest first. @returns undefined where there is no such deployment */
export async function explainLlmUsage(
  em: EntityManager,
  figure: FigureNamed<'llm_usage'>,
  page: PartsPage,
  now: Date,
): Promise<Step | undefined> {
  const { deploymentId, period } = figure;
  const deployment = await em.findOne(CloudDeployment, { id: deploymentId });
  if (deployment === null) return undefined;
  const [terms] = await loadTenantTerms(em, period, [deployment.tenantId]);
  const events = await listLlmUsage(
    em,
    { deploymentId, state: 'billable', period },
    { after: page.after === undefined ? undefined : readKey(page.after), limit: page.limit },
  );
  // What was stored in another currency than the tenant has by now stays in its own.
  const currency = events[0]?.currency ?? terms?.currency ?? '';
  const value = money(await chargesNow(em, deploymentId, period), currency);
  return {
    figure,
    what: `Gateway charges of deployment ${deploymentId} in ${month(period)}`,
    value,
    label: labelOfCharges(period, now),
    asOf: now,
    how: `The exact sum of what the LLM gateway charged for requests of the month: ${inWords(value)}.`,
    row: null,
    resources: [
      { type: 'deployment', id: deploymentId },
      { type: 'llmUsage', deploymentId, period },
    ],
    combinedBy: 'sum',
    partsTotal: value,
    parts: events.map(
      (event): Part => ({
        key: keyOf(event),
        what: `${event.tokens} tokens of ${event.model} at ${event.occurredAt.toISOString()}, request ${event.gatewayRequestId}`,
        counts: money(event.charge, event.currency),
        label: labelOfCharges(period, now),
        next: null,
        resources: [],
      }),
    ),
  };
}

const keyOf = (event: LlmUsageEvent) => `${event.occurredAt.toISOString()} ${event.id}`;

const keyForm = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z) (\d{1,18})$/;

function readKey(text: string): LlmUsageKey {
  const [, occurredAt, id] = keyForm.exec(text) ?? [];
  if (occurredAt === undefined || id === undefined || Number.isNaN(Date.parse(occurredAt))) {
    throw new Unprocessable('invalid_cursor', 'expected a cursor that these parts gave out');
  }
  return { occurredAt, id };
}
