import type { FocusFindings } from '../../domain/focus/faults.ts';
import { providerSlug } from '../../domain/focus/providerSlug.ts';
import { listedValue, toInstant } from '../../domain/focus/values.ts';
import { Decimal } from '../../domain/money.ts';
import { type Period, periodOfMonth } from '../../domain/period.ts';
import type { CostLineClass, ProviderCostLine } from '../provider.ts';
import type { FocusRow } from './focusCsv.ts';

/** What a file says of one invoice, added up over its rows. */
export interface FocusInvoiceTotal {
  readonly provider: string;
  /** The issuer's id, or `<billing account>:<YYYY-MM>` where the rows name none yet. */
  readonly invoiceUuid: string;
  readonly invoiceNumber: string | null;
  readonly period: Period;
  /** When the billing period ends; an invoice is issued after it. */
  readonly periodEnd: Date;
  readonly currency: string;
  readonly firstRow: number;
  readonly rows: number;
  /** The exact sum of BilledCost. */
  readonly total: Decimal;
}

type Growing = { -readonly [Key in keyof FocusInvoiceTotal]: FocusInvoiceTotal[Key] };

/** Sorts rows into invoices, and adds each up. */
export interface FocusInvoices {
  /** @returns the invoice that the row belongs to, the row counted; null where the row can't belong to it (a fault then) */
  readonly add: (row: FocusRow) => FocusInvoiceTotal | null;
  readonly all: () => IterableIterator<FocusInvoiceTotal>;
  /**
   * Ids under which an earlier file may have brought charges of this file's accounts and months before their invoice had an id.
   * What stands there is on this file's invoices now.
   */
  readonly replaced: () => { readonly provider: string; readonly invoiceUuid: string }[];
}

export function createFocusInvoices(findings: FocusFindings): FocusInvoices {
  const invoices = new Map<string, Growing>();
  const covered = new Map<string, { provider: string; invoiceUuid: string }>();
  return {
    add(row) {
      const start = instantOf(row, 'BillingPeriodStart');
      const end = instantOf(row, 'BillingPeriodEnd');
      const provider = providerSlug(row.get('InvoiceIssuerName') ?? '');
      const month = start.toISOString().slice(0, 7);
      const provisional = `${row.get('BillingAccountId') ?? ''}:${month}`;
      const invoiceNumber = row.get('InvoiceId');
      const invoiceUuid = invoiceNumber ?? provisional;
      const currency = row.get('BillingCurrency') ?? '';
      const period = periodOfMonth(month);
      if (!isAfter(row, 'BillingPeriodEnd', end, start)) return null;
      covered.set(`${provider} ${provisional}`, { provider, invoiceUuid: provisional });
      const key = `${provider} ${invoiceUuid}`;
      let invoice = invoices.get(key);
      if (invoice === undefined) {
        invoice = {
          provider,
          invoiceUuid,
          invoiceNumber,
          period,
          periodEnd: end,
          currency,
          firstRow: row.row,
          rows: 0,
          total: new Decimal(0),
        };
        invoices.set(key, invoice);
      }
      const asBefore = `as in row ${invoice.firstRow} of the invoice ${invoiceUuid},`;
      if (invoice.currency !== currency) {
        findings.fault(row.row, 'BillingCurrency', currency, `${invoice.currency}, ${asBefore}`);
        return null;
      }
      if (invoice.period !== period) {
        const before = `a time in ${invoice.period.slice(0, 7)}, ${asBefore}`;
        findings.fault(row.row, 'BillingPeriodStart', row.get('BillingPeriodStart'), before);
        return null;
      }
      invoice.rows += 1;
      invoice.total = invoice.total.plus(row.get('BilledCost') ?? '0');
      return invoice;
    },
    all: () => invoices.values(),
    replaced: () =>
      [...covered.entries()].filter(([key]) => !invoices.has(key)).map(([, replaced]) => replaced),
  };

  function isAfter(row: FocusRow, column: string, end: Date, start: Date): boolean {
    if (end > start) return true;
    findings.fault(row.row, column, row.get(column), 'a time after the start of the period');
    return false;
  }
}

/** A charge as it is kept until its invoice is ingested: the cost line, and the resource that the row names. */
export interface FocusCharge {
  readonly line: ProviderCostLine;
  readonly resourceId: string | null;
}

/** Columns that are fields of a cost line; all others are kept in `extra`, under the specification's name. */
const fields = new Set([
  'BilledCost',
  'BillingCurrency',
  'ChargeCategory',
  'ChargeDescription',
  'ChargePeriodEnd',
  'ChargePeriodStart',
  'ResourceId',
  'ResourceName',
  'ServiceCategory',
  'ServiceName',
  'SubAccountName',
]);

/** Turns a row of cost and usage into our words. @param lineNumber its place on its invoice, from 1 */
export function toFocusCharge(row: FocusRow, lineNumber: number, findings: FocusFindings): FocusCharge {
  const chargeStart = instantOf(row, 'ChargePeriodStart');
  const chargeEnd = instantOf(row, 'ChargePeriodEnd');
  if (chargeEnd <= chargeStart) {
    const value = row.get('ChargePeriodEnd');
    findings.fault(row.row, 'ChargePeriodEnd', value, 'a time after ChargePeriodStart');
  }
  const resourceId = row.get('ResourceId');
  const category = listedValue(row.get('ChargeCategory') ?? '', [
    'Tax',
    'Credit',
    'Usage',
    'Purchase',
    'Adjustment',
  ]);
  return {
    resourceId,
    line: {
      lineNumber,
      product: row.get('ServiceName') ?? '',
      groupDescription: row.get('ServiceCategory') ?? '',
      description: row.get('ChargeDescription') ?? '',
      hours: null,
      chargeStart,
      chargeEnd,
      billedCost: new Decimal(row.get('BilledCost') ?? '0'),
      currency: row.get('BillingCurrency') ?? '',
      projectName: row.get('SubAccountName'),
      category,
      lineClass: classOf(category, resourceId),
      kind: null,
      resourceName: row.get('ResourceName'),
      extra: Object.fromEntries([...row.entries()].filter(([column]) => !fields.has(column))),
    },
  };
}

function classOf(category: string, resourceId: string | null): CostLineClass {
  if (category === 'Tax') return 'tax';
  if (category === 'Credit') return 'credit';
  return resourceId === null ? 'shared' : 'resource';
}

/** A column that is checked to be an instant. */
function instantOf(row: FocusRow, column: string): Date {
  const instant = toInstant(row.get(column) ?? '');
  if (instant === null) throw new TypeError(`row ${row.row}: ${column} was given out unchecked`);
  return instant;
}
