import { type FocusColumn, type FocusDataset, type FocusVersion, focusColumns, isIn } from './columns.ts';
import type { FocusFindings } from './faults.ts';

/** What whoever brings a file says of it; what they don't say is found from the columns. */
export interface FocusDeclaration {
  readonly dataset?: FocusDataset | undefined;
  readonly version?: FocusVersion | undefined;
}

/** Which column each place of a row is. */
export interface FocusHeader {
  readonly dataset: FocusDataset;
  readonly version: FocusVersion;
  /** Every column's name as the file writes it, in the file's order. */
  readonly names: readonly string[];
  /** The specification's column at each place; undefined where it has none of that name. */
  readonly columns: readonly (FocusColumn | undefined)[];
  /** Where a column stands, by its name in the specification. */
  readonly positions: ReadonlyMap<string, number>;
}

/** Reads the first row: columns by name, in any order and whatever their case. Its faults are faults of row 1. */
export function readFocusHeader(
  cells: readonly string[],
  declared: FocusDeclaration,
  findings: FocusFindings,
): FocusHeader {
  const names = cells.map((cell) => cell.trim());
  const forms = names.map((name) => name.toLowerCase());
  const dataset = declared.dataset ?? datasetOf(forms);
  const known = new Map(focusColumns[dataset].map((column) => [column.name.toLowerCase(), column]));
  const columns = forms.map((form) => known.get(form));
  const version = declared.version ?? versionOf(dataset, columns);
  const positions = new Map<string, number>();
  columns.forEach((column, index) => {
    const name = names[index] ?? '';
    if (forms.indexOf(forms[index] ?? '') !== index) {
      findings.fault(1, name, name, 'each column once');
    } else if (column === undefined) {
      findings.note('unknown_column', name);
    } else {
      positions.set(column.name, index);
      if (!isIn(column, version)) findings.note('column_of_other_version', name);
    }
  });
  for (const column of focusColumns[dataset]) {
    if (column.isMandatory && isIn(column, version) && !positions.has(column.name)) {
      findings.fault(1, column.name, null, `this column, mandatory in ${dataset} of FOCUS ${version},`);
    }
  }
  return { dataset, version, names, columns, positions };
}

/** A column that one dataset alone has tells it. */
function datasetOf(forms: readonly string[]): FocusDataset {
  if (forms.includes('billingperiodstatus')) return 'billing_period';
  if (forms.includes('invoiceissuestatus') || forms.includes('invoicedetailgrain')) return 'invoice_detail';
  return 'cost_and_usage';
}

/**
 * The oldest version that has every column of the file. A file whose provider is named by the columns of 1.3 alone is 1.4, which
 * dropped the older ones.
 */
function versionOf(dataset: FocusDataset, columns: readonly (FocusColumn | undefined)[]): FocusVersion {
  if (dataset !== 'cost_and_usage') return '1.4';
  const versions = columns.flatMap((column) => (column === undefined ? [] : [column.since]));
  const newest = versions.toSorted().at(-1) ?? '1.0';
  const namesProvider = columns.some((column) => column?.name === 'ProviderName');
  return newest === '1.3' && !namesProvider ? '1.4' : newest;
}
