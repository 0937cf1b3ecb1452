import type { EntityManager } from '@mikro-orm/postgresql';
import { type Period, shiftPeriod } from '../../domain/period.ts';
import { readEstimatesInForce } from './estimatedParts.ts';
import { runningPeriod } from './liveAccrual.ts';

/** The periods of a provider's cost lines that met another resource, or came to other owners, since a moment; oldest first. */
export async function periodsMovedSince(
  em: EntityManager,
  query: { readonly provider: string; readonly since: Date },
): Promise<Period[]> {
  const rows = await em.execute<{ period: Period }[]>(
    `with moved as (
       select cost_line_id from cloud_attribution_changes where changed_at >= ?
       union
       select cost_line_id from cost_owner_changes where changed_at >= ?
     )
     select distinct to_char(invoice.period_start, 'YYYY-MM-DD') as period
     from moved
     join cloud_cost_lines line on line.id = moved.cost_line_id
     join cloud_invoices invoice on invoice.id = line.invoice_id
     where invoice.provider = ?
     order by 1`,
    [query.since, query.since, query.provider],
  );
  return rows.map(({ period }) => period);
}

/**
 * The periods whose costs one move of resources touched: those of the cost lines that it gave to other owners, and those that count by an
 * estimate, of which nothing is kept. Oldest first.
 * @param move as `recordingOwnerChanges` was told
 */
export async function periodsMovedBy(
  em: EntityManager,
  move: { readonly now: Date; readonly cause: string },
): Promise<Period[]> {
  const rows = await em.execute<{ period: Period }[]>(
    `select distinct to_char(invoice.period_start, 'YYYY-MM-DD') as period
     from cost_owner_changes change
     join cloud_cost_lines line on line.id = change.cost_line_id
     join cloud_invoices invoice on invoice.id = line.invoice_id
     where change.changed_at = ? and change.cause = ?`,
    [move.now, move.cause],
  );
  const running = runningPeriod(move.now);
  const estimates = await readEstimatesInForce(em, { first: shiftPeriod(running, -1), last: running });
  return [...new Set([...rows, ...estimates].map(({ period }) => period))].sort();
}
