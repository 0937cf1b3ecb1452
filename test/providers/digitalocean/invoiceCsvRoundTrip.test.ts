import { describe, expect, it } from '@jest/globals';
import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import { sum } from '../../../src/domain/money.ts';
import { readInvoiceCsv } from '../../../src/providers/digitalocean/invoiceCsv.ts';
import type { ProviderCostLine } from '../../../src/providers/provider.ts';

const columns = [
  'product',
  'group_description',
  'description',
  'hours',
  'start',
  'end',
  'USD',
  'project_name',
  'category',
] as const;

// A carriage return alone is no line break of CSV, so it is an ordinary character here like any other.
const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((value) => !value.includes('\0'));
const filled = text.filter((value) => value.trim() !== '');
const instant = fc
  .date({ min: new Date('2014-12-01'), max: new Date('2027-01-01'), noInvalidDate: true })
  .map((date) => new Date(Math.floor(date.getTime() / 60_000) * 60_000));
const cents = fc.integer({ min: -10_000_000, max: 10_000_000 });

const invoiceLine = fc.record({
  product: filled,
  group_description: text,
  description: text,
  hours: fc.option(fc.integer({ min: 0, max: 744 })),
  from: instant,
  minutes: fc.integer({ min: 0, max: 44_640 }),
  lastSecondNamed: fc.boolean(),
  cents,
  minusBehindDollar: fc.boolean(),
  project_name: text,
  category: text,
});

const shape = fc.record({
  order: fc.shuffledSubarray([...columns], { minLength: columns.length }),
  writeName: fc.constantFrom(
    (name: string) => name,
    (name: string) => name.toUpperCase(),
    (name: string) => name.replaceAll('_', ' '),
    (name: string) => ` ${name.replaceAll('_', '-')} `,
  ),
  bom: fc.boolean(),
  crlf: fc.boolean(),
  quoted: fc.boolean(),
  chunk: fc.integer({ min: 1, max: 4096 }),
});

describe('an invoice in any of its shapes', () => {
  it('comes out as it went in, and its sum is kept', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(invoiceLine, { minLength: 1, maxLength: 30 }), shape, async (lines, form) => {
        const cells = lines.map((line) => cellsOf(line));
        const file = stringify(
          [form.order.map(form.writeName), ...cells.map((row) => form.order.map((name) => row[name]))],
          {
            bom: form.bom,
            quoted: form.quoted,
            record_delimiter: form.crlf ? '\r\n' : '\n',
            // A bare leading mark or line break would be taken for the file's own.
            quoted_match: /[\uFEFF\r\n]/,
          },
        );
        const read = (
          await Array.fromAsync(
            readInvoiceCsv(chunksOf(file, form.chunk), { contentType: 'text/csv', batchSize: 7 }),
          )
        ).flat();

        expect(read.map((line) => written(line))).toEqual(lines.map((line, index) => meant(line, index)));
        const cents = lines.reduce((total, line) => total + line.cents, 0);
        expect(
          sum(read.map((line) => line.billedCost))
            .times(100)
            .toString(),
        ).toBe(String(cents));
      }),
      { numRuns: 300 },
    );
  });
});

type Line = typeof invoiceLine extends fc.Arbitrary<infer T> ? T : never;

function cellsOf(line: Line): Record<(typeof columns)[number], string> {
  const end = endOf(line);
  const amount = `${Math.floor(Math.abs(line.cents) / 100)}.${String(Math.abs(line.cents) % 100).padStart(2, '0')}`;
  const minus = line.cents < 0 ? '-' : '';
  return {
    product: line.product,
    group_description: line.group_description,
    description: line.description,
    hours: line.hours === null ? '' : String(line.hours),
    start: wireTime(line.from),
    end: wireTime(line.lastSecondNamed ? new Date(end.getTime() - 1000) : end),
    USD: line.minusBehindDollar ? `$${minus}${amount}` : `${minus}$${amount}`,
    project_name: line.project_name,
    category: line.category,
  };
}

/** The named last second must not lie before the start. */
function endOf(line: Line): Date {
  return new Date(line.from.getTime() + (line.minutes + 1) * 60_000);
}

function wireTime(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} +0000`;
}

function* chunksOf(file: string, size: number): Generator<Uint8Array> {
  const bytes = Buffer.from(file);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function written(line: ProviderCostLine) {
  return {
    lineNumber: line.lineNumber,
    product: line.product,
    groupDescription: line.groupDescription,
    description: line.description,
    hours: line.hours?.toNumber() ?? null,
    chargeStart: line.chargeStart,
    chargeEnd: line.chargeEnd,
    cents: line.billedCost.times(100).toNumber() + 0,
    projectName: line.projectName,
    category: line.category,
    extra: line.extra,
  };
}

function meant(line: Line, index: number): ReturnType<typeof written> {
  return {
    lineNumber: index + 1,
    product: line.product,
    groupDescription: line.group_description,
    description: line.description,
    hours: line.hours,
    chargeStart: line.from,
    chargeEnd: endOf(line),
    cents: line.cents + 0,
    projectName: line.project_name || null,
    category: line.category || null,
    extra: {},
  };
}
