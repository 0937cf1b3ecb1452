import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { Decimal, parseDecimal, sum } from '../../src/domain/money.ts';
import { tokenFor } from './apiUnderTest.ts';
import { april, type OneNumberWorld } from './oneNumberWorld.ts';
import { textOfPdf } from './pdfText.ts';

const viewer = tokenFor('platform_viewer');
const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));
type Screen = readonly [name: string, figure: unknown];

/** Both screens are named where they differ. */
export function agree([one, figure]: Screen, ...others: readonly Screen[]): void {
  expect(others.length).toBeGreaterThan(0);
  for (const [other, shown] of others) {
    expect({ [`${other}, as ${one}`]: shown }).toEqual({ [`${other}, as ${one}`]: figure });
  }
}

export const cents = z.int();
const figure = z.object({ cents, label: z.string() });
const side = { revenue: figure, cogs: figure, margin_cents: cents, margin_percent: z.string().nullable() };
const sourceTotal = z.object({ currency: z.string(), amount: z.string() });
const margin = z.object({
  overall: z.object(side),
  buckets: z.array(z.object({ bucket: z.string(), cogs: figure })),
  cost_estimates: z.array(z.object({ provider: z.string(), currency: z.string(), amount: z.string() })),
  sources: z.object({ cogs: z.array(sourceTotal), revenue: z.array(sourceTotal) }),
  tenants: z.object({
    items: z.array(
      z.object({
        tenant_id: z.string(),
        ...side,
        deployments: z.array(z.object({ deployment_id: z.string().nullable(), ...side })),
      }),
    ),
  }),
});
const kindTotals = z.array(z.object({ kind: z.string().nullable(), cents }));
export const byKind = z.object({ revenue: kindTotals, cogs: kindTotals });
export const trend = z.object({
  points: z.array(z.object({ period: z.string(), overall: z.object(side).nullable() })),
});
export const buckets = ['attributed', 'shared', 'tax', 'credit', 'unattributed'] as const;
const closure = z.object({
  closes: z.boolean(),
  cogs: z.array(
    z.object({
      provider: z.string(),
      currency: z.string(),
      invoiced: z.string(),
      attributed: z.string(),
      shared: z.string(),
      tax: z.string(),
      credit: z.string(),
      unattributed: z.string(),
    }),
  ),
  revenue: z.array(
    z.object({
      currency: z.string(),
      invoices: z.int(),
      subtotal_cents: z.string(),
      line_cents: z.string(),
      tax_cents: z.string(),
    }),
  ),
});
const invoice = z.object({
  id: z.string(),
  tenant_id: z.string(),
  number: z.string().nullable(),
  currency: z.string(),
  subtotal_cents: cents,
  tax_cents: cents,
  total_cents: cents,
  credited_cents: cents,
  due_cents: cents,
});
const wholeInvoice = z.object({
  ...invoice.shape,
  lines: z.array(z.object({ type: z.string(), amount_cents: cents, deployment_id: z.string().nullable() })),
  credit_notes: z.array(
    z.object({ id: z.string(), subtotal_cents: cents, tax_cents: cents, total_cents: cents }),
  ),
});
export type WholeInvoice = z.output<typeof wholeInvoice>;
const explained = z.object({ value: z.object({ amount: z.string(), currency: z.string() }) });

export const aud = (of: number) => `${new Decimal(of).dividedBy(100).toFixed()} AUD`;

export type Row = Readonly<Record<string, string>>;
export const billed = (rows: readonly Row[]) => sum(rows.map((row) => parseDecimal(row['BilledCost'] ?? '')));

type Amounts = Readonly<Record<string, string>>;
/** The sums of what is not nothing, by a key, as decimal texts. */
export function sums<Entry>(
  entries: readonly Entry[],
  keyOf: (one: Entry) => string,
  amountOf: (one: Entry) => string,
): Amounts {
  const totals = [...Map.groupBy(entries, keyOf)]
    .map(([key, some]) => [key, sum(some.map((one) => parseDecimal(amountOf(one))))] as const)
    .filter(([, total]) => !total.isZero());
  return Object.fromEntries(totals.map(([key, total]) => [key, total.toFixed()]));
}
export const billedCost = (row: Row) => row['BilledCost'] ?? '';
export const dollars = (of: number | string) => new Decimal(of).dividedBy(100).toFixed();
export const totalCents = (parts: readonly { readonly cents: number }[]) =>
  parts.reduce((total, part) => total + part.cents, 0);

/** A PDF file breaks lines and spaces where it likes. */
export const spaced = (text: string) => text.replaceAll(/\s+/g, ' ').trim();

/** What shows figures: the API's answers, its files, and what the command line prints. */
export function screensOf({ api, database }: Pick<OneNumberWorld, 'api' | 'database'>) {
  async function read<Shape extends z.ZodType>(
    path: string,
    shape: Shape,
    token = viewer,
  ): Promise<z.output<Shape>> {
    const answer = await api.call(path, { token });
    expect([path, answer.status, answer.json['detail']]).toEqual([path, 200, undefined]);
    return shape.parse(answer.json);
  }

  const providerInvoices = () =>
    read(
      `/api/v1/billing/invoices?period=${april}`,
      z.object({
        items: z.array(
          z.object({
            invoice_uuid: z.string(),
            amount: z.string(),
            currency: z.string(),
            ingest_status: z.string(),
          }),
        ),
      }),
    );

  async function costLines(
    invoiceUuid: string,
  ): Promise<{ readonly count: number; readonly totals: Amounts }> {
    const { count, totals } = await read(
      `/api/v1/billing/cost-lines?period=${april}&invoice=${invoiceUuid}`,
      z.object({ count: z.int(), totals: z.array(z.object({ currency: z.string(), total: z.string() })) }),
    );
    return {
      count,
      totals: sums(
        totals,
        ({ currency }) => currency,
        ({ total }) => total,
      ),
    };
  }

  const marginOf = (period: string) => read(`/api/v1/dashboard/margin?period=${period}&limit=100`, margin);
  const closureOf = (period: string) => read(`/api/v1/dashboard/closure?period=${period}`, closure);
  const invoicesOf = async (token = viewer) =>
    (await read(`/api/v1/invoices?period=${april}`, z.object({ items: z.array(invoice) }), token)).items;
  const wholeInvoices = async () =>
    Promise.all((await invoicesOf()).map(({ id }) => read(`/api/v1/invoices/${id}`, wholeInvoice)));

  async function explain(query: Readonly<Record<string, string>>): Promise<string> {
    const { value } = await read(`/api/v1/dashboard/explain?${new URLSearchParams(query)}`, explained);
    return `${parseDecimal(value.amount).toFixed()} ${value.currency}`;
  }

  async function csv(path: string, token = viewer): Promise<Row[]> {
    const answer = await api.call(path, { token });
    expect([path, answer.status]).toEqual([path, 200]);
    return parse<Row>(answer.text, { columns: true });
  }
  const providerFocus = (version = '1.2') =>
    csv(`/api/v1/billing/focus-export?period=${april}&version=${version}`);
  const tenantFocus = (token = viewer) => csv(`/api/v1/invoices/focus-export?period=${april}`, token);

  async function command(...words: readonly string[]): Promise<string> {
    const env = { ...process.env, DATABASE_URL: database.appUrl };
    return (await promisify(execFile)(process.execPath, [cli, ...words], { env })).stdout.trim();
  }

  async function pdf(path: string, token: string): Promise<string> {
    const response = await fetch(`${api.address}${path}`, { headers: { authorization: `Bearer ${token}` } });
    expect([path, response.status]).toEqual([path, 200]);
    return spaced(textOfPdf(Buffer.from(await response.arrayBuffer())).join(' '));
  }

  return {
    read,
    providerInvoices,
    costLines,
    marginOf,
    closureOf,
    invoicesOf,
    wholeInvoices,
    explain,
    csv,
    providerFocus,
    tenantFocus,
    command,
    pdf,
  };
}
