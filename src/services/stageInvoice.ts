import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { Decimal } from '../domain/money.ts';
import type { ProviderCostLine, ProviderInvoiceItem } from '../providers/provider.ts';
import { type CopyValue, replaceByCopy } from './copyRows.ts';

export interface StagedLines {
  readonly lines: number;
  /** The exact sum of the lines, a decimal string. */
  readonly total: string;
  readonly currency: string;
  /** Equal for equal lines in equal order, whatever the file's dialect. */
  readonly checksum: string;
}

export interface StagedItems {
  readonly items: number;
  readonly total: string;
  readonly checksum: string;
}

/** Called after each batch with the rows so far; a place for heartbeats. */
export type OnProgress = (rows: number) => void;

/**
 * Streams an invoice's lines into the stage; nothing of the invoice changes yet. Staging again under the same id replaces.
 * Whatever the lines' source throws (a bad row, a broken connection) leaves the stage as it was.
 */
export async function stageInvoiceLines(
  pool: Pool,
  stageId: string,
  batches: AsyncIterable<readonly ProviderCostLine[]>,
  onProgress: OnProgress,
): Promise<StagedLines> {
  const summary = createLineSummary();
  const lineRow = createLineRows();
  async function* rows(): AsyncGenerator<CopyValue[][]> {
    for await (const batch of batches) {
      const written = batch.map(lineRow);
      summary.add(batch, written);
      yield written;
      onProgress(summary.lines());
    }
  }
  await replaceByCopy(pool, { table: 'cloud_cost_line_stage', columns: lineColumns, stageId }, rows());
  return summary.result();
}

/** Streams the invoice's items, which carry the resource ids, into the stage. */
export async function stageInvoiceItems(
  pool: Pool,
  stageId: string,
  batches: AsyncIterable<readonly ProviderInvoiceItem[]>,
  onProgress: OnProgress,
): Promise<StagedItems> {
  const hash = createHash('sha256');
  let items = 0;
  let total: Decimal = new Decimal(0);
  async function* rows(): AsyncGenerator<CopyValue[][]> {
    for await (const batch of batches) {
      const rows = batch.map(itemRow);
      for (const item of batch) total = total.plus(item.amount);
      for (const row of rows) hash.update(JSON.stringify(row));
      items += batch.length;
      yield rows;
      onProgress(items);
    }
  }
  await replaceByCopy(pool, { table: 'cloud_invoice_item_stage', columns: itemColumns, stageId }, rows());
  return { items, total: total.toFixed(), checksum: hash.digest('hex') };
}

const stageTables = ['cloud_cost_line_stage', 'cloud_invoice_item_stage'];

/** Empties the stage of one ingest. */
export async function discardStage(pool: Pool, stageId: string): Promise<void> {
  for (const table of stageTables) await pool.query(`delete from ${table} where stage_id = $1`, [stageId]);
}

/**
 * Empties the stages of ingests that never came to an end, and what a worker staged that had stood still while another did its work.
 * An ingest that still wants its stage after a week stages again.
 */
export async function discardAbandonedStages(pool: Pool): Promise<void> {
  for (const table of stageTables) {
    await pool.query(`delete from ${table} where staged_at < now() - interval '7 days'`);
  }
}

/** Reads an invoice's lines without keeping them. @returns what staging them would */
export async function summariseInvoiceLines(
  batches: AsyncIterable<readonly ProviderCostLine[]>,
  onProgress: OnProgress,
): Promise<StagedLines> {
  const summary = createLineSummary();
  const lineRow = createLineRows();
  for await (const batch of batches) {
    summary.add(batch, batch.map(lineRow));
    onProgress(summary.lines());
  }
  return summary.result();
}

function createLineSummary() {
  const hash = createHash('sha256');
  let lines = 0;
  let total: Decimal = new Decimal(0);
  let currency = '';
  return {
    lines: () => lines,
    add(batch: readonly ProviderCostLine[], rows: readonly CopyValue[][]) {
      lines += batch.length;
      for (const line of batch) total = total.plus(line.billedCost);
      currency = batch.at(-1)?.currency ?? currency;
      hash.update(rows.map((row) => JSON.stringify(row)).join(''));
    },
    result: (): StagedLines => ({ lines, total: total.toFixed(), currency, checksum: hash.digest('hex') }),
  };
}

const lineColumns = [
  'line_number',
  'product',
  'group_description',
  'description',
  'hours',
  'charge_start',
  'charge_end',
  'billed_cost',
  'currency',
  'project_name',
  'category',
  'line_class',
  'kind',
  'resource_name',
  'extra',
] as const;

/** Turns lines into rows of the stage; an instant that many lines share is written once. */
function createLineRows(): (line: ProviderCostLine) => CopyValue[] {
  const written = new Map<number, string>();
  const instant = (date: Date): string => {
    const time = date.getTime();
    const before = written.get(time);
    if (before !== undefined) return before;
    const text = date.toISOString();
    if (written.size === 1_000) written.clear();
    written.set(time, text);
    return text;
  };
  return (line) => [
    line.lineNumber,
    line.product,
    line.groupDescription,
    line.description,
    line.hours?.toFixed() ?? null,
    instant(line.chargeStart),
    instant(line.chargeEnd),
    line.billedCost.toFixed(),
    line.currency,
    line.projectName,
    line.category,
    line.lineClass,
    line.kind,
    line.resourceName,
    JSON.stringify(line.extra),
  ];
}

const itemColumns = [
  'position',
  'description',
  'amount',
  'charge_start',
  'resource_id',
  'resource_uuid',
] as const;

function itemRow(item: ProviderInvoiceItem): CopyValue[] {
  return [
    item.position,
    item.description,
    item.amount.toFixed(),
    item.chargeStart?.toISOString() ?? null,
    item.resourceId,
    item.resourceUuid,
  ];
}
