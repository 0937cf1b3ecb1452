import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type ExportedTenantInvoice, lineRanges } from '../../src/services/exportTenantFocusLines.ts';

const invoiceOf = (lastLine: number, index: number): ExportedTenantInvoice => ({
  id: String(index),
  tenantId: `tenant ${index}`,
  tenantName: null,
  number: `INV-${index}`,
  period: '2026-04-01',
  currency: 'AUD',
  taxName: null,
  totalCents: 0,
  lastLine,
});

describe('the groups in which lines are read', () => {
  it('have every line of every invoice once, in order, and no more than are read at a time', () => {
    const lengths = fc.oneof(fc.nat(5), fc.nat(3000), fc.constantFrom(1000, 2000));
    fc.assert(
      fc.property(fc.array(lengths, { maxLength: 8 }), (wanted) => {
        const invoices = wanted.map(invoiceOf);
        const groups = [...lineRanges(invoices)];
        for (const group of groups) {
          const lines = group.reduce((total, { after, until }) => total + until - after, 0);
          expect(lines).toBeLessThanOrEqual(1000);
        }
        const ranges = groups.flat();
        for (const invoice of invoices) {
          const own = ranges.filter((range) => range.invoice === invoice);
          expect(own.map(({ after }) => after)).toEqual([0, ...own.slice(0, -1).map(({ until }) => until)]);
          expect(own.at(-1)?.until).toBe(invoice.lastLine);
          expect(own.map(({ isLast }) => isLast)).toEqual(
            own.map((_range, index) => index === own.length - 1),
          );
        }
        const order = ranges.map(({ invoice }) => invoices.indexOf(invoice));
        expect(order).toEqual(order.toSorted((left, right) => left - right));
      }),
    );
  });
});
