import type { EntityManager } from '@mikro-orm/postgresql';
import { ArcadiaError } from '../domain/errors.ts';
import { parseDecimal, sameToTheCent } from '../domain/money.ts';
import { type Acceptance, bookAcceptance, booksUnexplained } from './bookAcceptance.ts';
import { UnknownInvoice } from './findInvoice.ts';
import { insertCostLines } from './insertCostLines.ts';
import { lockAttribution } from './matchCostLines.ts';
import type { StagedItems, StagedLines } from './stageInvoice.ts';

/** The provider's amount is no longer the one that the lines were compared with. Reconciling again mends it. */
export class AmountChanged extends ArcadiaError {
  constructor(stated: string, amount: string) {
    super(
      'amount_changed',
      `the lines were compared with ${stated}, but the provider states ${amount} by now`,
      {
        context: { stated, amount },
      },
    );
  }
}

/** What would be in force is not what was staged; the transaction keeps nothing of it. */
export class LinesNotWhole extends ArcadiaError {
  constructor(expected: { lines: number; amount: string }, stored: { lines: number; total: string }) {
    super(
      'lines_not_whole',
      `${stored.lines} lines of ${stored.total} would be stored where ${expected.lines} lines of ${expected.amount} were expected`,
      { context: { expected, stored } },
    );
  }
}

export interface StoreInvoice {
  readonly provider: string;
  readonly invoiceUuid: string;
  readonly stageId: string;
  readonly staged: StagedLines;
  readonly stagedItems: StagedItems;
  readonly now: Date;
  /** The amount that the lines were reconciled with, a decimal string. */
  readonly stated: string;
  /** What an operator accepts, where the places that state the invoice disagree. */
  readonly accepted: Acceptance | null;
}

export interface StoredInvoice {
  readonly outcome: 'ingested' | 'unchanged';
  readonly version: number;
  readonly lines: number;
  readonly total: string;
  readonly currency: string;
  readonly matched: number;
}

interface Header {
  id: string;
  period_start: string;
  amount: string;
  currency: string;
  version: number;
}

/**
 * Puts the staged lines in force, in one transaction: a new version with its whole line set, each line matched, the earlier
 * version superseded but readable. Where the current version has the same lines and amount, nothing changes but a hold that ends.
 * @throws StageLost where the stage is not whole; AmountChanged; LinesNotWhole; UnknownInvoice
 */
export async function storeInvoice(em: EntityManager, input: StoreInvoice): Promise<StoredInvoice> {
  return em.transactional(async (transaction) => {
    const [header] = await transaction.execute<Header[]>(
      `select id, period_start::text, amount::text, currency, version
       from cloud_invoices where provider = ? and invoice_uuid = ? for update`,
      [input.provider, input.invoiceUuid],
    );
    if (header === undefined) throw new UnknownInvoice(input.provider, input.invoiceUuid);
    if (!parseDecimal(input.stated).equals(header.amount))
      throw new AmountChanged(input.stated, header.amount);
    if (await isCurrent(transaction, header, input)) {
      await putInForce(transaction, header, input, header.version);
      return result(transaction, header, 'unchanged', header.version);
    }
    await lockAttribution(transaction, 'shared');
    const version = header.version + 1;
    const versionId = await addVersion(transaction, header, input, version);
    await insertCostLines(transaction, {
      stageId: input.stageId,
      lines: input.staged.lines,
      items: input.stagedItems.items,
      provider: input.provider,
      invoiceId: header.id,
      versionId,
      periodStart: header.period_start,
    });
    if (input.accepted !== null) {
      await bookAcceptance(transaction, {
        invoice: { id: header.id, periodStart: header.period_start, currency: header.currency },
        versionId,
        lineNumber: input.staged.lines + 1,
        accepted: input.accepted,
        now: input.now,
      });
    }
    await putInForce(transaction, header, input, version);
    const stored = await result(transaction, header, 'ingested', version);
    checkWhole(header, input, stored);
    return stored;
  });
}

/**
 * Whether the version in force is what was staged. Without an acceptance of its own, an ingest leaves the one that stands; items may
 * then differ, since it is their disagreement that may have been accepted.
 */
async function isCurrent(em: EntityManager, header: Header, input: StoreInvoice): Promise<boolean> {
  const { staged, stagedItems, accepted } = input;
  const [row] = await em.execute<{ is_current: boolean }[]>(
    `select checksum = ? and amount = ?::numeric and case
         when ?::text is null then accepted_code is not null or items_checksum = ?
         else accepted_code = ? and accepted_found = ?::numeric and accepted_difference = ?::numeric and items_checksum = ?
       end as is_current
     from cloud_invoice_versions where invoice_id = ? and version = ?`,
    [
      staged.checksum,
      header.amount,
      accepted?.code ?? null,
      stagedItems.checksum,
      accepted?.code ?? null,
      accepted?.found ?? null,
      accepted?.difference ?? null,
      stagedItems.checksum,
      header.id,
      header.version,
    ],
  );
  return row?.is_current ?? false;
}

/** The last look before the commit: as many lines as were staged, and the provider's amount to the cent. */
function checkWhole(header: Header, input: StoreInvoice, stored: StoredInvoice): void {
  const lines = expectedLines(input);
  const isWhole =
    stored.lines === lines && sameToTheCent(parseDecimal(stored.total), parseDecimal(header.amount));
  if (!isWhole) throw new LinesNotWhole({ lines, amount: header.amount }, stored);
}

function expectedLines(input: StoreInvoice): number {
  return input.staged.lines + (booksUnexplained(input.accepted) ? 1 : 0);
}

async function addVersion(
  em: EntityManager,
  header: Header,
  input: StoreInvoice,
  version: number,
): Promise<string> {
  await em.execute(
    `update cloud_invoice_versions set superseded_at = ? where invoice_id = ? and superseded_at is null`,
    [input.now, header.id],
  );
  const [row] = await em.execute<{ id: string }[]>(
    `insert into cloud_invoice_versions (invoice_id, version, amount, currency, line_count, checksum, items_checksum,
       accepted_code, accepted_found, accepted_difference, ingested_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning id`,
    [
      header.id,
      version,
      header.amount,
      header.currency,
      expectedLines(input),
      input.staged.checksum,
      input.stagedItems.checksum,
      input.accepted?.code ?? null,
      input.accepted?.found ?? null,
      input.accepted?.difference ?? null,
      input.now,
    ],
  );
  if (row === undefined) throw new Error('the inserted version has no id');
  return row.id;
}

async function putInForce(
  em: EntityManager,
  header: Header,
  input: StoreInvoice,
  version: number,
): Promise<void> {
  await em.execute(
    `update cloud_invoices invoice set ingest_status = 'ingested', error = null, held_difference = null, version = ?,
       line_count = current.line_count, checksum = current.checksum, ingested_at = current.ingested_at
     from cloud_invoice_versions current
     where invoice.id = ? and current.invoice_id = invoice.id and current.version = ?`,
    [version, header.id, version],
  );
  await em.execute(`delete from cloud_cost_line_stage where stage_id = ?`, [input.stageId]);
  await em.execute(`delete from cloud_invoice_item_stage where stage_id = ?`, [input.stageId]);
}

async function result(
  em: EntityManager,
  header: Header,
  outcome: StoredInvoice['outcome'],
  version: number,
): Promise<StoredInvoice> {
  const [row] = await em.execute<{ lines: number; total: string; matched: number }[]>(
    `select count(*)::int as lines, coalesce(sum(billed_cost), 0)::text as total,
       (count(*) filter (where match_outcome in ('matched_by_id', 'matched_by_name')))::int as matched
     from cloud_cost_lines
     where version_id = (select id from cloud_invoice_versions where invoice_id = ? and version = ?)`,
    [header.id, version],
  );
  return {
    outcome,
    version,
    lines: row?.lines ?? 0,
    total: row?.total ?? '0',
    currency: header.currency,
    matched: row?.matched ?? 0,
  };
}
