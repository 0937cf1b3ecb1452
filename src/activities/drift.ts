import { activityInfo, cancellationSignal } from '@temporalio/activity';
import type { ResourceKind } from '../domain/resourceKind.ts';
import { recordSizes } from '../services/drift/recordSizes.ts';
import { type SweptBatch, sweepBatch } from '../services/drift/sweepBatch.ts';
import { type ActivityDependencies, providerNamed, systemEntityManager } from './dependencies.ts';

export function createDriftActivities(dependencies: ActivityDependencies) {
  return {
    /**
     * Keeps the sizes that a provider sells, with their list prices.
     * @returns how many there are; null where the provider tells of none
     */
    async refreshSizes(input: { provider: string }): Promise<number | null> {
      const { operations } = providerNamed(dependencies, input.provider);
      if (operations === undefined) return null;
      const seenAt = new Date();
      const sizes = await operations.sizes(cancellationSignal());
      await recordSizes(systemEntityManager(dependencies), { provider: input.provider, sizes, seenAt });
      return sizes.length;
    },

    /** Compares the next resources of a kind with what was asked for, and keeps what differs. */
    async sweepDriftBatch(input: {
      provider: string;
      kind: ResourceKind;
      after: string | null;
      limit: number;
      maxAgeMinutes: number;
    }): Promise<SweptBatch> {
      return sweepBatch(systemEntityManager(dependencies), {
        ...input,
        listPrice: providerNamed(dependencies, input.provider).listPrice,
        now: new Date(),
        workflowId: activityInfo().workflowExecution?.workflowId ?? 'drift',
      });
    },
  };
}
