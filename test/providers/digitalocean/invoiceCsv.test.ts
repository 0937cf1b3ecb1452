import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { sum } from '../../../src/domain/money.ts';
import { readInvoiceCsv } from '../../../src/providers/digitalocean/invoiceCsv.ts';
import type { ProviderCostLine } from '../../../src/providers/provider.ts';
import { rejectionOf } from './answeringServer.ts';

const csvType = 'text/csv';
const header = 'product,group_description,description,hours,start,end,USD,project_name,category';
const row =
  'Droplets,,web (s-1vcpu-1gb),720,2026-04-01 00:00:00 +0000,2026-04-30 23:59:59 +0000,$6.00,Pilot,iaas';

async function read(file: string | Buffer, contentType: string | null = csvType, batchSize = 1000) {
  const lines: ProviderCostLine[] = [];
  for await (const batch of readInvoiceCsv([Buffer.from(file)], { contentType, batchSize })) {
    lines.push(...batch);
  }
  return lines;
}

/** The values that a variant must not change. */
const expected = {
  lineNumber: 1,
  product: 'Droplets',
  description: 'web (s-1vcpu-1gb)',
  chargeStart: new Date('2026-04-01T00:00:00Z'),
  chargeEnd: new Date('2026-05-01T00:00:00Z'),
  currency: 'USD',
  lineClass: 'resource',
  kind: 'droplet',
  resourceName: 'web',
};

describe('an invoice CSV that is accepted', () => {
  it.each([
    ['nine columns', `${header}\n${row}\n`],
    ['no newline at the end', `${header}\n${row}`],
    ['eight columns, before categories', without('category')],
    ['seven columns, before projects', without('project_name', 'category')],
    ['five columns, the required ones', without('project_name', 'category', 'hours', 'group_description')],
    ['columns in another order', reordered()],
    ['header in upper case', `${header.toUpperCase()}\n${row}\n`],
    ['header with spaces for underscores', `${header.replaceAll('_', ' ')}\n${row}\n`],
    ['header with hyphens for underscores', `${header.replaceAll('_', '-')}\n${row}\n`],
    ['header with blanks around names', `${header.replaceAll(',', ' , ')}\n${row}\n`],
    ['a byte order mark', `\uFEFF${header}\n${row}\n`],
    ['a byte order mark before a quoted header', `\uFEFF"product"${header.slice(7)}\n${row}\n`],
    ['CRLF', `${header}\r\n${row}\r\n`],
    ['LF in the header and CRLF below', `${header}\n${row}\r\n`],
    ['blank lines between and behind', `\n${header}\n\n${row}\n\n\n`],
    ['every cell quoted', `${quoteAll(header)}\n${quoteAll(row)}\n`],
    [
      'an end at the next midnight',
      `${header}\n${row.replace('2026-04-30 23:59:59', '2026-05-01 00:00:00')}\n`,
    ],
  ])('reads %s', async (_name, file) => {
    const [line, ...rest] = await read(file);
    expect(rest).toEqual([]);
    expect(line).toMatchObject(expected);
    expect(line?.billedCost.toString()).toBe('6');
  });

  it.each([
    ['$5.00', '5'],
    ['-$5.00', '-5'],
    ['$-5.00', '-5'],
    ['$0.00', '0'],
    ['-$0.00', '0'],
    ['$1234567.89', '1234567.89'],
    ['$0.0001', '0.0001'],
    ['$5', '5'],
  ])('reads the amount %s as %s', async (written, value) => {
    const [line] = await read(`${header}\n${row.replace('$6.00', written)}\n`);
    expect(line?.billedCost.toString()).toBe(value);
  });

  it('keeps quoted commas, doubled quotes, line breaks and unicode in texts', async () => {
    const description = '"legacy, ""web""\r\nsüd 東京 (s-1vcpu-1gb)"';
    const [line] = await read(`${header}\n${row.replace('web (s-1vcpu-1gb)', description)}\n`);
    expect(line?.description).toBe('legacy, "web"\r\nsüd 東京 (s-1vcpu-1gb)');
    expect(line?.resourceName).toBe('legacy, "web"\r\nsüd 東京');
  });

  it('reads blank hours, project and category as null', async () => {
    const [line] = await read(`${header}\n${row.replace(',720,', ',,').replace(',Pilot,iaas', ',,')}\n`);
    expect(line).toMatchObject({ hours: null, projectName: null, category: null });
  });

  it('reads fractions of hours exactly', async () => {
    const [line] = await read(`${header}\n${row.replace(',720,', ',0.25,')}\n`);
    expect(line?.hours?.toString()).toBe('0.25');
  });

  it('keeps unknown columns raw under their own names', async () => {
    const [line] = await read(`Invoice Note,${header},__proto__\n a ,${row},b\n`);
    expect(line).toMatchObject(expected);
    expect(Object.entries(line?.extra ?? {})).toEqual([
      ['Invoice Note', ' a '],
      ['__proto__', 'b'],
    ]);
  });

  it('ends a charge at the second after a :59 and leaves other ends alone', async () => {
    const ends = ['2026-04-15 12:00:00', '2026-04-15 12:34:59', '2026-04-15 12:34:58'];
    const rows = ends.map((end) => row.replace('2026-04-30 23:59:59', end)).join('\n');
    const lines = await read(`${header}\n${rows}\n`);
    expect(lines.map((line) => line.chargeEnd.toISOString())).toEqual([
      '2026-04-15T12:00:00.000Z',
      '2026-04-15T12:35:00.000Z',
      '2026-04-15T12:34:58.000Z',
    ]);
  });

  it('accepts a leap day', async () => {
    const [line] = await read(`${header}\n${row.replaceAll('2026-04-01', '2024-02-29')}\n`);
    expect(line?.chargeStart).toEqual(new Date('2024-02-29T00:00:00Z'));
  });

  it('gives batches of at most the asked size, in file order', async () => {
    const file = `${header}\n${Array.from({ length: 2500 }, () => row).join('\n')}\n`;
    const sizes: number[] = [];
    const numbers: number[] = [];
    for await (const batch of readInvoiceCsv([Buffer.from(file)], { contentType: csvType })) {
      sizes.push(batch.length);
      numbers.push(...batch.map((line) => line.lineNumber));
    }
    expect(sizes).toEqual([1000, 1000, 500]);
    expect(numbers).toEqual(Array.from({ length: 2500 }, (_, index) => index + 1));
  });

  it('reads the same whatever the chunks are cut into', async () => {
    const name = '"süd, ""東京""\r\n (s-1vcpu-1gb)"';
    const file = Buffer.from(`\uFEFF${header}\r\n${row.replace('web (s-1vcpu-1gb)', name)}\r\n${row}\r\n`);
    const whole = await read(file);
    const bytes = Array.from(file, (byte) => Uint8Array.of(byte));
    const lines: ProviderCostLine[] = [];
    for await (const batch of readInvoiceCsv(bytes, { contentType: csvType })) lines.push(...batch);
    expect(lines).toEqual(whole);
    expect(whole.map((line) => line.resourceName)).toEqual(['süd, "東京"', 'web']);
  });

  it.each(['text/csv', 'text/csv; charset=utf-8', 'TEXT/CSV;charset="UTF-8"', 'application/csv'])(
    'takes the content type %s',
    async (type) => {
      expect(await read(`${header}\n${row}\n`, type)).toHaveLength(1);
    },
  );

  it('reads the golden April 2026 as 33 lines of $86.92: one tax, one credit, one shared', async () => {
    const golden = new URL('../../../dev/golden/digitalocean/invoice-2026-04.csv', import.meta.url);
    const lines = await read(await readFile(golden));
    const classes = lines.map((line) => line.lineClass);
    expect(lines).toHaveLength(33);
    expect(sum(lines.map((line) => line.billedCost)).toFixed(2)).toBe('86.92');
    expect(['tax', 'credit', 'shared'].map((name) => classes.filter((one) => one === name).length)).toEqual([
      1, 1, 1,
    ]);
    expect(lines.find((line) => line.lineClass === 'shared')?.groupDescription).toBe('Spaces subscription');
    for (const line of lines.filter((one) => one.lineClass === 'resource')) {
      expect([line.lineNumber, line.kind]).not.toContain(null);
      expect([line.lineNumber, line.resourceName]).not.toContain(null);
    }
    expect(lines.find((line) => line.product === 'Backups')).toMatchObject({
      kind: 'backup',
      resourceName: 'legacy, web',
    });
    expect(lines.map((line) => line.resourceName)).toContain('staging "blue"');
  });
});

describe('an invoice CSV that is refused', () => {
  const cell = (column: string, value: string) => {
    const names = header.split(',');
    const cells = row.split(',');
    cells[names.indexOf(column)] = value;
    return `${header}\n${row}\n${cells.join(',')}\n`;
  };

  it.each<[string, string | Buffer, string, { line?: number; column?: string }]>([
    ['an empty file', '', 'invoice_empty', {}],
    ['blank lines only', '\n\r\n\n', 'invoice_empty', {}],
    ['a byte order mark only', '\uFEFF', 'invoice_empty', {}],
    ['a header only', `${header}\n`, 'invoice_header_only', {}],
    ['an HTML page', '<!doctype html>\n<html><body>sign in</body></html>', 'invoice_not_csv', {}],
    ['an HTML page after blanks', ' \n <html></html>', 'invoice_not_csv', {}],
    ['a JSON error', '{"id":"not_found"}', 'invoice_not_csv', {}],
    ['UTF-16', Buffer.from(`\uFEFF${header}\n${row}\n`, 'utf16le'), 'invoice_not_csv', {}],
    ['prose', 'the invoice is not ready yet\nplease wait\n', 'invoice_not_csv', { line: 1 }],
    ['rows without a header', `${row}\n${row}\n`, 'invoice_not_csv', { line: 1 }],
    ['no product', without('product'), 'invoice_missing_column', { line: 1, column: 'product' }],
    ['no description', without('description'), 'invoice_missing_column', { line: 1, column: 'description' }],
    ['no start', without('start'), 'invoice_missing_column', { line: 1, column: 'start' }],
    ['no end', without('end'), 'invoice_missing_column', { line: 1, column: 'end' }],
    ['no USD', without('USD'), 'invoice_missing_column', { line: 1, column: 'USD' }],
    [
      'no start and end',
      without('start', 'end'),
      'invoice_missing_column',
      { line: 1, column: 'start, end' },
    ],
    [
      'a repeated column',
      `${header},USD\n${row},$1.00\n`,
      'invoice_repeated_column',
      { line: 1, column: 'USD' },
    ],
    [
      'a repetition in another form',
      `${header},Project-Name\n${row},x\n`,
      'invoice_repeated_column',
      { line: 1, column: 'Project-Name' },
    ],
    [
      'a repeated unknown column',
      `a,a,${header}\n1,2,${row}\n`,
      'invoice_repeated_column',
      { line: 1, column: 'a' },
    ],
    [
      'a last row cut inside a quote',
      `${header}\n${row}\n"Dropl`,
      'invoice_truncated',
      { line: 3, column: 'product' },
    ],
    ['a last row cut between cells', `${header}\n${row}\nDroplets,,web`, 'invoice_truncated', { line: 3 }],
    ['a short row in the middle', `${header}\nDroplets,,web\n${row}\n`, 'invoice_bad_row', { line: 2 }],
    ['a long row', `${header}\n${row},more\n${row}\n`, 'invoice_bad_row', { line: 2 }],
    [
      'text behind a closing quote',
      `${header}\n"Droplets"x${row.slice(8)}\n`,
      'invoice_bad_row',
      { line: 2, column: 'product' },
    ],
    [
      'a quote inside a bare cell',
      `${header}\n${row.replace('web', 'w"eb')}\n`,
      'invoice_bad_row',
      { line: 2, column: 'description' },
    ],
    ['a blank product', cell('product', ' '), 'invoice_bad_value', { line: 3, column: 'product' }],
    [
      '30 February',
      cell('start', '2026-02-30 00:00:00 +0000'),
      'invoice_bad_value',
      { line: 3, column: 'start' },
    ],
    [
      '29 February of a common year',
      cell('end', '2026-02-29 00:00:00 +0000'),
      'invoice_bad_value',
      { line: 3, column: 'end' },
    ],
    ['hour 24', cell('end', '2026-04-30 24:00:00 +0000'), 'invoice_bad_value', { line: 3, column: 'end' }],
    ['second 60', cell('end', '2026-04-30 23:59:60 +0000'), 'invoice_bad_value', { line: 3, column: 'end' }],
    [
      'month 13',
      cell('start', '2026-13-01 00:00:00 +0000'),
      'invoice_bad_value',
      { line: 3, column: 'start' },
    ],
    [
      'another time zone',
      cell('start', '2026-04-01 00:00:00 +1000'),
      'invoice_bad_value',
      { line: 3, column: 'start' },
    ],
    ['no time zone', cell('start', '2026-04-01 00:00:00'), 'invoice_bad_value', { line: 3, column: 'start' }],
    ['ISO form', cell('start', '2026-04-01T00:00:00Z'), 'invoice_bad_value', { line: 3, column: 'start' }],
    [
      'slashes in a date',
      cell('start', '04/01/2026 00:00:00 +0000'),
      'invoice_bad_value',
      { line: 3, column: 'start' },
    ],
    ['a blank start', cell('start', ''), 'invoice_bad_value', { line: 3, column: 'start' }],
    [
      'an end before the start',
      cell('end', '2026-03-31 00:00:00 +0000'),
      'invoice_bad_value',
      { line: 3, column: 'end' },
    ],
    ['a thousands separator', cell('USD', '"$1,234.56"'), 'invoice_bad_value', { line: 3, column: 'USD' }],
    ['a decimal comma', cell('USD', '"$6,00"'), 'invoice_bad_value', { line: 3, column: 'USD' }],
    ['another currency', cell('USD', '€6.00'), 'invoice_bad_value', { line: 3, column: 'USD' }],
    ['a currency code', cell('USD', '6.00 USD'), 'invoice_bad_value', { line: 3, column: 'USD' }],
    ['no currency', cell('USD', '6.00'), 'invoice_bad_value', { line: 3, column: 'USD' }],
    ['parentheses for a credit', cell('USD', '($6.00)'), 'invoice_bad_value', { line: 3, column: 'USD' }],
    ['two minus signs', cell('USD', '-$-6.00'), 'invoice_bad_value', { line: 3, column: 'USD' }],
    ['a plus sign', cell('USD', '+$6.00'), 'invoice_bad_value', { line: 3, column: 'USD' }],
    ['an exponent', cell('USD', '$6e2'), 'invoice_bad_value', { line: 3, column: 'USD' }],
    ['a point without digits', cell('USD', '$6.'), 'invoice_bad_value', { line: 3, column: 'USD' }],
    ['a blank amount', cell('USD', ''), 'invoice_bad_value', { line: 3, column: 'USD' }],
    [
      'more digits than any bill',
      cell('USD', `$${'9'.repeat(16)}`),
      'invoice_bad_value',
      { line: 3, column: 'USD' },
    ],
    ['negative hours', cell('hours', '-1'), 'invoice_bad_value', { line: 3, column: 'hours' }],
    ['hours in words', cell('hours', 'all'), 'invoice_bad_value', { line: 3, column: 'hours' }],
    ['a NUL byte', cell('description', 'web\0'), 'invoice_bad_value', { line: 3, column: 'description' }],
    [
      'a cell of 5,000 characters',
      cell('description', 'x'.repeat(5000)),
      'invoice_bad_value',
      { line: 3, column: 'description' },
    ],
    [
      'a record of 100,000 bytes',
      cell('description', 'x'.repeat(100_000)),
      'invoice_bad_value',
      { line: 3, column: 'description' },
    ],
    [
      'invalid UTF-8',
      Buffer.from(cell('project_name', 'S\xfcd'), 'latin1'),
      'invoice_bad_value',
      { line: 3, column: 'project_name' },
    ],
  ])('refuses %s', async (_name, file, code, place) => {
    const error = await rejectionOf(read(file));
    expect(error).toMatchObject({ name: 'InvalidInvoiceDocument', code, retryable: false });
    expect(error).toHaveProperty('context', place);
    for (const part of Object.values(place))
      expect(error).toHaveProperty('message', expect.stringContaining(String(part).split(',')[0] ?? ''));
  });

  it.each(['text/html', 'application/json', 'text/csv; charset=utf-16', null])(
    'refuses the content type %s',
    async (type) => {
      expect(await rejectionOf(read(`${header}\n${row}\n`, type))).toMatchObject({ code: 'invoice_not_csv' });
    },
  );

  it('names the line of the file after cells that span lines, and after blank lines', async () => {
    const spanning = row.replace('web', '"one\r\ntwo\nthree"').replace('three" (s-1vcpu-1gb)', 'three"');
    const file = `${header}\r\n\r\n${spanning}\r\n\r\n${row.replace('$6.00', '6')}\r\n`;
    expect(await rejectionOf(read(file))).toMatchObject({ context: { line: 7, column: 'USD' } });
  });

  it('passes on what the body raises', async () => {
    const failure = new Error('the connection broke');
    async function* broken() {
      yield Buffer.from(`${header}\n${row}\n`);
      throw failure;
    }
    const lines = readInvoiceCsv(broken(), { contentType: csvType });
    expect(await rejectionOf(Array.fromAsync(lines))).toBe(failure);
  });
});

function without(...columns: string[]): string {
  const names = header.split(',');
  const keep = (cells: string[]) =>
    cells.filter((_, index) => !columns.includes(names[index] ?? '')).join(',');
  return `${keep(names)}\n${keep(row.split(','))}\n`;
}

function reordered(): string {
  return `${header.split(',').toReversed().join(',')}\n${row.split(',').toReversed().join(',')}\n`;
}

function quoteAll(line: string): string {
  return line
    .split(',')
    .map((text) => `"${text}"`)
    .join(',');
}
