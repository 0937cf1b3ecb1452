/**
 * Conditions that several statements share, as SQL. What a void invoice billed stays bound to it until it is reissued, and the usage of
 * its month waits for that.
 */

/** Whether the void invoice of this alias still waits for its reissue. */
export const waitsForReissue = (invoice: string) => `${invoice}.status = 'void' and not exists (
  select from tenant_invoices reissue where reissue.tenant_id = ${invoice}.tenant_id
    and reissue.period_start = ${invoice}.period_start and reissue.replaces_invoice_id = ${invoice}.id)`;

/**
 * Whether late usage (alias `late`) may go on the next invoice. It waits where the invoice of its own month is a draft, or void and not
 * reissued, or an exception that may still be retried, and where its month is still to be rolled up.
 */
export const lateUsageCanBeCarried = `(
  exists (select from period_ledger where period_start = late.usage_month)
    or not exists (select from period_ledger where period_start <= late.usage_month)
) and not exists (
  select from tenant_invoices own where own.tenant_id = late.tenant_id and own.period_start = late.usage_month
    and (own.status = 'draft' or ${waitsForReissue('own')})
) and not exists (
  select from rollup_worklist work where work.period_start = late.usage_month and work.tenant_id = late.tenant_id
    and work.state in ('pending', 'failed')
)`;
