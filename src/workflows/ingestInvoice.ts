import { patched, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { ReconciliationVerdict } from '../activities/invoiceIngest.ts';
import { holdsInvoice } from '../domain/invoiceFaults.ts';
import type { StagedItems, StagedLines } from '../services/stageInvoice.ts';
import { databaseActivities, providerActivities } from './activityOptions.ts';
import { type FailureCause, failureCause } from './failureCause.ts';
import type { IngestInvoiceInput, IngestInvoiceResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';
import { searchAttributes } from './searchAttributes.ts';
import { startClosureCheck } from './startClosureCheck.ts';

/** A database crash emptied the stage, or a discovery changed the amount in between: the invoice is read and compared again. */
const mendedByStagingAgain: ReadonlySet<string> = new Set(['stage_lost', 'amount_changed']);
/** How often, before the ingest fails. */
const stagingAttempts = 3;

/**
 * One invoice of a provider, from its documents to matched cost lines: read what it states, stage its lines and items, compare the
 * sums, and put the lines in force in one transaction. An invoice that does not add up or can't be read is held, with the reason, and
 * the version in force stays as it is. A fault that is not the invoice's own fails the ingest, and the next discovery tries again.
 * Then a check that the books of its period close is started.
 */
export async function ingestInvoice(input: IngestInvoiceInput): Promise<IngestInvoiceResult> {
  const reference = { provider: input.provider, invoiceUuid: input.invoiceUuid };
  const stage = { ...reference, stageId: workflowInfo().runId };
  const header = await databaseActivities.readInvoiceHeader(reference);
  upsertSearchAttributes([
    { key: searchAttributes.period, value: header.period },
    { key: searchAttributes.providerInvoice, value: input.invoiceUuid },
  ]);

  const result = await ingest();
  if (patched('check-closure')) await startClosureCheck(header.period);
  return result;

  async function ingest(): Promise<IngestInvoiceResult> {
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
          summary,
        });
        if (!verdict.agrees && !isAccepted(input, verdict)) {
          const { code, message, stated, found, difference } = verdict;
          return await hold({ code, message, context: { stated, found } }, difference);
        }
        return await store(staged, stagedItems, verdict);
      } catch (error) {
        const cause = failureCause(error);
        if (mendedByStagingAgain.has(cause.code) && attempt < stagingAttempts) continue;
        if (!holdsInvoice(cause.code)) throw error;
        return await hold(cause, null);
      }
    }
  }

  async function store(
    staged: StagedLines,
    stagedItems: StagedItems,
    verdict: ReconciliationVerdict,
  ): Promise<IngestInvoiceResult> {
    enterPhase('storing', `Storing and matching ${staged.lines} lines`);
    const accepted = verdict.agrees ? null : (input.acceptedDifference ?? null);
    const result = await databaseActivities.storeStagedInvoice({
      ...stage,
      staged,
      stagedItems,
      stated: verdict.stated,
      accepted,
    });
    enterPhase(
      'done',
      `Version ${result.version} ${result.outcome}: ${result.lines} lines, ${result.total} ${result.currency}, ${result.matched} matched`,
    );
    return result;
  }

  async function hold(cause: FailureCause, difference: string | null): Promise<IngestInvoiceResult> {
    await databaseActivities.holdStagedInvoice({
      ...stage,
      ...cause,
      difference,
      heldVersion: header.version,
    });
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

/** An operator's acceptance holds only for the very disagreement that was looked at. */
function isAccepted(
  { acceptedDifference: accepted }: IngestInvoiceInput,
  verdict: {
    readonly code: string;
    readonly stated: string;
    readonly found: string;
    readonly difference: string;
  },
): boolean {
  return (
    accepted !== undefined &&
    accepted.code === verdict.code &&
    accepted.stated === verdict.stated &&
    accepted.found === verdict.found &&
    accepted.difference === verdict.difference
  );
}
