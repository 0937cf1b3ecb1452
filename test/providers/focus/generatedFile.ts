import { stringify } from 'csv-stringify/sync';
import {
  type ColumnType,
  type FocusDataset,
  type FocusVersion,
  focusColumns,
  isIn,
} from '../../../src/domain/focus/columns.ts';

/** A row by the names of its columns; null is a null. */
export type Row = Readonly<Record<string, string | null>>;

/** The names of the columns that a version of a dataset has. */
export function columnsOf(version: FocusVersion, dataset: FocusDataset = 'cost_and_usage'): string[] {
  return focusColumns[dataset].filter((column) => isIn(column, version)).map((column) => column.name);
}

const filler: Readonly<Record<string, string>> = {
  BillingAccountId: 'account-1',
  BillingPeriodStart: '2026-04-01T00:00:00Z',
  BillingPeriodEnd: '2026-05-01T00:00:00Z',
  ChargePeriodStart: '2026-04-02T00:00:00Z',
  ChargePeriodEnd: '2026-04-03T00:00:00Z',
  InvoiceIssuerName: 'Example Cloud Ltd',
  ProviderName: 'Example Cloud',
  ServiceName: 'Virtual Machines',
  ServiceCategory: 'Compute',
  InvoiceId: 'INV-1',
  ResourceId: 'vm-1',
};

/** A row of every column of a version with a value that it may have, changed as a test says. */
export function rowOf(
  version: FocusVersion,
  changes: Row = {},
  dataset: FocusDataset = 'cost_and_usage',
): Row {
  const columns = focusColumns[dataset].filter((column) => isIn(column, version));
  return {
    ...Object.fromEntries(columns.map(({ name, type }) => [name, filler[name] ?? anyValueOf(name, type)])),
    ...(columns.some((column) => column.name === 'ChargeClass') ? { ChargeClass: null } : {}),
    ...changes,
  };
}

function anyValueOf(name: string, type: ColumnType): string {
  switch (type) {
    case 'text':
      return `${name} of a row`;
    case 'decimal':
    case 'money':
      return '1.25';
    case 'instant':
      return '2026-04-01T00:00:00Z';
    case 'currency':
      return 'USD';
    case 'json':
      return '{"environment":"production"}';
    default:
      return type.oneOf[0] ?? '';
  }
}

/** Rows as a file: the columns of all rows, in the order of `columns` where it is given. */
export function fileOf(
  rows: readonly Row[],
  columns: readonly string[] = [...new Set(rows.flatMap((row) => Object.keys(row)))],
  options: { quoted?: boolean; record_delimiter?: string; bom?: boolean } = {},
): Buffer {
  const records = rows.map((row) => columns.map((column) => row[column] ?? ''));
  return Buffer.from(stringify([columns, ...records], { quoted_match: /[\r\n]/, ...options }));
}

/** A file that arrives in pieces. */
export async function* pieces(content: Buffer, size = 1 << 16): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}
