import type { EntityManager } from '@mikro-orm/postgresql';
import type { Period } from '../domain/period.ts';

/** The periods of a provider's cost lines whose resource or outcome changed since a moment, oldest first. */
export async function reattributedPeriods(
  em: EntityManager,
  query: { readonly provider: string; readonly since: Date },
): Promise<Period[]> {
  const rows = await em.execute<{ period: Period }[]>(
    `select distinct to_char(invoice.period_start, 'YYYY-MM-DD') as period
     from cloud_attribution_changes change
     join cloud_cost_lines line on line.id = change.cost_line_id
     join cloud_invoices invoice on invoice.id = line.invoice_id
     where change.changed_at >= ? and invoice.provider = ?
     order by 1`,
    [query.since, query.provider],
  );
  return rows.map(({ period }) => period);
}
