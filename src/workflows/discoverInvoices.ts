import { TypedSearchAttributes, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  CancellationScope,
  ChildWorkflowFailure,
  continueAsNew,
  ParentClosePolicy,
  startChild,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import { databaseActivities, providerActivities } from './activityOptions.ts';
import { workflowIds } from './ids.ts';
import { ingestInvoice } from './ingestInvoice.ts';
import type { DiscoverInvoicesInput, DiscoverInvoicesResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';
import { searchAttributes } from './searchAttributes.ts';
import { taskQueues } from './taskQueues.ts';

/** How many waiting invoices are read at once. */
const pageSize = 200;
/** How many ingests run at once; each holds a database connection for a moment and shares the provider's rate limit. */
const ingestsAtOnce = 8;

/**
 * Finds every invoice that the provider ever issued, and starts one ingest for each that is not ingested, a bounded number at a
 * time. The ingests are processes of their own: they go on if this one ends.
 */
export async function discoverInvoices(input: DiscoverInvoicesInput): Promise<DiscoverInvoicesResult> {
  let result = input.carried?.result ?? (await findInvoices(input.provider));
  let before = input.carried?.before ?? null;

  for (;;) {
    const page = await databaseActivities.listInvoicesToIngest({
      provider: input.provider,
      limit: pageSize,
      before,
    });
    const last = page.at(-1);
    if (last === undefined) break;
    const waiting = [...page];
    await Promise.all(Array.from({ length: ingestsAtOnce }, () => ingestOneAfterAnother(waiting)));
    before = { id: last.id, period: last.period };
    if (workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof discoverInvoices>({ ...input, carried: { result, before } });
    }
  }
  enterPhase('done', describe(result));
  if (result.unidentified > 0) reportProblem('invoice_unidentified', describe(result));
  else if (result.held > 0) reportProblem('invoice_held', describe(result));
  return result;

  async function ingestOneAfterAnother(waiting: { invoiceUuid: string; period: string }[]): Promise<void> {
    for (let invoice = waiting.shift(); invoice !== undefined; invoice = waiting.shift()) {
      const outcome = await ingest(input.provider, invoice);
      result = {
        ...result,
        ingestsStarted: result.ingestsStarted + (outcome === 'alreadyRunning' ? 0 : 1),
        [outcome]: result[outcome] + 1,
      };
      enterPhase('ingesting', describe(result));
    }
  }
}

async function findInvoices(provider: string): Promise<DiscoverInvoicesResult> {
  enterPhase('discovering', `Reading the billing history of ${provider}`);
  const history = await providerActivities.recordBillingHistory({ provider });
  enterPhase('checking', `${history.invoices} invoices known; checking the newest for restatements`);
  const recent = await providerActivities.findRestatedInvoices({ provider });
  return {
    entries: history.entries,
    invoices: history.invoices,
    newInvoices: history.newInvoices,
    restated: history.restated + recent.restated,
    unidentified: history.unidentified,
    ingestsStarted: 0,
    ingested: 0,
    held: 0,
    alreadyRunning: 0,
    stopped: 0,
  };
}

async function ingest(
  provider: string,
  invoice: { readonly invoiceUuid: string; readonly period: string },
): Promise<'ingested' | 'held' | 'alreadyRunning' | 'stopped'> {
  try {
    const child = await startChild(ingestInvoice, {
      workflowId: workflowIds.ingestInvoice(provider, invoice.invoiceUuid),
      taskQueue: taskQueues.billing,
      args: [{ provider, invoiceUuid: invoice.invoiceUuid }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      staticSummary: `Ingest the ${provider} invoice of ${invoice.period.slice(0, 7)}`,
      typedSearchAttributes: new TypedSearchAttributes([
        { key: searchAttributes.period, value: invoice.period },
        { key: searchAttributes.providerInvoice, value: invoice.invoiceUuid },
      ]),
    });
    const { outcome } = await child.result();
    return outcome === 'held' ? 'held' : 'ingested';
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 'alreadyRunning';
    // The discovery's own cancellation ends it; an ingest that somebody stopped does not.
    if (error instanceof ChildWorkflowFailure && !CancellationScope.current().consideredCancelled)
      return 'stopped';
    throw error;
  }
}

function describe(result: DiscoverInvoicesResult): string {
  return [
    `${result.invoices} invoices known, ${result.newInvoices} new, ${result.restated} restated`,
    `${result.ingested} ingested and ${result.held} held of ${result.ingestsStarted} ingests started`,
    ...(result.unidentified > 0
      ? [
          `${result.unidentified} history entries name no invoice, or one whose month the provider does not say yet`,
        ]
      : []),
    ...(result.alreadyRunning > 0 ? [`${result.alreadyRunning} were running already`] : []),
    ...(result.stopped > 0 ? [`${result.stopped} were stopped by an operator`] : []),
  ].join('\n');
}
