import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pdfMake from 'pdfmake';
import type { Content, TableCell, TDocumentDefinitions } from 'pdfmake/interfaces.js';
import { Decimal, parseDecimal } from '../domain/money.ts';

/** Who gives or gets a document. */
export interface Party {
  readonly name: string;
  /** As it is printed, with what it is: `ABN 51 824 753 556`. */
  readonly taxNumber: string | null;
  /** Lines of it are separated by line breaks. */
  readonly address: string | null;
  readonly email: string | null;
}

export interface PrintedLine {
  /** The deployment that it is for; lines without one stand last. */
  readonly group: string | null;
  readonly description: string;
  /** What the amount was reckoned from, in small print below the description. */
  readonly detail: string | null;
  readonly qty: string;
  readonly unit: string;
  readonly unitPriceCents: string;
  readonly amountCents: number;
}

/** What an invoice or a credit note says. Amounts are integer cents of `currency`. */
export interface PrintedDocument {
  readonly title: 'Tax invoice' | 'Invoice' | 'Adjustment note' | 'Credit note';
  /** Printed across each page. */
  readonly mark: 'DRAFT' | 'VOID' | null;
  /** Null while it is a draft. */
  readonly number: string | null;
  readonly currency: string;
  readonly issuer: Party;
  readonly recipient: Party;
  /** Dates and references, in order: label and value. */
  readonly facts: readonly (readonly [label: string, value: string])[];
  readonly lines: readonly PrintedLine[];
  /** Label and cents, in order; the strong ones are set off. */
  readonly totals: readonly { readonly label: string; readonly cents: number; readonly strong?: true }[];
  readonly notes: readonly string[];
  /** The moment that the file states as its making. */
  readonly madeAt: Date;
}

const fontFolder = path.join(
  path.dirname(fileURLToPath(import.meta.resolve('pdfmake/package.json'))),
  'fonts',
);
const font = (file: string) => path.join(fontFolder, 'Roboto', `Roboto-${file}.ttf`);
pdfMake.setFonts({
  Roboto: {
    normal: font('Regular'),
    bold: font('Medium'),
    italics: font('Italic'),
    bolditalics: font('MediumItalic'),
  },
});
// Whatever a text says, a document fetches nothing and reads no file but its fonts.
pdfMake.setUrlAccessPolicy(() => false);
pdfMake.setLocalAccessPolicy((file) => path.dirname(file) === path.join(fontFolder, 'Roboto'));

const ink = '#1f2933';
const faint = '#616e7c';
const rule = '#cbd2d9';

/** A document as a PDF file of A4 pages. */
export function toPdf(document: PrintedDocument): Promise<Buffer> {
  const { title, mark, number, issuer } = document;
  const name = number === null ? title : `${title} ${number}`;
  const definition: TDocumentDefinitions = {
    pageSize: 'A4',
    pageMargins: [48, 48, 48, 64],
    defaultStyle: { font: 'Roboto', fontSize: 9.5, lineHeight: 1.2, color: ink },
    info: {
      title: name,
      author: issuer.name,
      creationDate: document.madeAt,
      modDate: document.madeAt,
    },
    ...(mark === null
      ? {}
      : { watermark: { text: mark, color: '#b00020', opacity: 0.1, bold: true, fontSize: 120 } }),
    content: [
      heading(document),
      parties(document),
      lineTable(document),
      totals(document),
      ...document.notes.map(
        (text): Content => ({ ...wrapped(text), color: faint, fontSize: 8.5, margin: [0, 2, 0, 0] }),
      ),
    ],
    footer: (page, pages) => ({
      columns: [
        { text: [issuer.name, issuer.taxNumber].filter((part) => part !== null).join(' · ') },
        { text: `${name} · page ${page} of ${pages}`, alignment: 'right' },
      ],
      margin: [48, 24, 48, 0],
      fontSize: 8,
      color: faint,
    }),
  };
  return pdfMake.createPdf(definition).getBuffer();
}

function heading({ title, mark, number, issuer }: PrintedDocument): Content {
  return {
    columns: [
      { ...wrapped(issuer.name), fontSize: 13, bold: true, width: '*', margin: [0, 6, 24, 0] },
      {
        width: 'auto',
        alignment: 'right',
        stack: [
          { text: title, fontSize: 22, bold: true, lineHeight: 1 },
          { text: [number ?? '', mark ?? ''].filter((part) => part !== '').join(' · '), color: faint },
        ],
      },
    ],
    margin: [0, 0, 0, 22],
  };
}

function parties({ issuer, recipient, facts }: PrintedDocument): Content {
  return {
    columns: [
      { width: '*', stack: party('From', issuer), margin: [0, 0, 16, 0] },
      { width: '*', stack: party('To', recipient), margin: [0, 0, 16, 0] },
      {
        width: 'auto',
        table: {
          body: facts.map(([label, value]): TableCell[] => [
            { text: label, color: faint, noWrap: true },
            { text: value, alignment: 'right', noWrap: true },
          ]),
        },
        layout: {
          defaultBorder: false,
          paddingLeft: () => 0,
          paddingRight: (column) => (column === 0 ? 12 : 0),
          paddingTop: () => 0,
          paddingBottom: () => 2,
        },
      },
    ],
    margin: [0, 0, 0, 24],
  };
}

function party(label: string, { name, taxNumber, address, email }: Party): Content[] {
  return [
    { text: label, color: faint, fontSize: 8.5, margin: [0, 0, 0, 2] },
    { ...wrapped(name), bold: true },
    ...[taxNumber, address, email].filter((text) => text !== null).map((text): Content => ({ text: text })),
  ];
}

function lineTable({ lines, currency }: PrintedDocument): Content {
  const rows: TableCell[][] = [];
  let group: string | null | undefined;
  const grouped = lines.some((line) => line.group !== null);
  for (const line of lines) {
    if (grouped && line.group !== group) {
      group = line.group;
      rows.push([
        { ...wrapped(group ?? 'Account'), bold: true, colSpan: 5, margin: [0, 6, 0, 0] },
        ...Array.from({ length: 4 }, (): TableCell => ({})),
      ]);
    }
    rows.push([
      {
        stack: [
          wrapped(line.description),
          ...(line.detail === null ? [] : [{ ...wrapped(line.detail), color: faint, fontSize: 8 }]),
        ],
      },
      { text: toQuantity(line.qty), alignment: 'right' },
      { text: line.unit.replaceAll('_', ' ') },
      { text: toMoney(line.unitPriceCents, currency), alignment: 'right', noWrap: true },
      { text: toMoney(line.amountCents, currency), alignment: 'right', noWrap: true },
    ]);
  }
  const head = (text: string, right = false): TableCell => ({
    text,
    color: faint,
    fontSize: 8.5,
    noWrap: true,
    alignment: right ? 'right' : 'left',
  });
  return {
    table: {
      headerRows: 1,
      dontBreakRows: true,
      widths: ['*', 'auto', 'auto', 'auto', 'auto'],
      body: [
        [
          head('Description'),
          head('Quantity', true),
          head('Unit'),
          head('Unit price', true),
          head('Amount', true),
        ],
        ...rows,
      ],
    },
    layout: {
      hLineWidth: (index, node) => (index === 1 || index === node.table.body.length ? 0.75 : 0),
      vLineWidth: () => 0,
      hLineColor: () => rule,
      paddingLeft: (column) => (column === 0 ? 0 : 8),
      paddingRight: (column) => (column === 4 ? 0 : 8),
      paddingTop: () => 3,
      paddingBottom: () => 3,
    },
  };
}

function totals({ totals: rows, currency }: PrintedDocument): Content {
  return {
    unbreakable: true,
    margin: [0, 8, 0, 20],
    columns: [
      { width: '*', text: '' },
      {
        width: 'auto',
        table: {
          body: rows.map(({ label, cents, strong }): TableCell[] => {
            const looks = strong === true ? { bold: true, fontSize: 11 } : {};
            return [
              { text: label, ...looks },
              { text: toMoney(cents, currency), alignment: 'right', noWrap: true, ...looks },
            ];
          }),
        },
        layout: {
          defaultBorder: false,
          paddingLeft: (column) => (column === 0 ? 0 : 32),
          paddingRight: () => 0,
          paddingTop: () => 2,
          paddingBottom: () => 2,
        },
      },
    ],
  };
}

const formats = new Map<string, Intl.NumberFormat>();

/** Cents, or a decimal text of cents, as money of a currency: `-$1,234.50`, `USD 0.0015`. Exact: no digit is rounded away. */
export function toMoney(cents: number | string, currency: string): string {
  const amount = (typeof cents === 'number' ? new Decimal(cents) : parseDecimal(cents)).dividedBy(100);
  let format = formats.get(currency);
  if (format === undefined) {
    format = new Intl.NumberFormat('en-AU', {
      style: 'currency',
      currency,
      minimumFractionDigits: 2,
      maximumFractionDigits: 20,
    });
    formats.set(currency, format);
  }
  // A decimal text is formatted digit by digit, a number would go through a float.
  return format.format(amount.toFixed() as `${number}`);
}

const quantityFormat = new Intl.NumberFormat('en-AU', { maximumFractionDigits: 20 });

/** A decimal text with its thousands set apart. */
export function toQuantity(qty: string): string {
  return quantityFormat.format(parseDecimal(qty).toFixed() as `${number}`);
}

/** A text that may break inside a word where a word is too long for any column of ours. */
function wrapped(text: string): { text: string; wordBreak?: 'break-all' } {
  return /\S{28}/u.test(text) ? { text, wordBreak: 'break-all' } : { text };
}
