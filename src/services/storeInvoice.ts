import type { EntityManager } from '@mikro-orm/postgresql';
import { ArcadiaError } from '../domain/errors.ts';
import { Decimal } from '../domain/money.ts';
import { lockAttribution, matchLadder } from './matchCostLines.ts';
import { recordAudit } from './recordAudit.ts';
import type { StagedItems, StagedLines } from './stageInvoice.ts';

/** The stage does not hold what was put there: the database was restarted in between. Staging again mends it. */
export class StageLost extends ArcadiaError {
  constructor(stageId: string, expected: number, found: number) {
    super(
      'stage_lost',
      `the stage ${stageId} holds ${found} rows, not ${expected}; the invoice has to be staged again`,
      {
        context: { stageId, expected, found },
      },
    );
  }
}

export class UnknownInvoice extends ArcadiaError {
  constructor(provider: string, invoiceUuid: string) {
    super('unknown_invoice', `no invoice ${invoiceUuid} of ${provider} was discovered`, {
      context: { provider, invoiceUuid },
    });
  }
}

export interface StoreInvoice {
  readonly provider: string;
  readonly invoiceUuid: string;
  readonly stageId: string;
  readonly staged: StagedLines;
  readonly stagedItems: StagedItems;
  readonly now: Date;
  /** What an operator accepts as one `unexplained` line; zero where only the items or the summary disagreed. */
  readonly accepted: {
    readonly difference: string;
    readonly reason: string;
    readonly actor: string;
    readonly requestId: string | null;
    readonly workflowId: string;
  } | null;
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
 * @throws StageLost where the stage is not whole; UnknownInvoice
 */
export async function storeInvoice(em: EntityManager, input: StoreInvoice): Promise<StoredInvoice> {
  return em.transactional(async (transaction) => {
    const [header] = await transaction.execute<Header[]>(
      `select id, period_start::text, amount::text, currency, version
       from cloud_invoices where provider = ? and invoice_uuid = ? for update`,
      [input.provider, input.invoiceUuid],
    );
    if (header === undefined) throw new UnknownInvoice(input.provider, input.invoiceUuid);
    if (await isCurrent(transaction, header, input)) {
      await putInForce(transaction, header, input, header.version);
      return result(transaction, header, 'unchanged', header.version);
    }
    await checkStage(transaction, 'cloud_cost_line_stage', input.stageId, input.staged.lines);
    await checkStage(transaction, 'cloud_invoice_item_stage', input.stageId, input.stagedItems.items);
    await lockAttribution(transaction, 'shared');
    const version = header.version + 1;
    const versionId = await addVersion(transaction, header, input, version);
    await transaction.execute(insertMatchedLines, [
      input.stageId,
      input.stageId,
      input.provider,
      header.id,
      versionId,
      header.period_start,
    ]);
    if (input.accepted !== null) {
      if (booksUnexplained(input)) {
        await bookUnexplained(transaction, header, versionId, input.staged.lines + 1, input.accepted);
      }
      await auditAcceptance(transaction, header, input.accepted, input.now);
    }
    await putInForce(transaction, header, input, version);
    return result(transaction, header, 'ingested', version);
  });
}

/** Sets an invoice aside with the reason; whatever version was in force stays in force. */
export async function holdInvoice(
  em: EntityManager,
  input: {
    readonly provider: string;
    readonly invoiceUuid: string;
    readonly error: { readonly code: string; readonly message: string; readonly context: unknown };
    readonly difference: string | null;
  },
): Promise<void> {
  await em.execute(
    `update cloud_invoices set ingest_status = 'held', error = ?::jsonb, held_difference = ?::numeric
     where provider = ? and invoice_uuid = ?`,
    [JSON.stringify(input.error), input.difference, input.provider, input.invoiceUuid],
  );
}

async function isCurrent(em: EntityManager, header: Header, input: StoreInvoice): Promise<boolean> {
  const [current] = await em.execute<
    { checksum: string; amount: string; accepted_difference: string | null }[]
  >(
    `select checksum, amount::text, accepted_difference::text from cloud_invoice_versions where invoice_id = ? and version = ?`,
    [header.id, header.version],
  );
  if (current === undefined) return false;
  // Without an acceptance of its own, an ingest leaves the one that stands.
  const sameAcceptance =
    input.accepted === null ||
    (current.accepted_difference !== null &&
      new Decimal(input.accepted.difference).equals(current.accepted_difference));
  return (
    current.checksum === input.staged.checksum &&
    new Decimal(current.amount).equals(header.amount) &&
    sameAcceptance
  );
}

async function checkStage(
  em: EntityManager,
  table: string,
  stageId: string,
  expected: number,
): Promise<void> {
  const [row] = await em.execute<{ found: number }[]>(
    `select count(*)::int as found from ${table} where stage_id = ?`,
    [stageId],
  );
  const found = row?.found ?? 0;
  if (found !== expected) throw new StageLost(stageId, expected, found);
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
    `insert into cloud_invoice_versions
       (invoice_id, version, amount, currency, line_count, checksum, accepted_difference, ingested_at)
     values (?, ?, ?, ?, ?, ?, ?, ?) returning id`,
    [
      header.id,
      version,
      header.amount,
      header.currency,
      input.staged.lines + (booksUnexplained(input) ? 1 : 0),
      input.staged.checksum,
      input.accepted?.difference ?? null,
      input.now,
    ],
  );
  if (row === undefined) throw new Error('the inserted version has no id');
  return row.id;
}

/** Whether the accepted difference is a line: where only the items or the summary disagreed, there is nothing to book. */
function booksUnexplained(input: StoreInvoice): boolean {
  return input.accepted !== null && !new Decimal(input.accepted.difference).isZero();
}

async function bookUnexplained(
  em: EntityManager,
  header: Header,
  versionId: string,
  lineNumber: number,
  accepted: NonNullable<StoreInvoice['accepted']>,
): Promise<void> {
  await em.execute(
    `insert into cloud_cost_lines (invoice_id, version_id, line_number, period_start, product, group_description, description,
       charge_start, charge_end, billed_cost, currency, line_class, match_outcome, match_reason, extra)
     values (?, ?, ?, ?, 'Unexplained', '', ?, ?::timestamp at time zone 'UTC',
       (?::timestamp + interval '1 month') at time zone 'UTC', ?, ?, 'unexplained', 'unexplained',
       'the difference that an operator accepted', '{}')`,
    [
      header.id,
      versionId,
      lineNumber,
      header.period_start,
      accepted.reason,
      header.period_start,
      header.period_start,
      accepted.difference,
      header.currency,
    ],
  );
}

async function auditAcceptance(
  em: EntityManager,
  header: Header,
  accepted: NonNullable<StoreInvoice['accepted']>,
  now: Date,
): Promise<void> {
  await recordAudit(
    em,
    { role: 'platform_admin', tenantId: '', subject: accepted.actor },
    {
      occurredAt: now,
      action: 'cloud_invoice.book_difference',
      subjectType: 'cloud_invoice',
      subjectId: header.id,
      reason: accepted.reason,
      after: { difference: accepted.difference, currency: header.currency },
      ...(accepted.requestId === null ? {} : { requestId: accepted.requestId }),
      workflowId: accepted.workflowId,
    },
  );
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

/**
 * Joins each staged line with its item by (description, amount) and order, since the items have no other key in common with the
 * file: the first line of a description and amount is the first such item. Then matches and stores all lines in one statement.
 */
const insertMatchedLines = `
  with staged as materialized (
    select *, row_number() over (partition by description, billed_cost order by charge_start, line_number) as ordinal
    from cloud_cost_line_stage where stage_id = ?
  ),
  item as materialized (
    select *, row_number() over (partition by description, amount order by charge_start, position) as ordinal
    from cloud_invoice_item_stage where stage_id = ?
  ),
  line as materialized (
    select staged.line_number as key, ?::text as provider, staged.line_class, staged.kind, staged.resource_name,
      nullif(item.resource_id, '') as provider_resource_id, nullif(item.resource_uuid, '') as provider_resource_uuid,
      staged.charge_start, staged.charge_end
    from staged
    left join item on item.description = staged.description and item.amount = staged.billed_cost
      and item.ordinal = staged.ordinal
  ),
  ${matchLadder}
  insert into cloud_cost_lines (invoice_id, version_id, line_number, period_start, product, group_description, description,
    hours, charge_start, charge_end, billed_cost, currency, project_name, category, line_class, kind, resource_name,
    provider_resource_id, provider_resource_uuid, resource_id, match_outcome, match_reason, match_candidates, extra)
  select ?::uuid, ?::uuid, staged.line_number, ?::date, staged.product, staged.group_description, staged.description,
    staged.hours, staged.charge_start, staged.charge_end, staged.billed_cost, staged.currency, staged.project_name,
    staged.category, staged.line_class, staged.kind, staged.resource_name,
    line.provider_resource_id, line.provider_resource_uuid,
    outcome.resource_id, outcome.match_outcome, outcome.match_reason, outcome.match_candidates, staged.extra
  from staged
  join line on line.key = staged.line_number
  join outcome on outcome.key = staged.line_number
  order by staged.line_number`;
