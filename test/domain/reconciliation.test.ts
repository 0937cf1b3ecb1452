import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Decimal, parseDecimal } from '../../src/domain/money.ts';
import { type InvoiceStatements, reconcile } from '../../src/domain/reconciliation.ts';

const statements = (
  amounts: Partial<Record<'stated' | 'summary' | 'lines' | 'items', string>>,
  otherCurrencies: readonly string[] = ['USD', 'USD'],
): InvoiceStatements => ({
  stated: parseDecimal(amounts.stated ?? '86.92'),
  summary: parseDecimal(amounts.summary ?? '86.92'),
  lines: parseDecimal(amounts.lines ?? '86.92'),
  items: parseDecimal(amounts.items ?? '86.92'),
  currency: 'USD',
  otherCurrencies,
});

describe('reconcile', () => {
  it('accepts an invoice that says the same in all four places', () => {
    expect(reconcile(statements({}))).toEqual({ agrees: true });
  });

  it('compares to the cent: what rounds to the same cent agrees', () => {
    expect(reconcile(statements({ lines: '86.924', items: '86.9199' }))).toEqual({ agrees: true });
  });

  it.each([
    [
      'lines',
      '86.91',
      'lines_disagree',
      '0.01',
      'the lines add up to 86.91 and the billing history states 86.92',
    ],
    [
      'lines',
      '86.93',
      'lines_disagree',
      '-0.01',
      'the lines add up to 86.93 and the billing history states 86.92',
    ],
    [
      'summary',
      '86.93',
      'summary_disagrees',
      '0.00',
      'the summary says 86.93 and the billing history states 86.92',
    ],
    [
      'summary',
      '86.91',
      'summary_disagrees',
      '0.00',
      'the summary says 86.91 and the billing history states 86.92',
    ],
    [
      'items',
      '86.93',
      'items_disagree',
      '0.00',
      'the items add up to 86.93 and the billing history states 86.92',
    ],
    [
      'items',
      '86.91',
      'items_disagree',
      '0.00',
      'the items add up to 86.91 and the billing history states 86.92',
    ],
  ] as const)('holds an invoice of which the %s say %s', (place, amount, code, difference, message) => {
    const verdict = reconcile(statements({ [place]: amount }));
    expect(verdict).toMatchObject({
      agrees: false,
      code,
      message,
      stated: parseDecimal('86.92'),
      found: parseDecimal(amount),
    });
    expect(verdict.agrees ? '' : verdict.difference.toFixed(2)).toBe(difference);
  });

  it('holds an invoice whose stated amount alone differs, by what the lines leave unexplained', () => {
    const verdict = reconcile(statements({ stated: '90.00' }));
    expect(verdict).toMatchObject({ agrees: false, code: 'lines_disagree' });
    expect(verdict.agrees ? '' : verdict.difference.toFixed(2)).toBe('3.08');
  });

  it.each([[['EUR', 'USD']], [['USD', 'EUR']]])(
    'holds an invoice whose lines and summary are in %j',
    (currencies) => {
      expect(reconcile(statements({}, currencies))).toMatchObject({
        agrees: false,
        code: 'currency_disagrees',
        message: 'the lines or the summary are in EUR and the billing history states 86.92',
      });
    },
  );

  it('names the lines first where several places disagree, since only they can be booked', () => {
    expect(reconcile(statements({ lines: '1', summary: '2', items: '3' }))).toMatchObject({
      code: 'lines_disagree',
    });
    expect(reconcile(statements({ summary: '2', items: '3' }))).toMatchObject({ code: 'summary_disagrees' });
  });

  it('never accepts amounts of which any is a cent or more off, and the difference always explains the lines', () => {
    const cents = fc.integer({ min: -1_000_000, max: 1_000_000 });
    const offset = fc.integer({ min: -3, max: 3 });
    fc.assert(
      fc.property(cents, offset, offset, offset, (stated, lines, summary, items) => {
        const amount = (value: number) => new Decimal(value).dividedBy(100);
        const verdict = reconcile({
          stated: amount(stated),
          lines: amount(stated + lines),
          summary: amount(stated + summary),
          items: amount(stated + items),
          currency: 'USD',
          otherCurrencies: ['USD', 'USD'],
        });
        expect(verdict.agrees).toBe(lines === 0 && summary === 0 && items === 0);
        if (!verdict.agrees) {
          expect(verdict.difference.plus(amount(stated + lines)).equals(amount(stated))).toBe(true);
        }
      }),
    );
  });
});
