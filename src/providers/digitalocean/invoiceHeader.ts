import { InvalidInvoiceDocument } from '../providerErrors.ts';
import { readText } from './invoiceValues.ts';

const required = ['product', 'description', 'start', 'end', 'USD'] as const;
const optional = ['group_description', 'hours', 'project_name', 'category'] as const;
export type KnownColumn = (typeof required)[number] | (typeof optional)[number];

export interface InvoiceHeader {
  /** Every column's name as the file writes it, in the file's order. */
  readonly names: readonly string[];
  /** Where each known column stands; -1 where the file lacks it. */
  readonly positions: Readonly<Record<KnownColumn, number>>;
  /** Where the columns stand that we don't know. */
  readonly unknown: readonly number[];
}

const knownByForm = new Map<string, KnownColumn>(
  [...required, ...optional].map((name) => [formOf(name), name]),
);

/** Case, and spaces or hyphens in place of underscores, make no other column. */
function formOf(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, '_');
}

/** @throws InvalidInvoiceDocument where it isn't a header of ours, misses a required column or repeats one */
export function readHeader(cells: readonly (string | Buffer)[], line: number): InvoiceHeader {
  const names = cells.map((cell, index) =>
    (typeof cell === 'string' ? cell : readText(cell, { line, column: `number ${index + 1}` })).trim(),
  );
  const forms = names.map(formOf);
  forms.forEach((form, index) => {
    if (forms.indexOf(form) !== index) {
      const column = names[index] ?? '';
      throw new InvalidInvoiceDocument(
        'invoice_repeated_column',
        `line ${line} of the invoice: the column "${column}" stands twice in the header`,
        { line, column },
      );
    }
  });
  if (!forms.some((form) => knownByForm.has(form))) {
    throw new InvalidInvoiceDocument(
      'invoice_not_csv',
      `line ${line} of the document holds no column of an invoice: it is another kind of file`,
      { line },
    );
  }
  const missing = required.filter((name) => !forms.includes(formOf(name)));
  if (missing.length > 0) {
    const columns = missing.map((name) => `"${name}"`).join(', ');
    throw new InvalidInvoiceDocument(
      'invoice_missing_column',
      `line ${line} of the invoice: the header lacks the column ${columns}`,
      { line, column: missing.join(', ') },
    );
  }
  const position = (name: KnownColumn) => forms.indexOf(formOf(name));
  return {
    names,
    positions: {
      product: position('product'),
      group_description: position('group_description'),
      description: position('description'),
      hours: position('hours'),
      start: position('start'),
      end: position('end'),
      USD: position('USD'),
      project_name: position('project_name'),
      category: position('category'),
    },
    unknown: forms.flatMap((form, index) => (knownByForm.has(form) ? [] : [index])),
  };
}
