import { stringify } from 'csv-stringify/sync';
import { z } from 'zod';
import { dayOf } from '../domain/calendar.ts';
import { type GstReportRow, gstReport } from '../services/gstReport.ts';
import { type Ageing, receivablesAgeing, type TenantAgeing } from '../services/receivablesAgeing.ts';
import { cursorOf, toPage } from './pages.ts';
import { defineRoute, type Reply, type Route } from './route.ts';
import { currency, day, limit, pageOf, period } from './schemas.ts';

const cents = z.int().meta({ description: 'Whole cents of `currency`.' });
const format = z
  .enum(['json', 'csv'], { error: 'expected one of json, csv' })
  .default('json')
  .meta({ description: '`csv` answers `text/csv`, with all rows.' });
const alsoContentTypes = ['text/csv'];

const gstRow = z
  .strictObject({
    tax_name: z.string().nullable().meta({ description: 'Null where nothing was taxed: exports.' }),
    tax_rate: z.string(),
    currency,
    invoices: z.int(),
    sales_cents: cents.meta({ description: 'Before tax.' }),
    tax_collected_cents: cents,
    credit_notes: z.int(),
    credited_cents: cents.meta({ description: 'Before tax.' }),
    tax_credited_cents: cents,
    net_sales_cents: cents,
    net_tax_cents: cents.meta({ description: 'Collected − credited.' }),
    void_numbers: z
      .array(z.string())
      .meta({ description: 'Invoices issued in the month that are void now: they count for nothing.' }),
  })
  .meta({ id: 'GstReportRow' });

const toGstRow = (row: GstReportRow): z.input<typeof gstRow> => ({
  tax_name: row.taxName,
  tax_rate: row.taxRate,
  currency: row.currency,
  invoices: row.invoices,
  sales_cents: row.salesCents,
  tax_collected_cents: row.taxCollectedCents,
  credit_notes: row.creditNotes,
  credited_cents: row.creditedCents,
  tax_credited_cents: row.taxCreditedCents,
  net_sales_cents: row.netSalesCents,
  net_tax_cents: row.netTaxCents,
  void_numbers: [...row.voidNumbers],
});

const ageing = z
  .strictObject({
    currency,
    invoices: z.int().meta({ description: 'Of which anything is due or owed.' }),
    current_cents: cents.meta({ description: 'Not overdue.' }),
    overdue_1_30_cents: cents,
    overdue_31_60_cents: cents,
    overdue_61_90_cents: cents,
    overdue_over_90_cents: cents,
    due_cents: cents.meta({ description: 'The sum of all that is due.' }),
    owed_to_tenant_cents: cents.meta({ description: 'Above zero; not taken from what is due.' }),
  })
  .meta({ id: 'Ageing' });
const tenantAgeing = z.strictObject({ tenant_id: z.string(), ...ageing.shape }).meta({ id: 'TenantAgeing' });

const toAgeing = (row: Ageing): z.input<typeof ageing> => ({
  currency: row.currency,
  invoices: row.invoices,
  current_cents: row.currentCents,
  overdue_1_30_cents: row.overdue1To30Cents,
  overdue_31_60_cents: row.overdue31To60Cents,
  overdue_61_90_cents: row.overdue61To90Cents,
  overdue_over_90_cents: row.overdueOver90Cents,
  due_cents: row.dueCents,
  owed_to_tenant_cents: row.owedToTenantCents,
});
const toTenantAgeing = (row: TenantAgeing): z.input<typeof tenantAgeing> => ({
  tenant_id: row.tenantId,
  ...toAgeing(row),
});

/** Text that a spreadsheet would run as a formula gets an apostrophe before it; numbers stay numbers. */
function csvReply(name: string, columns: readonly string[], rows: readonly object[]): Reply<never> {
  const csv = stringify([...rows], {
    header: true,
    columns: [...columns],
    cast: {
      number: (value) => ({ value: String(value), escape_formulas: false }),
      object: (value) => ({ value: Array.isArray(value) ? value.join(' ') : '', escape_formulas: true }),
    },
    escape_formulas: true,
  });
  return {
    status: 200,
    headers: {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="${name}.csv"`,
    },
    body: csv as never,
  };
}

export const reportRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/reports/gst',
    tag: 'Reports',
    summary:
      'Sales, tax collected and tax credited of a month, by the UTC day of issue of invoices and credit notes.',
    roles: ['platform_admin', 'platform_viewer'],
    query: z.strictObject({ period, format }),
    answer: {
      status: 200,
      description: 'A row for each tax, rate and currency.',
      schema: z.strictObject({ period, rows: z.array(gstRow) }),
      alsoContentTypes,
    },
    async handle({ em, query }) {
      const rows = (await gstReport(em, query.period)).map(toGstRow);
      if (query.format === 'csv') return csvReply(`gst-${query.period}`, Object.keys(gstRow.shape), rows);
      return { status: 200, body: { period: query.period, rows } };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/reports/receivables',
    tag: 'Reports',
    summary: 'What is outstanding at the end of a day, by tenant, currency and days overdue.',
    roles: ['platform_admin', 'platform_viewer'],
    query: z.strictObject({
      as_of: day.optional().meta({ description: 'A UTC day; today where it is absent.' }),
      format,
      limit,
      cursor: cursorOf('receivables-ageing', z.strictObject({ tenant: z.string(), currency: z.string() })),
    }),
    answer: {
      status: 200,
      description: 'A page of tenants with anything outstanding, and the totals of all of them.',
      schema: z.strictObject({
        as_of: z.string(),
        totals: z.array(ageing),
        ...pageOf(tenantAgeing).shape,
      }),
      alsoContentTypes,
    },
    async handle({ em, query, now }) {
      const asOf = query.as_of ?? dayOf(now.toISOString());
      if (query.format === 'csv') {
        const { tenants } = await receivablesAgeing(em, asOf);
        return csvReply(`receivables-${asOf}`, Object.keys(tenantAgeing.shape), tenants.map(toTenantAgeing));
      }
      const { tenants, totals } = await receivablesAgeing(em, asOf, {
        after: query.cursor,
        limit: query.limit,
      });
      const keyOf = (row: TenantAgeing) => ({ tenant: row.tenantId, currency: row.currency });
      return {
        status: 200,
        body: {
          as_of: asOf,
          totals: totals.map(toAgeing),
          ...toPage('receivables-ageing', tenants, query.limit, keyOf, toTenantAgeing),
        },
      };
    },
  }),
];
