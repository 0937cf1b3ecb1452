import { addDays, type Day, dayOf } from './calendar.ts';
import { Conflict } from './errors.ts';
import { addCents } from './money.ts';

export type InvoiceStatus = 'draft' | 'issued' | 'paid' | 'void';

/** How long after its issue an invoice is due, in days. */
export const paymentTermDays = 14;

/** The day on which an invoice that is issued at this moment is due. */
export function dueDay(issuedAt: Date): Day {
  return addDays(dayOf(issuedAt.toISOString()), paymentTermDays);
}

/** What an invoice amounts to, in cents of its currency. */
export interface InvoiceAmounts {
  readonly totalCents: number;
  /** The total of its credit notes. */
  readonly creditedCents: number;
  readonly paidCents: number;
}

/**
 * What is still due of an invoice, and its status once it is issued: paid where nothing is due.
 * Below zero it is owed to the tenant, and is not applied to another invoice. @throws AmountTooLarge
 */
export function settle(amounts: InvoiceAmounts): { dueCents: number; status: 'issued' | 'paid' } {
  const dueCents = addCents(addCents(amounts.totalCents, -amounts.creditedCents), -amounts.paidCents);
  return { dueCents, status: dueCents <= 0 ? 'paid' : 'issued' };
}

/** An invoice is not in a state in which this can be done with it. */
export class InvoiceConflict extends Conflict {
  constructor(code: string, message: string, status: InvoiceStatus) {
    super(code, message, { context: { status } });
  }
}

/** Only a draft changes its lines, and only a draft is issued. @throws InvoiceConflict `invoice_not_draft` */
export function assertDraft(status: InvoiceStatus): void {
  if (status === 'draft') return;
  throw new InvoiceConflict(
    'invoice_not_draft',
    `this invoice is ${status}, and only a draft can be changed or issued: use a credit note, or void it and issue another one`,
    status,
  );
}

/** Money and credit notes are for what was issued and is not void. @throws InvoiceConflict `invoice_not_issued` */
export function assertIssued(status: InvoiceStatus): void {
  if (status === 'issued' || status === 'paid') return;
  throw new InvoiceConflict(
    'invoice_not_issued',
    `this invoice is ${status === 'void' ? 'void' : 'a draft'}: payments and credit notes are for invoices that are issued or paid`,
    status,
  );
}

/**
 * Only what was issued and has neither payments nor credit notes can be voided; an invoice of nothing, paid at its issue, can.
 * @throws InvoiceConflict `invoice_not_issued`, `invoice_not_voidable`
 */
export function assertVoidable(invoice: InvoiceAmounts & { readonly status: InvoiceStatus }): void {
  const { status, paidCents, creditedCents } = invoice;
  if (status === 'draft' || status === 'void') {
    throw new InvoiceConflict(
      'invoice_not_issued',
      status === 'draft'
        ? 'this invoice is a draft: only an issued one can be voided'
        : 'this invoice is void already',
      status,
    );
  }
  if (paidCents === 0 && creditedCents === 0) return;
  throw new InvoiceConflict(
    'invoice_not_voidable',
    `this invoice has ${paidCents === 0 ? 'credit notes' : 'payments'} and can't be voided: use a credit note`,
    status,
  );
}
