import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Unprocessable } from '../domain/errors.ts';
import { assertIssued } from '../domain/invoiceStanding.ts';
import { addCents } from '../domain/money.ts';
import { creditNoteTax } from '../domain/tax.ts';
import { CreditNote } from '../entities/creditNote.ts';
import { TenantInvoice } from '../entities/tenantInvoice.ts';
import { reviseReceivable } from './changeReceivable.ts';
import { documentNumberSql, takeDocumentNumbers } from './documentNumbers.ts';
import { type ReasonedRequest, recordChange } from './recordChange.ts';
import { settleInvoice } from './settleInvoice.ts';

export interface CreditInvoice extends ReasonedRequest {
  readonly invoiceId: string;
  /** Before tax, above zero, in cents of the invoice's currency. */
  readonly amountCents: number;
}

/** More is to be credited than the invoice charged. */
export class CreditTooLarge extends Unprocessable {
  constructor(amountCents: number, left: number, currency: string) {
    super(
      'credit_too_large',
      `${amountCents} cents can't be credited: at most ${left} cents of ${currency} before tax are left of what this invoice charged`,
      { context: { amount_cents: amountCents, left_cents: left, currency } },
    );
  }
}

/**
 * Gives back a part or all of what an issued invoice charged, as a credit note with a number of its own. The tax of all its credit notes
 * is the tax on all that they credit, rounded once, so that many small notes credit what one would, and all of the invoice is
 * its total to the cent. What was paid already becomes owed to the tenant. The finance system is told.
 * @returns undefined where there is no such invoice
 * @throws InvoiceConflict for a draft and a void one, CreditTooLarge
 */
export function creditInvoice(
  em: EntityManager,
  request: CreditInvoice,
): Promise<{ note: CreditNote; invoice: TenantInvoice } | undefined> {
  return em.transactional(async (transaction) => {
    const invoice = await transaction.findOne(
      TenantInvoice,
      { id: request.invoiceId },
      { lockMode: LockMode.PESSIMISTIC_WRITE },
    );
    if (invoice === null) return undefined;
    assertIssued(invoice.status);
    const earlier = await transaction.find(CreditNote, { invoice: invoice.id });
    const credited = earlier.reduce((total, note) => addCents(total, note.subtotalCents), 0);
    const left = Math.max(0, addCents(invoice.subtotalCents, -credited));
    if (request.amountCents > left) throw new CreditTooLarge(request.amountCents, left, invoice.currency);
    const taxCents = creditNoteTax(credited, request.amountCents, invoice.taxRate);
    const before = {
      status: invoice.status,
      credited_cents: invoice.creditedCents,
      due_cents: invoice.dueCents,
    };
    const totalCents = addCents(request.amountCents, taxCents);
    invoice.creditedCents = addCents(invoice.creditedCents, totalCents);
    await settleInvoice(transaction, invoice, request);
    const note = await insertNote(transaction, request, invoice, taxCents);
    await reviseReceivable(transaction, invoice.id, request.now);
    await recordChange(transaction, request, {
      action: 'tenant_invoice.credit',
      subjectId: invoice.id,
      before,
      after: {
        status: invoice.status,
        credited_cents: invoice.creditedCents,
        due_cents: invoice.dueCents,
        currency: invoice.currency,
        credit_note: note.number,
      },
    });
    return { note, invoice };
  });
}

async function insertNote(
  em: EntityManager,
  request: CreditInvoice,
  invoice: TenantInvoice,
  taxCents: number,
): Promise<CreditNote> {
  const before = await takeDocumentNumbers(em, 'CN', 1);
  const rows = await em.execute<{ id: string }[]>(
    `insert into credit_notes (invoice_id, tenant_id, number, subtotal_cents, tax_cents, total_cents, currency, reason, actor, issued_at)
     values (?, ?, ${documentNumberSql('CN', '?::bigint')}, ?, ?, ?, ?, ?, ?, ?)
     returning id`,
    [
      invoice.id,
      invoice.tenantId,
      before + 1,
      before + 1,
      request.amountCents,
      taxCents,
      addCents(request.amountCents, taxCents),
      invoice.currency,
      request.reason,
      request.actor.subject,
      request.now,
    ],
  );
  return em.findOneOrFail(CreditNote, { id: String(rows[0]?.id) });
}
