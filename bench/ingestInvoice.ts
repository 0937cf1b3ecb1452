import { createReadStream } from 'node:fs';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Pool } from 'pg';
import { parseDecimal } from '../src/domain/money.ts';
import { reconcile } from '../src/domain/reconciliation.ts';
import { startOrm } from '../src/orm.ts';
import { readInvoiceCsv } from '../src/providers/digitalocean/invoiceCsv.ts';
import * as wire from '../src/providers/digitalocean/wire.ts';
import type { ProviderCostLine, ProviderInvoiceItem } from '../src/providers/provider.ts';
import { explainCostLines } from '../src/services/insertCostLines.ts';
import { stageInvoiceItems, stageInvoiceLines } from '../src/services/stageInvoice.ts';
import { storeInvoice } from '../src/services/storeInvoice.ts';
import { forSession, systemSession } from '../src/session.ts';
import type { InvoiceFiles } from './invoiceFiles.ts';
import { serverCpuSeconds } from './serverCpu.ts';

/** What the process of one ingest is told. */
export interface IngestTask extends InvoiceFiles {
  readonly appUrl: string;
  readonly provider: string;
  readonly invoiceUuid: string;
  /** What the invoice states, a decimal string. */
  readonly amount: string;
  /** Whether to have the store statement explained, on top of everything, before it runs. */
  readonly explain: boolean;
}

/** What it answers; all times are wall time in seconds. */
export interface IngestReport {
  readonly lines: number;
  readonly matched: number;
  readonly itemsSeconds: number;
  /** Parsing alone: waiting for lines of the CSV reader. */
  readonly parseSeconds: number;
  /** Parsing and staging together, since they overlap. */
  readonly stageSeconds: number;
  readonly storeSeconds: number;
  /** Processor time of this process and the server for what `stageSeconds` and `storeSeconds` count; null where the server's is unknown. */
  readonly cpuSeconds: number | null;
  readonly peakRssMb: number;
  /** The plan of the store statement as it ran, where it was asked for. */
  readonly plan: readonly string[];
}

/** The workflow's activities one after the other, from local files; what it takes in time and memory. */
export async function ingestFromFiles(task: IngestTask): Promise<IngestReport> {
  const orm = await startOrm({ url: task.appUrl, poolSize: 3 });
  try {
    const pool = await orm.em.getConnection().getNativeClient();
    const silent = () => undefined;
    const began = performance.now();
    const stageId = `bench of ${task.invoiceUuid}`;
    const stagedItems = await stageInvoiceItems(pool, stageId, readItems(task.itemsFile), silent);
    const itemsSeconds = (performance.now() - began) / 1000;
    const cpuBefore = await cpuSeconds(pool);
    const itemsDone = performance.now();
    const parsing = timed(readInvoiceCsv(createReadStream(task.csvFile), { contentType: 'text/csv' }));
    const staged = await stageInvoiceLines(pool, stageId, parsing.batches, silent);
    const stageDone = performance.now();
    const stated = parseDecimal(task.amount);
    const verdict = reconcile({
      stated,
      summary: stated,
      lines: parseDecimal(staged.total),
      items: parseDecimal(stagedItems.total),
      currency: staged.currency,
      otherCurrencies: [],
    });
    if (!verdict.agrees) throw new Error(verdict.message);
    const reconciled = performance.now();
    const plan = task.explain
      ? await explainStore(forSession(orm, systemSession), task, {
          stageId,
          lines: staged.lines,
          items: stagedItems.items,
        })
      : [];
    const storeBegan = performance.now();
    const stored = await storeInvoice(forSession(orm, systemSession), {
      provider: task.provider,
      invoiceUuid: task.invoiceUuid,
      stageId,
      staged,
      stagedItems,
      stated: task.amount,
      now: new Date(),
      accepted: null,
    });
    const ended = performance.now();
    const cpuAfter = await cpuSeconds(pool);
    return {
      lines: stored.lines,
      matched: stored.matched,
      itemsSeconds,
      parseSeconds: parsing.seconds(),
      stageSeconds: (stageDone - itemsDone) / 1000,
      storeSeconds: (ended - storeBegan + reconciled - stageDone) / 1000,
      cpuSeconds: cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore,
      peakRssMb: process.resourceUsage().maxRSS / 1024,
      plan,
    };
  } finally {
    await orm.close(true);
  }
}

async function cpuSeconds(pool: Pool): Promise<number | null> {
  const server = await serverCpuSeconds(pool);
  const { user, system } = process.cpuUsage();
  return server === null ? null : server + (user + system) / 1e6;
}

/** Runs the store statement under a version of its own, and takes all of it back. */
async function explainStore(
  em: EntityManager,
  { provider, invoiceUuid, amount }: IngestTask,
  stage: { readonly stageId: string; readonly lines: number; readonly items: number },
): Promise<string[]> {
  let plan: string[] = [];
  const takenBack = new Error('taken back');
  await em
    .transactional(async (transaction) => {
      const [row] = await transaction.execute<{ invoice_id: string; version_id: string }[]>(
        `insert into cloud_invoice_versions (invoice_id, version, amount, currency, line_count, checksum, items_checksum, ingested_at)
         select id, -1, ?::numeric, currency, ?, '', '', now() from cloud_invoices where provider = ? and invoice_uuid = ?
         returning invoice_id, id as version_id`,
        [amount, stage.lines, provider, invoiceUuid],
      );
      if (row === undefined) throw new Error('the invoice was not discovered');
      const target = { invoiceId: row.invoice_id, versionId: row.version_id, periodStart: '2026-04-01' };
      plan = await explainCostLines(transaction, { ...stage, ...target, provider });
      throw takenBack;
    })
    .catch((error: unknown) => {
      if (error !== takenBack) throw error;
    });
  return plan;
}

/** The items in pages, as the provider's API gives them. */
export async function* readItems(file: string): AsyncGenerator<ProviderInvoiceItem[]> {
  let rest = '';
  let position = 0;
  for await (const text of createReadStream(file, 'utf8')) {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    yield lines.map((line) => {
      const item = wire.invoiceItem.parse(JSON.parse(line));
      position += 1;
      return {
        position,
        product: item.product,
        groupDescription: item.group_description,
        description: item.description,
        amount: item.amount,
        chargeStart: item.start_time,
        chargeEnd: item.end_time,
        resourceId: item.resource_id,
        resourceUuid: item.resource_uuid,
      };
    });
  }
}

function timed(lines: AsyncIterable<ProviderCostLine[]>) {
  let total = 0;
  async function* batches(): AsyncGenerator<ProviderCostLine[]> {
    let asked = performance.now();
    for await (const batch of lines) {
      total += performance.now() - asked;
      yield batch;
      asked = performance.now();
    }
    total += performance.now() - asked;
  }
  return { batches: batches(), seconds: () => total / 1000 };
}
