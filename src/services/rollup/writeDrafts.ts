import type { EntityManager } from '@mikro-orm/postgresql';
import type { Period } from '../../domain/period.ts';
import type { PricedInvoice } from '../../domain/tenantInvoice.ts';
import { arrayLiteral } from '../arrayLiteral.ts';
import { executeBound } from '../boundStatement.ts';
import type { TenantInputs } from './loadInvoiceInputs.ts';

/** A priced invoice that is to be a draft. */
export interface Draft extends TenantInputs {
  readonly id: string;
  readonly priced: PricedInvoice;
  /** Whether the draft is there already: its lines and inputs are replaced, and its revision goes up. */
  readonly isThere: boolean;
  /** The void invoice that it stands in for. */
  readonly replaces: string | null;
}

/**
 * Writes drafts with their lines and inputs, and settles the late usage that they take up; in the transaction of `em`, by a fixed number
 * of statements. A draft that is there must be locked by the caller, who has seen that it is one.
 */
export async function writeDrafts(
  em: EntityManager,
  batch: { readonly period: Period; readonly drafts: readonly Draft[]; readonly now: Date },
): Promise<void> {
  const { period, drafts, now } = batch;
  const added = drafts.filter(({ isThere }) => !isThere);
  const replaced = drafts.filter(({ isThere }) => isThere);
  if (replaced.length > 0) await replaceDrafts(em, replaced, now);
  if (added.length > 0) await insertInvoices(em, added, period, now);
  if (drafts.length > 0) {
    await insertLines(em, drafts);
    await insertInputs(em, drafts);
  }
  const settled = drafts.flatMap(({ settles }) => settles);
  if (settled.length > 0) await settleLateUsage(em, settled, now);
}

const invoiceRow = ({ id, inputs, priced, replaces }: Draft) => ({
  id,
  tenant_id: inputs.tenantId,
  currency: inputs.currency,
  subtotal_cents: priced.subtotalCents,
  tax_cents: priced.taxCents,
  total_cents: priced.totalCents,
  tax_name: inputs.tax.name,
  tax_rate: inputs.tax.rate,
  replaces_invoice_id: replaces,
});

const invoiceColumns = `id uuid, tenant_id text, currency text, subtotal_cents bigint, tax_cents bigint, total_cents bigint,
  tax_name text, tax_rate numeric, replaces_invoice_id uuid`;

async function insertInvoices(
  em: EntityManager,
  drafts: readonly Draft[],
  period: Period,
  now: Date,
): Promise<void> {
  await executeBound(
    em,
    `insert into tenant_invoices (id, tenant_id, period_start, status, currency, subtotal_cents, tax_cents, total_cents, due_cents,
       tax_name, tax_rate, replaces_invoice_id, created_at, updated_at)
     select id, tenant_id, $1::date, 'draft', currency, subtotal_cents, tax_cents, total_cents, total_cents,
       tax_name, tax_rate, replaces_invoice_id, $2::timestamptz, $2::timestamptz
     from json_to_recordset($3::json) draft (${invoiceColumns})`,
    [period, now, JSON.stringify(drafts.map(invoiceRow))],
  );
}

async function replaceDrafts(em: EntityManager, drafts: readonly Draft[], now: Date): Promise<void> {
  const ids = arrayLiteral(drafts.map(({ id }) => id));
  await em.execute(`delete from tenant_invoice_lines where invoice_id = any(?::uuid[])`, [ids]);
  await em.execute(`delete from tenant_invoice_inputs where invoice_id = any(?::uuid[])`, [ids]);
  await em.execute(
    `update tenant_invoices invoice set currency = draft.currency, subtotal_cents = draft.subtotal_cents, tax_cents = draft.tax_cents,
       total_cents = draft.total_cents, due_cents = draft.total_cents, tax_name = draft.tax_name, tax_rate = draft.tax_rate,
       revision = invoice.revision + 1, updated_at = ?
     from json_to_recordset(?::json) draft (${invoiceColumns})
     where invoice.id = draft.id and invoice.id = any(?::uuid[])`,
    [now, JSON.stringify(drafts.map(invoiceRow)), ids],
  );
}

/** As arrays by column: this is most of what a rollup writes, and of the ways to hand over rows under row level security the fastest. */
async function insertLines(em: EntityManager, drafts: readonly Draft[]): Promise<void> {
  const lines = drafts.flatMap(({ id, inputs, priced }) =>
    priced.lines.map((line, index) => ({ ...line, id, tenantId: inputs.tenantId, number: index + 1 })),
  );
  const column = (value: (line: (typeof lines)[number]) => string | number | null) =>
    arrayLiteral(lines.map(value));
  await executeBound(
    em,
    `insert into tenant_invoice_lines (invoice_id, tenant_id, line_number, type, deployment_id, resource_kind, description, qty, unit,
       unit_price_cents, amount_cents, service_period, meta)
     select * from rows from (
       unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::numeric[], $9::text[],
         $10::numeric[], $11::bigint[], $12::date[]),
       jsonb_array_elements($13::jsonb))`,
    [
      column(({ id }) => id),
      column(({ tenantId }) => tenantId),
      column(({ number }) => number),
      column(({ type }) => type),
      column(({ deploymentId }) => deploymentId),
      column(({ resourceKind }) => resourceKind),
      column(({ description }) => description),
      column(({ qty }) => qty),
      column(({ unit }) => unit),
      column(({ unitPriceCents }) => unitPriceCents),
      column(({ amountCents }) => amountCents),
      column(({ servicePeriod }) => servicePeriod),
      JSON.stringify(lines.map(({ meta }) => meta)),
    ],
  );
}

async function insertInputs(em: EntityManager, drafts: readonly Draft[]): Promise<void> {
  await executeBound(
    em,
    `insert into tenant_invoice_inputs (invoice_id, tenant_id, inputs)
     select * from rows from (unnest($1::uuid[], $2::text[]), jsonb_array_elements($3::jsonb))`,
    [
      arrayLiteral(drafts.map(({ id }) => id)),
      arrayLiteral(drafts.map(({ inputs }) => inputs.tenantId)),
      JSON.stringify(drafts.map(({ inputs }) => inputs)),
    ],
  );
}

async function settleLateUsage(
  em: EntityManager,
  months: readonly { readonly deploymentId: string; readonly usageMonth: Period }[],
  now: Date,
): Promise<void> {
  await em.execute(
    `update late_usage late set settled_at = ?
     from jsonb_to_recordset(?::jsonb) settled (deployment_id uuid, usage_month date)
     where late.deployment_id = settled.deployment_id and late.usage_month = settled.usage_month and late.settled_at is null`,
    [
      now,
      JSON.stringify(
        months.map(({ deploymentId, usageMonth }) => ({
          deployment_id: deploymentId,
          usage_month: usageMonth,
        })),
      ),
    ],
  );
}
