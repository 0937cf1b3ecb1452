import {
  createFocusFindings,
  type FocusFault,
  FocusFileRefused,
  type FocusNote,
} from '../../../src/domain/focus/faults.ts';
import type { FocusDeclaration } from '../../../src/domain/focus/header.ts';
import type { Decimal } from '../../../src/domain/money.ts';
import { readFocusCsv } from '../../../src/providers/focus/focusCsv.ts';
import {
  createFocusInvoices,
  type FocusCharge,
  toFocusCharge,
} from '../../../src/providers/focus/invoices.ts';
import { pieces } from './generatedFile.ts';

export interface ReadFile {
  readonly dataset: string;
  readonly version: string;
  readonly invoices: ReadonlyMap<
    string,
    { readonly period: string; readonly total: Decimal; readonly charges: readonly FocusCharge[] }
  >;
  readonly notes: readonly FocusNote[];
}

/** Reads a cost and usage file as the service does, without a database. @throws FocusFileRefused */
export async function readFile(
  content: Buffer,
  declared: FocusDeclaration = {},
  pieceSize?: number,
): Promise<ReadFile> {
  const findings = createFocusFindings();
  const invoices = createFocusInvoices(findings);
  const charges = new Map<string, FocusCharge[]>();
  let dataset = '';
  let version = '';
  for await (const batch of readFocusCsv(pieces(content, pieceSize), declared, findings)) {
    for (const row of batch) {
      ({ dataset, version } = row.header);
      const invoice = invoices.add(row);
      if (invoice === null) continue;
      const key = `${invoice.provider} ${invoice.invoiceUuid}`;
      const known = charges.get(key) ?? [];
      charges.set(key, [...known, toFocusCharge(row, invoice.rows, findings)]);
    }
  }
  findings.refuseFaults();
  return {
    dataset,
    version,
    notes: findings.notes(),
    invoices: new Map(
      [...invoices.all()].map((invoice) => {
        const key = `${invoice.provider} ${invoice.invoiceUuid}`;
        return [key, { period: invoice.period, total: invoice.total, charges: charges.get(key) ?? [] }];
      }),
    ),
  };
}

/** What a file is refused for. */
export async function faultsOf(
  content: Buffer,
  declared: FocusDeclaration = {},
): Promise<readonly FocusFault[]> {
  try {
    await readFile(content, declared);
  } catch (error) {
    if (error instanceof FocusFileRefused) return error.faults;
    throw error;
  }
  return [];
}
