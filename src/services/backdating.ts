import type { EntityManager } from '@mikro-orm/postgresql';
import { type Day, dayOf, periodOf } from '../domain/calendar.ts';
import { Conflict, Forbidden } from '../domain/errors.ts';
import type { ChangeRequest } from './recordChange.ts';
import { beginUsageChange, noteLateUsage } from './usageChanges.ts';

/**
 * The day that a change is dated: the one that is asked for, else today. What a tenant changes begins today at the earliest.
 * @throws Forbidden
 */
export function datedOn(day: Day | undefined, { actor, now }: ChangeRequest): Day {
  const today = dayOf(now.toISOString());
  if (day !== undefined && day < today && actor.role === 'tenant') {
    throw new Forbidden(`only admins back-date: ${day} is before today, ${today}`);
  }
  return day ?? today;
}

/**
 * Refuses to change what a deployment was billed for: an invoice that was issued is corrected by a credit note, and its month is
 * priced by the terms that are stored with it.
 * @param day from which on terms change
 * @throws Conflict `month_invoiced`
 */
export async function refuseInvoicedMonths(em: EntityManager, deploymentId: string, day: Day): Promise<void> {
  const [invoice] = await em.execute<{ number: string; period_start: string }[]>(
    `select invoice.number, invoice.period_start::text
     from tenant_invoices invoice
     where invoice.status in ('issued', 'paid') and invoice.period_start >= ?
       and exists (select from tenant_invoice_lines line
         where line.invoice_id = invoice.id and line.deployment_id = ? and line.service_period = invoice.period_start)
     order by invoice.period_start desc limit 1`,
    [periodOf(day), deploymentId],
  );
  if (invoice === undefined) return;
  throw new Conflict(
    'month_invoiced',
    `${invoice.period_start.slice(0, 7)} is invoiced already (${invoice.number}): date the change later, and credit what that invoice charged too much`,
    { context: { number: invoice.number, period: invoice.period_start } },
  );
}

/**
 * Notes the months since a day that were rolled up without what is back-dated to it now: the next invoice settles the difference.
 */
export async function noteLateMonths(
  em: EntityManager,
  deploymentId: string,
  range: { readonly from: Day; readonly now: Date },
): Promise<void> {
  await beginUsageChange(em);
  await em.execute(
    `with changed as (
       select subscription.tenant_id, subscription.deployment_id, month::date as day
       from subscriptions subscription,
         generate_series(?::date::timestamp, ?::timestamptz at time zone 'UTC', interval '1 month') as month
       where subscription.deployment_id = ?
     ), ${noteLateUsage('changed', '?::timestamptz')}
     select count(*) from late`,
    [periodOf(range.from), range.now, deploymentId, range.now],
  );
}
