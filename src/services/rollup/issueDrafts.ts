import type { EntityManager } from '@mikro-orm/postgresql';
import type { Period } from '../../domain/period.ts';
import { systemSession } from '../../session.ts';
import { issueInvoices } from '../issueInvoices.ts';
import { type RollUpCounts, rollUpTenants } from './rollUpTenants.ts';
import { lateUsageCanBeCarried } from './waitingInvoices.ts';

/** A page of drafts in the order of their tenants. */
export interface DraftPage {
  readonly period: Period;
  /** The last tenant of the page before; null for the first page. */
  readonly after: string | null;
  readonly limit: number;
  readonly now: Date;
}

/** @param after the last tenant of the page; null where it is the last page */
export interface PageDone<Result> {
  readonly result: Result;
  readonly after: string | null;
}

/**
 * Computes the drafts of one page anew whose usage, gateway charges or carried months changed since they were priced. One that can't be
 * priced any more is an exception, and is not issued.
 */
export async function repriceChangedDrafts(
  em: EntityManager,
  page: DraftPage,
): Promise<PageDone<RollUpCounts>> {
  const { period, after, limit, now } = page;
  const changed = await em.execute<{ tenant_id: string }[]>(
    `with changed as (
       select invoice.tenant_id from tenant_invoices invoice
       where invoice.period_start = ?::date and invoice.status = 'draft' and (?::text is null or invoice.tenant_id > ?)
         and (exists (
           select from late_usage late where late.tenant_id = invoice.tenant_id and late.settled_at is null
             and (late.usage_month = invoice.period_start or late.usage_month < invoice.period_start and ${lateUsageCanBeCarried})
         ) or exists (
           select from rollup_worklist open where open.period_start = invoice.period_start and open.tenant_id = invoice.tenant_id
             and open.state = 'pending'
         ))
       order by invoice.tenant_id limit ?
     ), reopened as (
       update rollup_worklist work set state = 'pending', updated_at = ? from changed
       where work.period_start = ?::date and work.tenant_id = changed.tenant_id
     )
     select tenant_id from changed order by tenant_id`,
    [period, after, after, limit, now, period],
  );
  const tenantIds = changed.map((row) => row.tenant_id);
  const result = await rollUpTenants(em, { period, part: { tenantIds }, force: true, now });
  return { result, after: tenantIds.length < limit ? null : (tenantIds.at(-1) ?? null) };
}

/** Issues the drafts of one page, which get their numbers in the order of their tenants. Exceptions stay drafts. @returns how many */
export async function issueDraftPage(
  em: EntityManager,
  page: DraftPage & { readonly workflowId: string },
): Promise<PageDone<number>> {
  const { period, after, limit, now } = page;
  const drafts = await em.execute<{ id: string; tenant_id: string }[]>(
    `select invoice.id, invoice.tenant_id from tenant_invoices invoice
     where invoice.period_start = ?::date and invoice.status = 'draft' and (?::text is null or invoice.tenant_id > ?)
       and not exists (
         select from rollup_worklist work where work.period_start = invoice.period_start and work.tenant_id = invoice.tenant_id
           and work.state in ('failed', 'pending')
       )
     order by invoice.tenant_id limit ?`,
    [period, after, after, limit],
  );
  if (drafts.length > 0) {
    await issueInvoices(em, {
      invoiceIds: drafts.map(({ id }) => id),
      now,
      actor: systemSession,
      workflowId: page.workflowId,
    });
  }
  return { result: drafts.length, after: drafts.length < limit ? null : (drafts.at(-1)?.tenant_id ?? null) };
}
