import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ArcadiaError } from '../../src/domain/errors.ts';
import {
  assertDraft,
  assertIssued,
  assertVoidable,
  dueDay,
  type InvoiceStatus,
  settle,
} from '../../src/domain/invoiceStanding.ts';

const statuses: readonly InvoiceStatus[] = ['draft', 'issued', 'paid', 'void'];
const untouched = { totalCents: 100, paidCents: 0, creditedCents: 0 };

/** The code of what is thrown, null where nothing is. */
function codeOf(work: () => void): string | null {
  try {
    work();
    return null;
  } catch (error) {
    return error instanceof ArcadiaError ? error.code : String(error);
  }
}

describe('dueDay', () => {
  it.each([
    ['2026-07-01T00:00:00Z', '2026-07-15'],
    ['2026-07-01T23:59:59.999Z', '2026-07-15'],
    ['2026-02-20T12:00:00Z', '2026-03-06'],
    ['2028-02-20T12:00:00Z', '2028-03-05'],
    ['2026-12-25T12:00:00Z', '2027-01-08'],
  ])('of an invoice that is issued at %s is %s', (issuedAt, expected) => {
    expect(dueDay(new Date(issuedAt))).toBe(expected);
  });
});

describe('settle', () => {
  it.each([
    [100, 0, 0, 100, 'issued'],
    [100, 40, 59, 1, 'issued'],
    [100, 40, 60, 0, 'paid'],
    [100, 100, 100, -100, 'paid'],
    [0, 0, 0, 0, 'paid'],
    [-5, 0, 0, -5, 'paid'],
  ])('%i − %i credited − %i paid leaves %i: %s', (totalCents, creditedCents, paidCents, dueCents, status) => {
    expect(settle({ totalCents, creditedCents, paidCents })).toEqual({ dueCents, status });
  });

  it('takes an invoice for paid exactly where nothing is due', () => {
    const amount = fc.integer({ min: 0, max: 2 ** 40 });
    fc.assert(
      fc.property(fc.integer(), amount, amount, (totalCents, creditedCents, paidCents) => {
        const { dueCents, status } = settle({ totalCents, creditedCents, paidCents });
        expect(dueCents + creditedCents + paidCents).toBe(totalCents);
        expect(status === 'paid').toBe(dueCents <= 0);
      }),
    );
  });

  it('refuses what is no longer exact', () => {
    const amounts = { totalCents: -Number.MAX_SAFE_INTEGER, creditedCents: 1, paidCents: 0 };
    expect(codeOf(() => settle(amounts))).toBe('amount_too_large');
  });
});

describe('what may be done with an invoice', () => {
  it.each([
    ['change and issue', assertDraft, [null, 'invoice_not_draft', 'invoice_not_draft', 'invoice_not_draft']],
    ['pay and credit', assertIssued, ['invoice_not_issued', null, null, 'invoice_not_issued']],
    [
      'void without payments and credits',
      (status: InvoiceStatus) => assertVoidable({ ...untouched, status }),
      ['invoice_not_issued', null, null, 'invoice_not_issued'],
    ],
    [
      'void with a payment',
      (status: InvoiceStatus) => assertVoidable({ ...untouched, paidCents: 1, status }),
      ['invoice_not_issued', 'invoice_not_voidable', 'invoice_not_voidable', 'invoice_not_issued'],
    ],
    [
      'void with a credit note',
      (status: InvoiceStatus) => assertVoidable({ ...untouched, creditedCents: 1, status }),
      ['invoice_not_issued', 'invoice_not_voidable', 'invoice_not_voidable', 'invoice_not_issued'],
    ],
  ] as const)('%s: a draft, an issued, a paid and a void one', (_name, check, codes) => {
    expect(statuses.map((status) => codeOf(() => check(status)))).toEqual(codes);
  });

  it('says with a refusal of a void what to do instead', () => {
    expect(() => assertVoidable({ ...untouched, paidCents: 1, status: 'paid' })).toThrow('use a credit note');
  });
});
