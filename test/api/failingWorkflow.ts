import { ApplicationFailure, proxyActivities, upsertSearchAttributes } from '@temporalio/workflow';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';

const { breakDown } = proxyActivities<{ breakDown(): Promise<void> }>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '10 ms', maximumInterval: '1 hour', backoffCoefficient: 100 },
});

/** Its only step fails for ever, with growing pauses. */
export async function retriesForEver(): Promise<void> {
  await breakDown();
}

/** Waits with a problem that it names itself. */
export async function namesAProblem(): Promise<void> {
  upsertSearchAttributes([
    { key: searchAttributes.phase, value: 'reconcile' },
    { key: searchAttributes.problem, value: 'held' },
  ]);
  await new Promise(() => undefined);
}

export async function failsForGood(): Promise<void> {
  throw ApplicationFailure.nonRetryable('the invoice is no CSV', 'not_csv');
}

export async function completes(): Promise<void> {}

export async function waits(): Promise<void> {
  await new Promise(() => undefined);
}
