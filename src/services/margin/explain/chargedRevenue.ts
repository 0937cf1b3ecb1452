import type { EntityManager } from '@mikro-orm/postgresql';
import { type FigureLabel, labelOf } from '../../../domain/margin/figureLabel.ts';
import { revenueParts } from '../revenueByOwner.ts';
import {
  centsOf,
  type FigureNamed,
  inWords,
  month,
  nameOf,
  type Part,
  type PartsPage,
  type Step,
} from './step.ts';

interface TotalRow {
  cents: string | null;
  labels: FigureLabel[] | null;
}
interface Row extends TotalRow {
  key: string | null;
  part_cents: string;
  invoice_id: string;
  line_id: string | null;
  credit_note_id: string | null;
  label: FigureLabel;
  what: string;
}

/**
 * What invoices of the period charge a deployment, or everybody for a kind, in the currency of the invoices: their lines, less credit
 * notes. Of a tenant, its own invoices alone are read.
 * @returns undefined where there is nothing of it
 */
export async function explainChargedRevenue(
  em: EntityManager,
  figure: FigureNamed<'charged_revenue'>,
  page: PartsPage,
  now: Date,
): Promise<Step | undefined> {
  const { period, subject, currency } = figure;
  const { tenantId, deploymentId = null, kind = null } = subject;
  const ofTenant = tenantId === undefined ? '' : ' and invoice.tenant_id = ?';
  const [whose, parameters] =
    tenantId === undefined
      ? ['kind = ?', [kind]]
      : ['deployment_id is not distinct from ?::uuid', [deploymentId]];
  const rows = await em.execute<Row[]>(
    `${revenueParts(`invoice.period_start = ?::date${ofTenant}`)},
     own as (
       select *, case when line_id is null then '2 ' || credit_note_id::text else '1 ' || lpad(line_id::text, 20, '0') end collate "C" as key
       from revenue where ${whose} and currency = ?
     )
     select total.cents, total.labels, page.key, page.cents::text as part_cents, page.invoice_id, page.line_id::text, page.credit_note_id,
       page.label, coalesce(line.description, 'Credit note ' || note.number || ': ' || note.reason) as what
     from (select sum(cents)::text as cents, array_agg(distinct label) as labels from own) total
     left join lateral (select * from own where key > ? order by key limit ?) page on true
     left join tenant_invoice_lines line on line.id = page.line_id
     left join credit_notes note on note.id = page.credit_note_id
     order by page.key`,
    [
      period,
      ...(tenantId === undefined ? [] : [tenantId]),
      ...parameters,
      currency,
      page.after ?? '',
      page.limit + 1,
    ],
  );
  const [total] = rows;
  if (total?.cents == null) return undefined;
  const value = centsOf(total.cents, currency);
  return {
    figure,
    what: `Revenue charged for ${month(period)}: ${nameOf(subject)}, in ${currency}`,
    value,
    label: labelOf((total.labels ?? []).map((label) => ({ label }))),
    asOf: now,
    how: `Lines of the period's invoices before tax, whatever month they are for, less credit notes; void invoices count for nothing: ${inWords(value)}.`,
    row: null,
    resources: deploymentId === null ? [] : [{ type: 'deployment', id: deploymentId }],
    combinedBy: 'sum',
    partsTotal: value,
    parts: rows.flatMap((row): Part[] => (row.key === null ? [] : [toPart(row, row.key, currency)])),
  };
}

function toPart(row: Row, key: string, currency: string): Part {
  const value = centsOf(row.part_cents, currency);
  return {
    key,
    what: row.what,
    counts: value,
    label: row.label,
    next: row.line_id === null ? null : { figure: { name: 'invoice_line', id: BigInt(row.line_id) }, value },
    resources: [
      { type: 'invoice', id: row.invoice_id },
      ...(row.credit_note_id === null ? [] : [{ type: 'creditNote' as const, id: row.credit_note_id }]),
    ],
  };
}
