import { continueAsNew, patched, sleep, workflowInfo } from '@temporalio/workflow';
import { databaseActivities } from './activityOptions.ts';
import type { IngestFocusFileInput, IngestFocusFileResult, IngestInvoiceResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';
import { runAlone } from './startAlone.ts';
import { startClosureCheck } from './startClosureCheck.ts';
import { workflowStarts } from './workflowStarts.ts';

const pageSize = 200;
/** How many ingests run at once. */
const ingestsAtOnce = 4;
/** How often an ingest is started while another one of the invoice runs; five minutes of it. */
const startAttempts = 60;

interface NamedInvoice {
  readonly id: string;
  readonly provider: string;
  readonly invoiceUuid: string;
  readonly period: string;
}

/**
 * One FOCUS file, from its content to the books: read and checked whole, then one ingest for each invoice that it says something
 * of, the same process as for every other provider. A file that breaks the specification is refused, and nothing of it is taken.
 */
export async function ingestFocusFile(input: IngestFocusFileInput): Promise<IngestFocusFileResult> {
  const { fileId } = input;
  let result = input.carried?.result ?? (await takeIn(fileId));
  let after: string | null = input.carried?.after ?? null;
  if (result.outcome !== 'ingested') return result;

  for (;;) {
    const page: NamedInvoice[] = await databaseActivities.listFocusInvoices({
      fileId,
      after,
      limit: pageSize,
    });
    const last = page.at(-1);
    if (last === undefined) break;
    const waiting = [...page];
    await Promise.all(Array.from({ length: ingestsAtOnce }, () => ingestOneAfterAnother(waiting)));
    after = last.id;
    if (workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof ingestFocusFile>({ fileId, carried: { result, after } });
    }
  }
  await databaseActivities.finishFocusFile({ fileId });
  enterPhase('done', describe(result));
  if (result.held > 0) reportProblem('invoice_held', describe(result));
  return result;

  async function ingestOneAfterAnother(waiting: NamedInvoice[]): Promise<void> {
    for (let invoice = waiting.shift(); invoice !== undefined; invoice = waiting.shift()) {
      const outcome = await ingest(invoice);
      // An ingest that ends has the books checked itself; what the file says stands in them without it too.
      if (outcome === 'notIngested' && patched('check-closure')) await startClosureCheck(invoice.period);
      result = { ...result, [outcome]: result[outcome] + 1 };
      enterPhase('ingesting', describe(result));
    }
  }
}

async function takeIn(fileId: string): Promise<IngestFocusFileResult> {
  enterPhase('reading', 'Reading and checking the file');
  const taken = await databaseActivities.takeInFocusFile({ fileId });
  if (taken.outcome === 'refused') reportProblem('focus_file_refused', `Refused: ${taken.problem}`);
  if (taken.outcome === 'unchanged') enterPhase('done', 'This content was ingested before');
  return {
    outcome: taken.outcome === 'taken' ? 'ingested' : taken.outcome,
    rows: taken.rows,
    invoices: taken.invoices,
    ingested: 0,
    unchanged: 0,
    held: 0,
    notIngested: 0,
    problem: taken.problem,
  };
}

/**
 * One invoice's ingest; it goes on if this process ends. Where one runs already, it may have read what an earlier file said: this
 * file's turn comes after it.
 */
async function ingest(invoice: NamedInvoice): Promise<'ingested' | 'unchanged' | 'held' | 'notIngested'> {
  const { provider, invoiceUuid, period } = invoice;
  const start = workflowStarts.ingestInvoice({ provider, invoiceUuid }, period);
  for (let attempt = 1; attempt <= startAttempts; attempt += 1) {
    const ended = await runAlone<IngestInvoiceResult>(start);
    if (ended === 'stopped') return 'notIngested';
    if (ended !== 'alreadyRunning') return ended.outcome;
    await sleep('5 seconds');
  }
  return 'notIngested';
}

function describe(result: IngestFocusFileResult): string {
  return [
    `${result.rows} rows, ${result.invoices} invoices`,
    `${result.ingested} ingested, ${result.unchanged} unchanged, ${result.held} held`,
    ...(result.notIngested > 0
      ? [`${result.notIngested} were stopped, or others of theirs go on running`]
      : []),
  ].join('\n');
}
