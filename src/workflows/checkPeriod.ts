import {
  ApplicationFailure,
  continueAsNew,
  patched,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { InvoiceDifference } from '../services/rollup/checkInvoices.ts';
import { databaseActivities } from './activityOptions.ts';
import { enterPhase, reportProblem } from './progress.ts';
import type { CheckPeriodInput, CheckPeriodResult, CheckTotals } from './rollUpMessages.ts';
import { searchAttributes } from './searchAttributes.ts';

const batchesAtOnce = 4;
const longestHistory = 3_000;
/** An operator may change a draft while it is being checked; then the sums are taken again. */
const attempts = 3;
const mostNamed = 20;

/**
 * Computes every invoice of a period again from its stored inputs, and compares lines, invoices and the totals of the run. Anything that
 * differs ends it as failed, with the rows named; else the ledger keeps when it was checked.
 */
export async function checkPeriod(input: CheckPeriodInput): Promise<CheckPeriodResult> {
  const { period } = input;
  upsertSearchAttributes([{ key: searchAttributes.period, value: period }]);
  enterPhase('checking', `Checking the invoices of ${period.slice(0, 7)}`);
  const batchSize = patched('check-1000') ? 1_000 : 500;
  const positions = await databaseActivities.countPositions({ period });
  let next = input.carried?.next ?? 0;
  let totals: CheckTotals = input.carried?.totals ?? noTotals;
  for (let attempt = 1; ; attempt += 1) {
    while (next < positions) {
      await Promise.all(Array.from({ length: batchesAtOnce }, () => checkOneAfterAnother()));
      if (next < positions) {
        await continueAsNew<typeof checkPeriod>({ ...input, carried: { next, totals } });
      }
    }
    add(await databaseActivities.checkInvoices({ period, part: 'outside_worklist' }));
    const stored = await databaseActivities.storedTotals({ period });
    const differing = Object.entries(totals).filter(
      ([name, value]) => stored[name as keyof CheckTotals] !== value,
    );
    const linesAddUp = stored.lineCents === stored.totalCents;
    if (differing.length === 0 && linesAddUp) break;
    if (attempt === attempts) {
      fail('run_totals_differ', [
        ...differing.map(
          ([name, value]) => `${name}: stored ${stored[name as keyof CheckTotals]}, computed ${value}`,
        ),
        ...(linesAddUp ? [] : [`lines add up to ${stored.lineCents}, invoices to ${stored.totalCents}`]),
      ]);
    }
    next = 0;
    totals = noTotals;
  }
  await databaseActivities.recordCheck({ period });
  enterPhase('done', `${totals.invoices} invoices with ${totals.lines} lines are what their inputs say`);
  return { period, ...totals };

  async function checkOneAfterAnother(): Promise<void> {
    while (next < positions && workflowInfo().historyLength < longestHistory) {
      const from = next;
      next = Math.min(from + batchSize, positions);
      add(await databaseActivities.checkInvoices({ period, part: { from, until: next } }));
    }
  }

  function add(
    checked: CheckTotals & { readonly differing: number; readonly differences: readonly InvoiceDifference[] },
  ): void {
    if (checked.differing > 0) {
      fail('invoices_differ', [
        `${checked.differing} differences`,
        ...checked.differences.slice(0, mostNamed).map(describe),
      ]);
    }
    totals = {
      invoices: totals.invoices + checked.invoices,
      lines: totals.lines + checked.lines,
      subtotalCents: sum(totals.subtotalCents, checked.subtotalCents),
      taxCents: sum(totals.taxCents, checked.taxCents),
      totalCents: sum(totals.totalCents, checked.totalCents),
    };
  }
}

const noTotals: CheckTotals = { invoices: 0, lines: 0, subtotalCents: '0', taxCents: '0', totalCents: '0' };

const sum = (left: string, right: string) => String(BigInt(left) + BigInt(right));

function fail(code: string, lines: readonly string[]): never {
  const message = lines.join('\n');
  reportProblem(code, message);
  throw ApplicationFailure.nonRetryable(message, code);
}

function describe({ invoiceId, tenantId, lineNumber, field, stored, computed }: InvoiceDifference): string {
  const place = lineNumber === null ? '' : ` line ${lineNumber}`;
  return `invoice ${invoiceId} of ${tenantId}${place}: ${field} is ${JSON.stringify(stored)}, computed ${JSON.stringify(computed)}`;
}
