import { providerActivities } from './activityOptions.ts';
import type { SnapshotBalanceInput, SnapshotBalanceResult } from './messages.ts';
import { enterPhase } from './progress.ts';

/** Reads the account's balance and keeps it, once for each time that the provider computed it. */
export async function snapshotBalance(input: SnapshotBalanceInput): Promise<SnapshotBalanceResult> {
  enterPhase('reading', `Reading the balance of ${input.provider}`);
  const snapshot = await providerActivities.snapshotBalance({ provider: input.provider });
  enterPhase(
    'done',
    `Balance ${snapshot.monthToDateBalance} ${snapshot.currency} as of ${snapshot.generatedAt}${snapshot.stored ? '' : ' (known already)'}`,
  );
  return snapshot;
}
