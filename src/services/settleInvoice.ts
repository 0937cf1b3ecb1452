import type { EntityManager } from '@mikro-orm/postgresql';
import { settle } from '../domain/invoiceStanding.ts';
import type { TenantInvoice } from '../entities/tenantInvoice.ts';
import { restoreAfterPayment } from './dunning.ts';

/**
 * Writes down what is due of an invoice whose payments or credits have just changed: paid where nothing is, and never unpaid again. Where
 * nothing of the tenant is overdue any more, what dunning did to its deployments is undone. In the transaction that holds the invoice.
 */
export async function settleInvoice(
  em: EntityManager,
  invoice: TenantInvoice,
  { now }: { readonly now: Date },
): Promise<void> {
  const { dueCents, status } = settle(invoice);
  const isNewlyPaid = status === 'paid' && invoice.status !== 'paid';
  invoice.dueCents = dueCents;
  invoice.status = status;
  if (isNewlyPaid) invoice.paidAt = now;
  invoice.updatedAt = now;
  await em.flush();
  if (isNewlyPaid) await restoreAfterPayment(em, [invoice.tenantId], now);
}
