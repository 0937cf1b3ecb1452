import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { addDays, type Day, dayOf } from '../domain/calendar.ts';
import { Conflict, Unprocessable } from '../domain/errors.ts';
import { assertIssued } from '../domain/invoiceStanding.ts';
import { addCents } from '../domain/money.ts';
import { Payment } from '../entities/payment.ts';
import { TenantInvoice } from '../entities/tenantInvoice.ts';
import { type ChangeRequest, recordChange } from './recordChange.ts';
import { settleInvoice } from './settleInvoice.ts';

export interface RecordPayment extends ChangeRequest {
  readonly invoiceId: string;
  /** Above zero, in cents of the invoice's currency. */
  readonly amountCents: number;
  /** The invoice's where it is absent. */
  readonly currency?: string | undefined;
  readonly paidOn: Day;
  /** Names the payment for ever, whatever invoice it is for. */
  readonly reference: string;
  /** Who tells us: `operator`, `finance`. */
  readonly source: string;
}

export interface RecordedPayment {
  readonly payment: Payment;
  readonly invoice: TenantInvoice;
  /** It was recorded before; nothing changed now. */
  readonly isDuplicate: boolean;
}

/** The reference was used for another amount, day or invoice. */
export class PaymentReferenceReused extends Conflict {
  constructor(reference: string) {
    super(
      'payment_reference_reused',
      `the payment reference "${reference}" stands for another payment: expected the same invoice, amount, currency and day, or a reference of its own`,
      { context: { reference } },
    );
  }
}

/** An invoice is paid in its own currency. */
export class OtherCurrency extends Unprocessable {
  constructor(currency: string, expected: string) {
    super('other_currency', `the payment is in ${currency}, and this invoice is in ${expected}`, {
      context: { currency, expected },
    });
  }
}

/** Money that is said to have come in on a day that is yet to come. */
export class PaidInTheFuture extends Unprocessable {
  constructor(paidOn: Day, latest: Day) {
    super('paid_in_the_future', `the payment is dated ${paidOn}: expected a day up to ${latest}`, {
      context: { paid_on: paidOn, latest },
    });
  }
}

/**
 * Books money that came in for an issued invoice, once a reference: the same payment again changes nothing, another one under its
 * reference is refused. What is paid in part stays due; what is paid too much makes the due amount negative, which is owed to the
 * tenant. At zero due the invoice is paid.
 * @returns undefined where there is no such invoice
 * @throws InvoiceConflict for a draft and a void one, PaymentReferenceReused, OtherCurrency, PaidInTheFuture
 */
export function recordPayment(
  em: EntityManager,
  request: RecordPayment,
): Promise<RecordedPayment | undefined> {
  return em.transactional(async (transaction) => {
    const invoice = await transaction.findOne(
      TenantInvoice,
      { id: request.invoiceId },
      { lockMode: LockMode.PESSIMISTIC_WRITE },
    );
    if (invoice === null) return undefined;
    const currency = request.currency ?? invoice.currency;
    const known = await transaction.findOne(Payment, { reference: request.reference });
    if (known !== null)
      return { payment: sameOrRefuse(known, request, currency), invoice, isDuplicate: true };
    if (currency !== invoice.currency) throw new OtherCurrency(currency, invoice.currency);
    // East of Greenwich tomorrow has begun.
    const latest = addDays(dayOf(request.now.toISOString()), 1);
    if (request.paidOn > latest) throw new PaidInTheFuture(request.paidOn, latest);
    assertIssued(invoice.status);
    if (!(await insertPayment(transaction, request, invoice))) {
      // Somebody booked the reference for another invoice between our look and our insert.
      throw new PaymentReferenceReused(request.reference);
    }
    const payment = await transaction.findOneOrFail(Payment, { reference: request.reference });
    await bookPayment(transaction, request, invoice);
    return { payment, invoice, isDuplicate: false };
  });
}

/** @throws PaymentReferenceReused */
function sameOrRefuse(known: Payment, request: RecordPayment, currency: string): Payment {
  const isSame =
    known.invoice === request.invoiceId &&
    known.amountCents === request.amountCents &&
    known.currency === currency &&
    known.paidOn === request.paidOn;
  if (!isSame) throw new PaymentReferenceReused(request.reference);
  return known;
}

/** @returns whether it was inserted: not where its reference is taken, also by a transaction that this one had to wait for */
async function insertPayment(
  em: EntityManager,
  request: RecordPayment,
  invoice: TenantInvoice,
): Promise<boolean> {
  const rows = await em.execute<unknown[]>(
    `insert into payments (invoice_id, tenant_id, amount_cents, currency, paid_on, reference, source, received_at)
     values (?, ?, ?, ?, ?, ?, ?, ?)
     on conflict (reference) do nothing
     returning id`,
    [
      invoice.id,
      invoice.tenantId,
      request.amountCents,
      invoice.currency,
      request.paidOn,
      request.reference,
      request.source,
      request.now,
    ],
  );
  return rows.length === 1;
}

async function bookPayment(em: EntityManager, request: RecordPayment, invoice: TenantInvoice): Promise<void> {
  const before = { status: invoice.status, paid_cents: invoice.paidCents, due_cents: invoice.dueCents };
  invoice.paidCents = addCents(invoice.paidCents, request.amountCents);
  await settleInvoice(em, invoice, request);
  await recordChange(em, request, {
    action: 'tenant_invoice.pay',
    subjectId: invoice.id,
    before,
    after: {
      status: invoice.status,
      paid_cents: invoice.paidCents,
      due_cents: invoice.dueCents,
      currency: invoice.currency,
      reference: request.reference,
      paid_on: request.paidOn,
      source: request.source,
    },
  });
}
