import { stringify } from 'csv-stringify/sync';
import { usdOf } from './cents.ts';

/** One invoice of the simulated account. CSV, JSON items and summary are all made from its lines. */
export interface Invoice {
  readonly uuid: string;
  readonly id: string;
  /** `YYYY-MM` */
  readonly period: string;
  readonly updatedAt?: string;
  amountCents: number;
  readonly lines: InvoiceLine[];
  readonly csv: CsvLayout;
}

export interface InvoiceLine {
  readonly product: string;
  readonly groupDescription: string;
  readonly description: string;
  /** Empty where the provider prints no hours (taxes, credits, backups). */
  readonly hours: string;
  /** `YYYY-MM-DD HH:MM:SS +0000` */
  readonly start: string;
  readonly end: string;
  amountCents: number;
  readonly projectName: string;
  readonly category: string;
  /** Only the JSON items carry ids; empty where the line has no resource. */
  readonly resourceId: string;
  readonly resourceUuid: string;
}

export type CsvColumn =
  | 'product'
  | 'group_description'
  | 'description'
  | 'hours'
  | 'start'
  | 'end'
  | 'USD'
  | 'project_name'
  | 'category';

/** The provider changed its CSV several times; a layout says which form an invoice has. */
export interface CsvLayout {
  readonly columns: readonly CsvColumn[];
  readonly header: 'plain' | 'upper' | 'spaced';
  readonly lineEnd: '\n' | '\r\n';
  readonly bom: boolean;
  readonly minus: 'before_dollar' | 'after_dollar';
}

const summaryParts: Readonly<Record<string, 'overages' | 'taxes' | 'credits_and_adjustments'>> = {
  Bandwidth: 'overages',
  Taxes: 'taxes',
  GST: 'taxes',
  Credits: 'credits_and_adjustments',
};

/** The CSV as the provider would send it, byte for byte the golden file for April 2026. */
export function invoiceCsv(invoice: Invoice): string {
  const { columns, header, lineEnd, bom, minus } = invoice.csv;
  const records = invoice.lines.map((line) => ({
    product: line.product,
    group_description: line.groupDescription,
    description: line.description,
    hours: line.hours,
    start: line.start,
    end: line.end,
    USD: dollars(line.amountCents, minus),
    project_name: line.projectName,
    category: line.category,
  }));
  return stringify(records, {
    header: true,
    columns: columns.map((key) => ({ key, header: headerName(key, header) })),
    record_delimiter: lineEnd,
    bom,
  });
}

/** The same lines in the same order as JSON items, with the resource ids that the CSV lacks. */
export function invoiceItems(invoice: Invoice) {
  return invoice.lines.map((line) => ({
    product: line.product,
    resource_uuid: line.resourceUuid,
    resource_id: line.resourceId,
    group_description: line.groupDescription,
    description: line.description,
    amount: usdOf(line.amountCents),
    duration: line.hours,
    duration_unit: line.hours === '' ? '' : 'Hours',
    start_time: isoTime(line.start),
    end_time: isoTime(line.end),
    project_name: line.projectName,
    category: line.category,
  }));
}

/** Four parts that add up to `amount`. */
export function invoiceSummary(invoice: Invoice) {
  const parts = { product_charges: 0, overages: 0, taxes: 0, credits_and_adjustments: 0 };
  const products = new Map<string, { cents: number; count: number }>();
  for (const line of invoice.lines) {
    const part = summaryParts[line.product] ?? 'product_charges';
    parts[part] += line.amountCents;
    if (part === 'product_charges') {
      const product = products.get(line.product) ?? { cents: 0, count: 0 };
      products.set(line.product, { cents: product.cents + line.amountCents, count: product.count + 1 });
    }
  }
  return {
    invoice_uuid: invoice.uuid,
    invoice_id: invoice.id,
    billing_period: invoice.period,
    amount: usdOf(invoice.amountCents),
    user_name: 'Golden Account',
    user_billing_address: {
      address_line1: '1 Example Street',
      address_line2: '',
      city: 'Sydney',
      region: 'NSW',
      postal_code: '2000',
      country_iso2_code: 'AU',
      created_at: '2014-12-01T00:00:00.000+00:00',
      updated_at: '2014-12-01T00:00:00.000+00:00',
    },
    user_company: 'Arcadia',
    user_email: 'operator@example.com',
    product_charges: {
      name: 'Product usage charges',
      amount: usdOf(parts.product_charges),
      items: [...products].map(([name, { cents, count }]) => ({
        amount: usdOf(cents),
        name,
        count: String(count),
      })),
    },
    overages: { name: 'Overages', amount: usdOf(parts.overages) },
    taxes: { name: 'Taxes', amount: usdOf(parts.taxes) },
    credits_and_adjustments: { name: 'Credits & adjustments', amount: usdOf(parts.credits_and_adjustments) },
  };
}

function dollars(cents: number, minus: CsvLayout['minus']): string {
  const amount = usdOf(cents);
  if (cents >= 0) return `$${amount}`;
  return minus === 'before_dollar' ? `-$${amount.slice(1)}` : `$${amount}`;
}

function headerName(column: CsvColumn, style: CsvLayout['header']): string {
  if (style === 'upper') return column.toUpperCase();
  return style === 'spaced' ? column.replaceAll('_', ' ') : column;
}

function isoTime(csvTime: string): string {
  return csvTime.replace(' +0000', 'Z').replace(' ', 'T');
}
