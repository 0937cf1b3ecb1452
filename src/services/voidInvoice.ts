import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { assertVoidable } from '../domain/invoiceStanding.ts';
import { TenantInvoice } from '../entities/tenantInvoice.ts';
import { withdrawReceivable } from './changeReceivable.ts';
import { restoreAfterPayment } from './dunning.ts';
import { type ReasonedRequest, recordChange } from './recordChange.ts';

export interface VoidInvoice extends ReasonedRequest {
  readonly invoiceId: string;
}

/**
 * Makes an issued invoice without payments or credit notes void. It keeps its number and its lines, nothing is due of it any more, and
 * what it billed stays bound to it until it is reissued. The finance system is told where it may know of the invoice, and where nothing
 * of the tenant is overdue any more, what dunning did is undone.
 * @returns undefined where there is no such invoice
 * @throws InvoiceConflict where it is a draft, void already, or has payments or credit notes
 */
export function voidInvoice(em: EntityManager, request: VoidInvoice): Promise<TenantInvoice | undefined> {
  return em.transactional(async (transaction) => {
    const invoice = await transaction.findOne(
      TenantInvoice,
      { id: request.invoiceId },
      { lockMode: LockMode.PESSIMISTIC_WRITE },
    );
    if (invoice === null) return undefined;
    assertVoidable(invoice);
    const before = { status: invoice.status, due_cents: invoice.dueCents };
    invoice.status = 'void';
    invoice.dueCents = 0;
    invoice.voidedAt = request.now;
    invoice.voidReason = request.reason;
    invoice.updatedAt = request.now;
    await transaction.flush();
    await withdrawReceivable(transaction, invoice.id, request.now);
    await restoreAfterPayment(transaction, [invoice.tenantId], request.now);
    await recordChange(transaction, request, {
      action: 'tenant_invoice.void',
      subjectId: invoice.id,
      before,
      after: { status: invoice.status, due_cents: 0, number: invoice.number ?? null },
    });
    return invoice;
  });
}
