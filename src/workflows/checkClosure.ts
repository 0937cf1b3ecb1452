import { ApplicationFailure, defineSignal, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import { databaseActivities } from './activityOptions.ts';
import { type CheckClosureInput, type CheckClosureResult, closureMessages } from './closureMessages.ts';
import { enterPhase, reportProblem } from './progress.ts';
import { searchAttributes } from './searchAttributes.ts';

export const booksChangedSignal = defineSignal(closureMessages.booksChangedSignal);

/**
 * Checks that the books of a period close: every cent that a provider states is in a bucket, every invoice to a tenant is the sum of its
 * lines. What does not agree ends it as failed, with the rows named; only an operator can mend that.
 */
export async function checkClosure(input: CheckClosureInput): Promise<CheckClosureResult> {
  const { period } = input;
  let isChanged = true;
  setHandler(booksChangedSignal, () => {
    isChanged = true;
  });
  upsertSearchAttributes([{ key: searchAttributes.period, value: period }]);
  enterPhase('checking', `Checking that the books of ${period.slice(0, 7)} close`);
  for (;;) {
    isChanged = false;
    const { cogs, revenue, faults } = await databaseActivities.readClosure({ period });
    if (isChanged) continue;
    if (faults.length > 0) {
      const message = [
        `the books of ${period.slice(0, 7)} do not close: ${faults.length} ${faults.length === 1 ? 'row' : 'rows'}`,
        ...faults.map((fault) => `${fault.code}: ${fault.message}`),
      ].join('\n');
      reportProblem('books_do_not_close', message);
      throw ApplicationFailure.nonRetryable(message, 'books_do_not_close', faults);
    }
    const invoices = revenue.reduce((total, side) => total + side.invoices, 0);
    enterPhase('done', `Closes: ${cogs.length} sums of providers, ${invoices} invoices to tenants`);
    return { period, providers: cogs.length, invoices };
  }
}
