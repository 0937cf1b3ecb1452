import { cancellationSignal } from '@temporalio/activity';
import { toAmountText } from '../domain/money.ts';
import { storeCostEstimate } from '../services/storeCostEstimate.ts';
import type { EstimateMonthResult } from '../workflows/messages.ts';
import { type ActivityDependencies, providerNamed, systemEntityManager } from './dependencies.ts';
import { reportProgress } from './keepAlive.ts';

export function createEstimateActivities(dependencies: ActivityDependencies) {
  return {
    /** Reads the provider's month-to-date invoice and keeps it, where it is not the one that is kept already. */
    async storeMonthToDate(input: { provider: string }): Promise<EstimateMonthResult> {
      const signal = cancellationSignal();
      const estimate = await providerNamed(dependencies, input.provider).monthToDate?.(signal);
      if (estimate === undefined || estimate === null) return { estimate: null };
      let lines = 0;
      const stored = await storeCostEstimate(systemEntityManager(dependencies), {
        provider: input.provider,
        estimate,
        lines: () => estimate.lines(signal),
        now: new Date(),
        onProgress: (read) => {
          lines = read;
          reportProgress({ lines });
        },
      });
      return {
        estimate: {
          period: estimate.period,
          amount: toAmountText(estimate.amount),
          currency: estimate.currency,
          estimatedAt: estimate.estimatedAt.toISOString(),
          stored,
          lines,
        },
      };
    },
  };
}
