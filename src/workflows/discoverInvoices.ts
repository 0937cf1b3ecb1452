import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ChildWorkflowCancellationType,
  condition,
  continueAsNew,
  patched,
  proxyActivities,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { databaseActivities, heartbeatTimeout, providerActivities } from './activityOptions.ts';
import { failureCause } from './failureCause.ts';
import type { ingestInvoice } from './ingestInvoice.ts';
import type { DiscoverInvoicesInput, DiscoverInvoicesResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';
import { aloneOptions } from './startAlone.ts';
import { startClosureCheck } from './startClosureCheck.ts';
import { workflowStarts } from './workflowStarts.ts';

/** How many waiting invoices are read at once. */
const pageSize = 200;
/** How many ingests run at once; each holds a database connection for a moment and shares the provider's rate limit. */
const ingestsAtOnce = 8;
/** How long one ingest is waited for; one that the provider keeps refusing goes on alone and takes no place from the others. */
const longestWaitForIngest = '15 minutes';

/** Reading an invoice again is a check: where the provider does not let us, the next discovery checks. */
const check = proxyActivities<Activities>({
  startToCloseTimeout: '30 minutes',
  heartbeatTimeout,
  retry: {
    initialInterval: '2 seconds',
    backoffCoefficient: 2,
    maximumInterval: '30 seconds',
    maximumAttempts: 4,
  },
});

interface WaitingInvoice {
  readonly invoiceUuid: string;
  readonly period: string;
}

/**
 * Finds every invoice that the provider ever issued, and starts one ingest for each that is not ingested, a bounded number at a
 * time. Then reads the newest invoices again, and ingests those that were restated. The ingests are processes of their own: they go
 * on if this one ends, and no invoice holds up another.
 */
export async function discoverInvoices(input: DiscoverInvoicesInput): Promise<DiscoverInvoicesResult> {
  const { provider } = input;
  const startedAt = new Date().toISOString();
  let result = input.carried?.result ?? (await readHistory(provider));
  let before = input.carried?.before ?? null;

  for (;;) {
    const page = await databaseActivities.listInvoicesToIngest({ provider, limit: pageSize, before });
    const last = page.at(-1);
    if (last === undefined) break;
    await ingestAll(page);
    before = { id: last.id, period: last.period };
    if (workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof discoverInvoices>({ ...input, carried: { result, before } });
    }
  }
  await ingestAll(await findRestated());

  enterPhase('done', describe(result));
  const problem = problemOf(result);
  if (problem !== null) reportProblem(problem, describe(result));
  return result;

  async function ingestAll(invoices: readonly WaitingInvoice[]): Promise<void> {
    const waiting = [...invoices];
    await Promise.all(Array.from({ length: ingestsAtOnce }, () => ingestOneAfterAnother(waiting)));
  }

  async function ingestOneAfterAnother(waiting: WaitingInvoice[]): Promise<void> {
    for (let invoice = waiting.shift(); invoice !== undefined; invoice = waiting.shift()) {
      const outcome = await ingest(provider, invoice);
      // An ingest that ends has the books checked itself; what the discovery found stands in them without it too.
      if ((outcome === 'failed' || outcome === 'stillRunning') && patched('check-closure')) {
        await startClosureCheck(invoice.period);
      }
      result = {
        ...result,
        ingestsStarted: result.ingestsStarted + (outcome === 'alreadyRunning' ? 0 : 1),
        [outcome]: result[outcome] + 1,
      };
      enterPhase('ingesting', describe(result));
    }
  }

  /** The recent invoices of which the lines are no longer what is stored; those that this run ingested are not read again. */
  async function findRestated(): Promise<WaitingInvoice[]> {
    enterPhase('checking', `Checking the newest invoices for restatements\n${describe(result)}`);
    const recent = await databaseActivities.listRecentInvoices({ provider, ingestedBefore: startedAt });
    const restated: WaitingInvoice[] = [];
    for (const invoice of recent) {
      try {
        if (await check.markIfRestated({ provider, ...invoice })) restated.push(invoice);
      } catch (error) {
        failureCause(error);
        result = { ...result, unchecked: result.unchecked + 1 };
      }
    }
    result = { ...result, restated: result.restated + restated.length };
    return restated;
  }
}

async function readHistory(provider: string): Promise<DiscoverInvoicesResult> {
  enterPhase('discovering', `Reading the billing history of ${provider}`);
  const history = await providerActivities.recordBillingHistory({ provider });
  return {
    ...history,
    ingestsStarted: 0,
    ingested: 0,
    held: 0,
    alreadyRunning: 0,
    failed: 0,
    stillRunning: 0,
    unchecked: 0,
  };
}

async function ingest(
  provider: string,
  invoice: WaitingInvoice,
): Promise<'ingested' | 'held' | 'alreadyRunning' | 'failed' | 'stillRunning'> {
  try {
    const start = workflowStarts.ingestInvoice(
      { provider, invoiceUuid: invoice.invoiceUuid },
      invoice.period,
    );
    const child = await startChild<typeof ingestInvoice>(
      start.workflow,
      aloneOptions(start, { cancellationType: ChildWorkflowCancellationType.ABANDON }),
    );
    let outcome: 'ingested' | 'held' | 'failed' | undefined;
    child.result().then(
      (result) => {
        outcome = result.outcome === 'held' ? 'held' : 'ingested';
      },
      () => {
        outcome = 'failed';
      },
    );
    await condition(() => outcome !== undefined, longestWaitForIngest);
    return outcome ?? 'stillRunning';
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 'alreadyRunning';
    throw error;
  }
}

/** What an operator should look at first, if anything. */
function problemOf(result: DiscoverInvoicesResult): string | null {
  if (result.unidentified > 0) return 'invoice_unidentified';
  if (result.failed > 0) return 'ingest_failed';
  if (result.held > 0) return 'invoice_held';
  if (result.stillRunning > 0) return 'ingest_slow';
  if (result.unchecked > 0) return 'invoice_unchecked';
  return result.unknownTypes > 0 ? 'entry_type_unknown' : null;
}

function describe(result: DiscoverInvoicesResult): string {
  const remarks: [number, string][] = [
    [result.alreadyRunning, 'were running already'],
    [result.failed, 'failed or were stopped; the next discovery starts them again'],
    [result.stillRunning, 'take long and go on by themselves'],
    [result.unchecked, 'recent invoices could not be read again'],
    [
      result.unidentified,
      'history entries name no invoice, or one whose month the provider does not say yet',
    ],
    [result.unknownTypes, 'history entries are of a type that we do not know'],
  ];
  return [
    `${result.invoices} invoices known, ${result.newInvoices} new, ${result.restated} restated`,
    `${result.ingested} ingested and ${result.held} held of ${result.ingestsStarted} ingests started`,
    ...remarks.filter(([count]) => count > 0).map(([count, remark]) => `${count} ${remark}`),
  ].join('\n');
}
