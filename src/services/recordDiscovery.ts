import type { EntityManager } from '@mikro-orm/postgresql';
import type { BillingHistoryEntry, InvoicePeriod } from '../providers/provider.ts';

export interface Discovery {
  readonly provider: string;
  readonly discoveredAt: Date;
  readonly history: readonly BillingHistoryEntry[];
  readonly periods: readonly InvoicePeriod[];
}

export interface DiscoveryCounts {
  readonly invoices: number;
  readonly newInvoices: number;
  /** Ingested invoices whose amount the provider has changed since; they wait for an ingest again. */
  readonly restated: number;
  /** History entries of type invoice that no header could be made of. */
  readonly unidentified: number;
}

/**
 * Upserts an invoice header for each history entry of type invoice, in one statement. The amount is the history's; the period is the
 * invoice list's, never the entry's date. Discovering the same again changes nothing. An entry that names no invoice, or one whose
 * month the list does not say (yet), is counted as unidentified and holds up nobody else.
 */
export async function recordDiscovery(em: EntityManager, discovery: Discovery): Promise<DiscoveryCounts> {
  const periods = new Map(discovery.periods.map((entry) => [entry.invoiceUuid, entry.period]));
  const headers = new Map<string, HeaderRow>();
  let unidentified = 0;
  for (const entry of discovery.history) {
    if (entry.type !== 'invoice') continue;
    const period = entry.invoiceUuid === null ? undefined : periods.get(entry.invoiceUuid);
    if (entry.invoiceUuid === null || period === undefined) {
      unidentified += 1;
      continue;
    }
    // Where the history names an invoice twice, the newest entry says what it is.
    const known = headers.get(entry.invoiceUuid);
    if (known !== undefined && known.issued_at >= entry.occurredAt.toISOString()) continue;
    headers.set(entry.invoiceUuid, {
      invoice_uuid: entry.invoiceUuid,
      invoice_number: entry.invoiceNumber,
      period_start: period,
      issued_at: entry.occurredAt.toISOString(),
      amount: entry.amount.toFixed(),
      currency: entry.currency,
    });
  }
  const [counts] = await em.execute<{ new_invoices: number; restated: number }[]>(upsertHeaders, [
    JSON.stringify([...headers.values()]),
    discovery.provider,
    discovery.provider,
    discovery.discoveredAt,
  ]);
  return {
    invoices: headers.size,
    newInvoices: counts?.new_invoices ?? 0,
    restated: counts?.restated ?? 0,
    unidentified,
  };
}

/** An ingested invoice, and the checksum of the lines that are in force. */
export interface RecentInvoice {
  readonly invoiceUuid: string;
  readonly period: string;
  readonly checksum: string;
}

/** The ingested invoices of the newest two periods: the ones that a provider still restates, to be checked line by line. */
export async function recentInvoices(
  em: EntityManager,
  provider: string,
  ingestedBefore: Date,
): Promise<RecentInvoice[]> {
  const rows = await em.execute<{ invoice_uuid: string; period_start: string; checksum: string }[]>(
    `select invoice_uuid, period_start::text, checksum from cloud_invoices
     where provider = ? and ingest_status = 'ingested' and checksum is not null and ingested_at < ?
       and period_start >= (select max(period_start) - interval '1 month' from cloud_invoices where provider = ?)
     order by period_start desc, id`,
    [provider, ingestedBefore, provider],
  );
  return rows.map((row) => ({
    invoiceUuid: row.invoice_uuid,
    period: row.period_start,
    checksum: row.checksum,
  }));
}

/** Has an ingested invoice wait for an ingest again; its version stays in force until then. */
export async function markRestated(em: EntityManager, provider: string, invoiceUuid: string): Promise<void> {
  await em.execute(
    `update cloud_invoices set ingest_status = 'discovered'
     where provider = ? and ingest_status = 'ingested' and invoice_uuid = ?`,
    [provider, invoiceUuid],
  );
}

/** One page of the invoices that are not ingested (discovered, restated or held), newest period first. */
export async function invoicesToIngest(
  em: EntityManager,
  query: { readonly provider: string; readonly limit: number; readonly before: InvoiceCursor | null },
): Promise<WaitingInvoice[]> {
  const rows = await em.execute<{ id: string; invoice_uuid: string; period_start: string }[]>(
    `select id, invoice_uuid, period_start::text from cloud_invoices
     where provider = ? and ingest_status <> 'ingested'
       and (?::date is null or (period_start, id) < (?::date, ?::uuid))
     order by period_start desc, id desc limit ?`,
    [
      query.provider,
      query.before?.period ?? null,
      query.before?.period ?? null,
      query.before?.id ?? null,
      query.limit,
    ],
  );
  return rows.map((row) => ({ id: row.id, invoiceUuid: row.invoice_uuid, period: row.period_start }));
}

export interface InvoiceCursor {
  readonly id: string;
  readonly period: string;
}
export interface WaitingInvoice extends InvoiceCursor {
  readonly invoiceUuid: string;
}

interface HeaderRow {
  invoice_uuid: string;
  invoice_number: string | null;
  period_start: string;
  issued_at: string;
  amount: string;
  currency: string;
}

const upsertHeaders = `
  with listed as (
    select * from jsonb_to_recordset(?::jsonb) as listed (invoice_uuid text, invoice_number text, period_start date,
      issued_at timestamptz, amount numeric, currency text)
  ),
  before as (
    select invoice_uuid, amount, ingest_status from cloud_invoices where provider = ?
  ),
  written as (
    insert into cloud_invoices as invoice
      (provider, invoice_uuid, invoice_number, period_start, issued_at, amount, currency, ingest_status, discovered_at)
    select ?, invoice_uuid, invoice_number, period_start, issued_at, amount, currency, 'discovered', ?
    from listed
    on conflict (provider, invoice_uuid) do update
      set amount = excluded.amount, invoice_number = coalesce(excluded.invoice_number, invoice.invoice_number),
        ingest_status = case
          when invoice.ingest_status = 'ingested' and invoice.amount <> excluded.amount then 'discovered'
          else invoice.ingest_status
        end
      where (invoice.amount, invoice.invoice_number)
        is distinct from (excluded.amount, coalesce(excluded.invoice_number, invoice.invoice_number))
    returning invoice.invoice_uuid, invoice.ingest_status
  )
  select (count(*) filter (where before.invoice_uuid is null))::int as new_invoices,
    (count(*) filter (where before.ingest_status = 'ingested' and written.ingest_status = 'discovered'))::int as restated
  from written left join before on before.invoice_uuid = written.invoice_uuid`;
