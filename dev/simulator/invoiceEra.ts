import type { CsvColumn, CsvLayout } from './invoice.ts';

/**
 * How the provider's invoices looked in a month: the columns it exported, the size names and prices it sold.
 * The column history follows the exports that others have published: `category` came in mid-2020, `project_name`
 * before 2019; that the oldest exports had neither is an assumption.
 */
export interface InvoiceEra {
  readonly csv: CsvLayout;
  /** Droplet sizes on sale, cheapest first, with the monthly price in cents. */
  readonly sizes: readonly { readonly slug: string; readonly priceCents: number }[];
  readonly hasCategory: boolean;
  readonly hasProject: boolean;
  /** The last instant of a full month: 23:59:59 of its last day, or in older invoices 00:00:00 of the next month. */
  readonly fullMonthEnds: 'last_second' | 'next_midnight';
  /** Older volume lines read `name (region) 100GB`, newer ones `name (100 GB)`. */
  readonly volumeForm: 'region' | 'size_only';
  readonly tax: {
    readonly product: string;
    readonly description: string;
    readonly ratePerTenThousand: number;
  } | null;
}

const columns2014 = ['product', 'group_description', 'description', 'hours', 'start', 'end', 'USD'] as const;
const columns2016 = [...columns2014, 'project_name'] as const;
const columns2020 = [...columns2016, 'category'] as const;

const oldSizes = [
  { slug: '512mb', priceCents: 500 },
  { slug: '1gb', priceCents: 1000 },
  { slug: '2gb', priceCents: 2000 },
  { slug: '4gb', priceCents: 4000 },
];
const sizes2018 = [
  { slug: 's-1vcpu-1gb', priceCents: 500 },
  { slug: 's-1vcpu-2gb', priceCents: 1000 },
  { slug: 's-2vcpu-2gb', priceCents: 1500 },
  { slug: 's-2vcpu-4gb', priceCents: 2000 },
  { slug: 's-4vcpu-8gb', priceCents: 4000 },
];
const sizes2022 = [
  { slug: 's-1vcpu-512mb-10gb', priceCents: 400 },
  { slug: 's-1vcpu-1gb', priceCents: 600 },
  { slug: 's-1vcpu-2gb', priceCents: 1200 },
  { slug: 's-2vcpu-2gb', priceCents: 1800 },
  { slug: 's-2vcpu-4gb', priceCents: 2400 },
  { slug: 's-4vcpu-8gb', priceCents: 4800 },
];

/** Months whose file differs from its era in bytes, so that every reader of the account meets each form. */
const unusualFiles: Readonly<Record<string, Partial<CsvLayout>>> = {
  '2014-12': { lineEnd: '\r\n' },
  '2015-03': { bom: true },
  '2016-06': { header: 'upper' },
  '2017-10': { lineEnd: '\r\n' },
  '2018-11': { header: 'spaced' },
  '2019-08': { header: 'upper' },
  '2020-02': { bom: true, lineEnd: '\r\n' },
  '2021-05': { bom: true },
  '2022-01': { lineEnd: '\r\n', header: 'spaced' },
  '2022-09': { columns: reordered(columns2020) },
  '2024-03': { lineEnd: '\r\n' },
  '2025-02': { bom: true, header: 'upper' },
};

/** The era of a month given as `YYYY-MM`. */
export function invoiceEra(period: string): InvoiceEra {
  const hasCategory = period >= '2020-07';
  const hasProject = period >= '2016-01';
  return {
    csv: {
      columns: hasCategory ? columns2020 : hasProject ? columns2016 : columns2014,
      header: 'plain',
      lineEnd: '\n',
      bom: false,
      minus: period < '2020-07' ? 'after_dollar' : 'before_dollar',
      ...unusualFiles[period],
    },
    sizes: period >= '2022-07' ? sizes2022 : period >= '2018-01' ? sizes2018 : oldSizes,
    hasCategory,
    hasProject,
    fullMonthEnds: hasCategory ? 'last_second' : 'next_midnight',
    volumeForm: hasCategory ? 'size_only' : 'region',
    tax: taxOf(period),
  };
}

function taxOf(period: string): InvoiceEra['tax'] {
  if (period >= '2021-07') {
    return { product: 'GST', description: 'Goods and Services Tax (10%)', ratePerTenThousand: 1000 };
  }
  if (period >= '2020-01') {
    return { product: 'Taxes', description: 'STATE SALES TAX (6.25%)', ratePerTenThousand: 625 };
  }
  return null;
}

function reordered(columns: readonly CsvColumn[]): readonly CsvColumn[] {
  return [...columns].reverse();
}
