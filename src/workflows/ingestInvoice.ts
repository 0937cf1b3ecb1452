import {
  ActivityFailure,
  ApplicationFailure,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { ReconciliationVerdict } from '../activities/invoiceIngest.ts';
import type { StagedItems, StagedLines } from '../services/stageInvoice.ts';
import { databaseActivities, providerActivities } from './activityOptions.ts';
import { type FailureCause, failureCause } from './failureCause.ts';
import type { IngestInvoiceInput, IngestInvoiceResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';
import { searchAttributes } from './searchAttributes.ts';

/** How often a stage that a database crash emptied is filled again before the invoice is held. */
const stagingAttempts = 3;

/**
 * One invoice of a provider, from its documents to matched cost lines: read what it states, stage its lines and items, compare the
 * sums, and put the lines in force in one transaction. Whatever does not add up or can't be read holds the invoice, with the
 * reason, and leaves the version in force as it is.
 */
export async function ingestInvoice(input: IngestInvoiceInput): Promise<IngestInvoiceResult> {
  const reference = { provider: input.provider, invoiceUuid: input.invoiceUuid };
  const stage = { ...reference, stageId: workflowInfo().runId };
  const header = await databaseActivities.readInvoiceHeader(reference);
  upsertSearchAttributes([
    { key: searchAttributes.period, value: header.period },
    { key: searchAttributes.providerInvoice, value: input.invoiceUuid },
  ]);

  for (let attempt = 1; ; attempt += 1) {
    try {
      enterPhase('downloading', `Reading ${header.amount} ${header.currency} for ${header.period}`);
      const [summary, staged, stagedItems] = await Promise.all([
        providerActivities.readInvoiceSummary(reference),
        providerActivities.stageLines(stage),
        providerActivities.stageItems(stage),
      ]);

      enterPhase('reconciling', `${staged.lines} lines add up to ${staged.total} ${staged.currency}`);
      const verdict = await databaseActivities.reconcileInvoice({
        ...reference,
        staged,
        stagedItems,
        summaryAmount: summary.amount,
      });
      if (!verdict.agrees && !isAccepted(input, verdict)) {
        return await hold({ code: verdict.code, message: verdict.message, context: {} }, verdict.difference);
      }
      return await store(staged, stagedItems, verdict);
    } catch (error) {
      if (isStageLost(error) && attempt < stagingAttempts) continue;
      return await hold(failureCause(error), null);
    }
  }

  async function store(
    staged: StagedLines,
    stagedItems: StagedItems,
    verdict: ReconciliationVerdict,
  ): Promise<IngestInvoiceResult> {
    enterPhase('storing', `Storing and matching ${staged.lines} lines`);
    const accepted = verdict.agrees ? null : (input.acceptedDifference ?? null);
    const result = await databaseActivities.storeStagedInvoice({ ...stage, staged, stagedItems, accepted });
    enterPhase(
      'done',
      `Version ${result.version} ${result.outcome}: ${result.lines} lines, ${result.total} ${result.currency}, ${result.matched} matched`,
    );
    return result;
  }

  async function hold(cause: FailureCause, difference: string | null): Promise<IngestInvoiceResult> {
    await databaseActivities.holdStagedInvoice({ ...stage, ...cause, difference });
    enterPhase('held', '');
    reportProblem(
      cause.code,
      `Held: ${cause.message}${difference === null ? '' : ` (difference ${difference} ${header.currency})`}`,
    );
    return {
      outcome: 'held',
      version: 0,
      lines: 0,
      total: '0.00',
      currency: header.currency,
      matched: 0,
      problem: cause.code,
    };
  }
}

/** An operator's acceptance holds only for the very difference that was looked at. */
function isAccepted(input: IngestInvoiceInput, verdict: { readonly difference: string }): boolean {
  return input.acceptedDifference?.difference === verdict.difference;
}

function isStageLost(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    error.cause instanceof ApplicationFailure &&
    error.cause.type === 'stage_lost'
  );
}
