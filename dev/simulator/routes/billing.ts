import type { Router } from '@koa/router';
import { usdOf } from '../cents.ts';
import { type Invoice, invoiceCsv, invoiceItems, invoiceSummary } from '../invoice.ts';
import { listAnswer } from '../paging.ts';
import { found, type RequestState, type SimulatorState } from '../state.ts';

/** Balance, billing history and invoices; `preview` stands for the running month. */
export function addBillingRoutes(router: Router<RequestState>, { account }: SimulatorState): void {
  const invoiceOf = (uuid: string | undefined): Invoice => {
    const { preview, invoices } = account;
    if (uuid === 'preview' || uuid === preview.uuid) return preview;
    return found(invoices.find((invoice) => invoice.uuid === uuid));
  };

  router.get('/v2/customers/my/balance', (ctx) => {
    ctx.body = account.balance;
  });

  router.get('/v2/customers/my/billing_history', (ctx) => {
    ctx.body = listAnswer(ctx, 'billing_history', account.billingHistory);
  });

  router.get('/v2/customers/my/invoices', (ctx) => {
    ctx.body = {
      ...listAnswer(ctx, 'invoices', account.invoices.map(invoiceHeader)),
      invoice_preview: invoiceHeader(account.preview),
    };
  });

  router.get('/v2/customers/my/invoices/:uuid', (ctx) => {
    ctx.body = listAnswer(ctx, 'invoice_items', invoiceItems(invoiceOf(ctx.params['uuid'])));
  });

  router.get('/v2/customers/my/invoices/:uuid/summary', (ctx) => {
    ctx.body = invoiceSummary(invoiceOf(ctx.params['uuid']));
  });

  router.get('/v2/customers/my/invoices/:uuid/csv', (ctx) => {
    const invoice = invoiceOf(ctx.params['uuid']);
    ctx.type = 'text/csv';
    ctx.set('content-disposition', `attachment; filename="${fileName(invoice)}"`);
    ctx.body = invoiceCsv(invoice);
  });
}

function invoiceHeader(invoice: Invoice): object {
  return {
    invoice_uuid: invoice.uuid,
    invoice_id: invoice.id,
    amount: usdOf(invoice.amountCents),
    invoice_period: invoice.period,
    ...(invoice.updatedAt === undefined ? {} : { updated_at: invoice.updatedAt }),
  };
}

/** `DigitalOcean Invoice 2026 Apr (6173678-316844147).csv` */
function fileName(invoice: Invoice): string {
  const month = new Date(`${invoice.period}-01T00:00:00Z`).toLocaleString('en-US', {
    month: 'short',
    timeZone: 'UTC',
  });
  return `DigitalOcean Invoice ${invoice.period.slice(0, 4)} ${month} (6173678-${invoice.id}).csv`;
}
