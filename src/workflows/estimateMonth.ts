import { patched } from '@temporalio/workflow';
import { providerActivities } from './activityOptions.ts';
import type { EstimateMonthInput, EstimateMonthResult } from './messages.ts';
import { enterPhase } from './progress.ts';
import { startClosureCheck } from './startClosureCheck.ts';

/**
 * Keeps the provider's own estimate of the running month, once for each time that the provider computed it. Then a check that the books
 * of the month close is started.
 */
export async function estimateMonth(input: EstimateMonthInput): Promise<EstimateMonthResult> {
  enterPhase('reading', `Reading the month-to-date invoice of ${input.provider}`);
  const result = await providerActivities.storeMonthToDate({ provider: input.provider });
  if (result.estimate?.stored && patched('check-closure')) await startClosureCheck(result.estimate.period);
  enterPhase('done', describe(result));
  return result;
}

function describe({ estimate }: EstimateMonthResult): string {
  if (estimate === null) return 'The provider has no estimate';
  const { period, amount, currency, estimatedAt, stored } = estimate;
  return `${period.slice(0, 7)}: ${amount} ${currency} as of ${estimatedAt}${stored ? '' : ' (known already)'}`;
}
