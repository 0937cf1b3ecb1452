import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type PrintedDocument, toMoney, toPdf, toQuantity } from '../../src/api/invoicePdf.ts';
import { textOfPdf } from './pdfText.ts';

const document: PrintedDocument = {
  title: 'Tax invoice',
  mark: null,
  number: 'INV-000001',
  currency: 'AUD',
  issuer: { name: 'Issuer', taxNumber: 'ABN 51 824 753 556', address: null, email: null },
  recipient: { name: 'Recipient', taxNumber: null, address: null, email: null },
  facts: [['Issued', '1 July 2026']],
  lines: [],
  totals: [{ label: 'Total', cents: 0, strong: true }],
  notes: [],
  madeAt: new Date('2026-07-01T00:00:00Z'),
};

describe('toMoney', () => {
  it.each([
    [0, 'AUD', '$0.00'],
    [5, 'AUD', '$0.05'],
    [-123456789, 'AUD', '-$1,234,567.89'],
    ['0.125', 'AUD', '$0.00125'],
    ['1', 'USD', 'USD\u00a00.01'],
    [Number.MAX_SAFE_INTEGER, 'AUD', '$90,071,992,547,409.91'],
  ])('writes %p cents of %s as %s', (cents, currency, expected) => {
    expect(toMoney(cents, currency)).toBe(expected);
  });

  it('loses no digit of any amount', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (cents) => {
        const digits = toMoney(cents, 'AUD').replaceAll(/[^\d-]/g, '');
        expect(BigInt(digits)).toBe(BigInt(cents));
      }),
    );
  });
});

describe('toQuantity', () => {
  it.each([
    ['2160', '2,160'],
    ['1.500000', '1.5'],
    ['-0.000001', '-0.000001'],
    ['123456789012345678.5', '123,456,789,012,345,678.5'],
  ])('writes %s as %s', (qty, expected) => {
    expect(toQuantity(qty)).toBe(expected);
  });
});

describe('toPdf', () => {
  it('makes the same file of the same document', async () => {
    expect((await toPdf(document)).equals(await toPdf(document))).toBe(true);
  });

  it('takes text for nothing but text: what looks like a picture, a link or a file of ours is printed as it stands', async () => {
    const odd = [
      '/etc/passwd',
      'https://example.com/a.png',
      '{{image}}',
      '<script>',
      '\\n',
      '(a) [b] <c>',
      'data:image/png;base64,AAAA',
    ];
    const lines = odd.map((description) => ({
      group: null,
      description,
      detail: null,
      qty: '1',
      unit: 'each',
      unitPriceCents: '1',
      amountCents: 1,
    }));
    const [page = ''] = textOfPdf(await toPdf({ ...document, lines }));
    for (const description of odd)
      expect(page.replaceAll(' ', '')).toContain(description.replaceAll(' ', ''));
  });

  it('repeats the head of the table and counts the pages where the lines fill more than one', async () => {
    const lines = Array.from({ length: 120 }, (_, index) => ({
      group: `Deployment ${Math.floor(index / 10)}`,
      description: `Line ${index}.`,
      detail: null,
      qty: '1',
      unit: 'each',
      unitPriceCents: '1',
      amountCents: 1,
    }));
    const pages = textOfPdf(await toPdf({ ...document, lines }));
    expect(pages.length).toBeGreaterThan(2);
    for (const [index, page] of pages.entries()) {
      expect(page).toContain(`page ${index + 1} of ${pages.length}`);
      if (page.includes('Line ')) expect(page).toContain('Description Quantity Unit Unit price Amount');
    }
    for (const line of lines) expect(pages.join(' ')).toContain(line.description);
  });
});
