import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { toMoney } from '../../src/api/invoicePdf.ts';
import { convertParts, type SourcePart } from '../../src/domain/margin/convertParts.ts';
import { Decimal, parseDecimal } from '../../src/domain/money.ts';
import { tokenFor } from './apiUnderTest.ts';
import {
  agree,
  aud,
  billed,
  billedCost,
  buckets,
  byKind,
  cents,
  dollars,
  type Row,
  screensOf,
  spaced,
  sums,
  totalCents,
  trend,
  type WholeInvoice,
} from './oneNumberScreens.ts';
import {
  april,
  may,
  north,
  type OneNumberWorld,
  openOneNumberWorld,
  pilot,
  rates,
  south,
} from './oneNumberWorld.ts';

/** Two screens, one number: whatever shows a figure shows the same one. */
let world: OneNumberWorld;
let screens: ReturnType<typeof screensOf>;

beforeAll(async () => {
  world = await openOneNumberWorld();
  screens = screensOf(world);
}, 120_000);
afterAll(async () => {
  await world?.api.close();
  await world?.database.drop();
});

describe('the margin of April', () => {
  it('of the pilot is the golden one', async () => {
    const { tenants } = await screens.marginOf(april);
    expect(tenants.items.find(({ tenant_id }) => tenant_id === pilot)).toMatchObject({
      revenue: { cents: 7112 },
      cogs: { cents: 3053 },
      margin_cents: 4059,
      margin_percent: '57.1',
    });
  });

  it('is one number in the summary, by kind, in the trend and explained', async () => {
    const { overall, tenants, buckets: unborne } = await screens.marginOf(april);
    const kinds = await screens.read(`/api/v1/dashboard/by-kind?period=${april}`, byKind);
    const { points } = await screens.read(`/api/v1/dashboard/trend?from=${april}&to=${may}`, trend);
    agree(['margin', overall], ['trend', points.find(({ period }) => period === april)?.overall]);
    agree(
      ['margin: revenue', aud(overall.revenue.cents)],
      ['margin: tenants', aud(totalCents(tenants.items.map(({ revenue }) => revenue)))],
      ['by-kind', aud(totalCents(kinds.revenue))],
      ['explain', await screens.explain({ figure: 'revenue', period: april })],
      ['explain by kind', await screens.explain({ figure: 'revenue', period: april, by: 'kind' })],
    );
    agree(
      ['margin: COGS', aud(overall.cogs.cents)],
      [
        'margin: tenants and buckets',
        aud(totalCents([...tenants.items, ...unborne].map(({ cogs }) => cogs))),
      ],
      ['by-kind', aud(totalCents(kinds.cogs))],
      ['explain', await screens.explain({ figure: 'cogs', period: april })],
      ['explain by kind', await screens.explain({ figure: 'cogs', period: april, by: 'kind' })],
    );
    agree(
      ['margin', aud(overall.margin_cents)],
      ['explain', await screens.explain({ figure: 'margin', period: april })],
      ['margin: revenue − COGS', aud(overall.revenue.cents - overall.cogs.cents)],
    );
    for (const { kind, cents: of } of kinds.cogs) {
      const query = { figure: 'cogs', period: april, kind: kind ?? 'none' };
      agree([`by-kind: COGS of ${kind}`, aud(of)], ['explain', await screens.explain(query)]);
    }
    for (const { kind, cents: of } of kinds.revenue) {
      const query = { figure: 'revenue', period: april, kind: kind ?? 'none' };
      agree([`by-kind: revenue of ${kind}`, aud(of)], ['explain', await screens.explain(query)]);
    }
  });

  it('of each tenant, deployment and bucket is one number in the summary and explained', async () => {
    const { tenants, buckets: unborne } = await screens.marginOf(april);
    expect(tenants.items.map(({ tenant_id }) => tenant_id)).toEqual([pilot, north, south]);
    for (const { tenant_id: tenant, deployments: parts, ...whole } of tenants.items) {
      for (const [named, shown] of [
        [{ period: april, tenant }, whole],
        ...parts.map(
          ({ deployment_id, ...part }) =>
            [{ period: april, tenant, deployment: deployment_id ?? 'none' }, part] as const,
        ),
      ] as const) {
        const name = `margin of ${JSON.stringify(named)}`;
        agree(
          [`${name}: revenue`, aud(shown.revenue.cents)],
          ['explain', await screens.explain({ figure: 'revenue', ...named })],
        );
        agree(
          [`${name}: COGS`, aud(shown.cogs.cents)],
          ['explain', await screens.explain({ figure: 'cogs', ...named })],
        );
        agree(
          [name, aud(shown.margin_cents)],
          ['explain', await screens.explain({ figure: 'margin', ...named })],
        );
      }
    }
    for (const { bucket, cogs } of unborne) {
      agree(
        [`margin: bucket ${bucket}`, aud(cogs.cents)],
        ['explain', await screens.explain({ figure: 'cogs', period: april, bucket })],
      );
    }
  });
});

describe('what providers charge for April', () => {
  it('is one number in their invoices, the closure, the margin’s sources, the cost lines and both FOCUS versions', async () => {
    const { sources } = await screens.marginOf(april);
    const { cogs, closes } = await screens.closureOf(april);
    expect(closes).toBe(true);
    const headers = await screens.providerInvoices();
    const currencyOf = ({ currency }: { readonly currency: string }) => currency;
    const stated = sums(headers.items, currencyOf, ({ amount }) => amount);
    expect(Object.keys(stated).sort()).toEqual(['EUR', 'USD']);
    const others = [
      ['closure: invoiced', sums(cogs, currencyOf, ({ invoiced }) => invoiced)],
      ['margin: sources', sums(sources.cogs, currencyOf, ({ amount }) => amount)],
      ...(await Promise.all(
        ['1.2', '1.4'].map(
          async (version) =>
            [
              `FOCUS ${version}`,
              sums(await screens.providerFocus(version), (row) => row['BillingCurrency'] ?? '', billedCost),
            ] as const,
        ),
      )),
      [
        'closure: buckets',
        sums(
          cogs.flatMap((one) => buckets.map((bucket) => ({ currency: one.currency, amount: one[bucket] }))),
          currencyOf,
          ({ amount }) => amount,
        ),
      ],
    ] as const;
    agree(['billing invoices', stated], ...others);
    const rows = await screens.providerFocus();
    for (const { invoice_uuid: uuid, amount, ingest_status: status, currency } of headers.items) {
      const name = `billing invoice ${uuid}, ${status}`;
      const ofInvoice = rows.filter((row) => row['InvoiceId'] === uuid);
      agree([name, parseDecimal(amount).toFixed()], ['FOCUS', billed(ofInvoice).toFixed()]);
      // What is held counts as it is stated, whatever its lines say.
      if (status !== 'held')
        agree(
          [name, { [currency]: parseDecimal(amount).toFixed() }],
          ['cost lines', (await screens.costLines(uuid)).totals],
        );
    }
  });

  it('is by bucket one number in the closure, in FOCUS and, converted, in the margin', async () => {
    const { tenants, buckets: unborne } = await screens.marginOf(april);
    const { cogs } = await screens.closureOf(april);
    const rows = await screens.providerFocus();
    const key = (currency: string | undefined, bucket: string | undefined) => `${currency} ${bucket}`;
    agree(
      [
        'closure',
        sums(
          cogs.flatMap((one) =>
            buckets.map((bucket) => ({ key: key(one.currency, bucket), amount: one[bucket] })),
          ),
          (one) => one.key,
          (one) => one.amount,
        ),
      ],
      ['FOCUS', sums(rows, (row) => key(row['BillingCurrency'], row['x_AllocationBucket']), billedCost)],
    );
    const parts = rows.map(
      (row): SourcePart => ({
        tenantId: row['x_TenantId'] || null,
        bucket: row['x_AllocationBucket'] ?? '',
        deploymentId: row['x_DeploymentId'] || null,
        kind: null,
        label: 'reconciled',
        currency: row['BillingCurrency'] ?? '',
        amount: parseDecimal(billedCost(row)),
      }),
    );
    const converted = convertParts(parts, (currency) => new Decimal(rates[currency as keyof typeof rates]));
    const shares = (of: readonly { key: string; cents: number }[]) =>
      sums(
        of,
        (one) => one.key,
        (one) => String(one.cents),
      );
    agree(
      [
        'margin: tenants and buckets',
        shares([
          ...tenants.items.map(({ tenant_id, cogs: of }) => ({ key: tenant_id, cents: of.cents })),
          ...unborne.map(({ bucket, cogs: of }) => ({ key: `bucket ${bucket}`, cents: of.cents })),
        ]),
      ],
      [
        'FOCUS summed by tenant, converted',
        shares(
          converted.map((part) => ({ key: part.tenantId ?? `bucket ${part.bucket}`, cents: part.cents })),
        ),
      ],
    );
    const deploymentsOf = tenants.items.flatMap((tenant) =>
      tenant.deployments.map(({ deployment_id, cogs: of }) => ({ key: `${deployment_id}`, cents: of.cents })),
    );
    agree(
      ['margin: deployments', shares(deploymentsOf)],
      [
        'FOCUS summed by deployment, converted',
        shares(
          converted
            .filter(({ tenantId }) => tenantId !== null)
            .map((part) => ({ key: `${part.deploymentId}`, cents: part.cents })),
        ),
      ],
    );
  });

  it('splits the moved droplet by its seconds, on every screen', async () => {
    const rows = (await screens.providerFocus()).filter(
      (row) => row['ResourceId'] === '7' || row['ResourceName'] === 'droplet-7',
    );
    // 246 of the 720 hours of April before the move: 11.111 × 246 / 720 = 3.796…
    const shares = sums(rows, (row) => row['x_TenantId'] ?? '', billedCost);
    expect(shares).toEqual({ [north]: '3.796', [south]: '7.315' });
    agree(
      ['FOCUS: the moved droplet, south', `${shares[south]} EUR`],
      [
        'explain: charged_cogs of south',
        await screens.explain({
          figure: 'charged_cogs',
          period: april,
          currency: 'EUR',
          tenant: south,
          deployment: world.deployments[south],
        }),
      ],
    );
  });
});

describe('what tenants are charged for April', () => {
  it('is one number on invoices, their lines, the closure, the rollup, the margin, FOCUS and explained', async () => {
    const invoices = await screens.wholeInvoices();
    expect(invoices).toHaveLength(3);
    const { sources, tenants } = await screens.marginOf(april);
    const { revenue } = await screens.closureOf(april);
    const ledger = await screens.read(`/api/v1/rollups/${april}`, z.object({ invoiced: z.int() }));
    const rows = await screens.tenantFocus();
    const currencyOf = ({ currency }: { readonly currency: string }) => currency;
    const subtotals = sums(invoices, currencyOf, (one) => String(one.subtotal_cents));
    const ofLines = invoices.flatMap((one) =>
      one.lines
        .filter(({ type }) => type !== 'tax')
        .map((line) => ({ currency: one.currency, amount: String(line.amount_cents) })),
    );
    agree(
      ['invoices: subtotal', subtotals],
      ['invoices: lines', sums(ofLines, currencyOf, ({ amount }) => amount)],
      ['closure: subtotal', sums(revenue, currencyOf, (one) => one.subtotal_cents)],
      ['closure: lines', sums(revenue, currencyOf, (one) => one.line_cents)],
    );
    agree(
      ['invoices', invoices.length],
      ['closure', revenue.reduce((total, one) => total + one.invoices, 0)],
      ['rollup', ledger.invoiced],
      [
        'check-invoices',
        Number(
          /^checked (\d+) invoices of 2026-04: 0 differences$/.exec(
            await screens.command('check-invoices', april),
          )?.[1],
        ),
      ],
    );
    const beforeTax = (one: WholeInvoice) =>
      dollars(one.subtotal_cents - one.credit_notes.reduce((total, note) => total + note.subtotal_cents, 0));
    const charges = rows.filter((row) => row['ChargeCategory'] !== 'Tax');
    agree(
      ['invoices less credit notes', sums(invoices, currencyOf, beforeTax)],
      ['margin: sources', sums(sources.revenue, currencyOf, ({ amount }) => amount)],
      ['tenants’ FOCUS', sums(charges, (row) => row['BillingCurrency'] ?? '', billedCost)],
    );
    agree(
      ['invoices less credit notes', sums(invoices, (one) => one.tenant_id, beforeTax)],
      ['tenants’ FOCUS', sums(charges, (row) => row['BillingAccountId'] ?? '', billedCost)],
    );
    agree(
      [
        'invoices with tax less credit notes',
        sums(
          invoices,
          (one) => one.tenant_id,
          (one) => dollars(one.total_cents - one.credited_cents),
        ),
      ],
      ['tenants’ FOCUS', sums(rows, (row) => row['BillingAccountId'] ?? '', billedCost)],
    );
    for (const one of invoices) {
      const shown = tenants.items.find(({ tenant_id }) => tenant_id === one.tenant_id)?.revenue.cents ?? 0;
      const converted = new Decimal(beforeTax(one))
        .times(rates[one.currency as keyof typeof rates])
        .times(100);
      agree(
        [`invoice of ${one.tenant_id}, converted`, converted.toDecimalPlaces(0).toNumber()],
        ['margin', shown],
      );
      agree(
        [`invoice of ${one.tenant_id}`, `${dollars(one.total_cents)} ${one.currency}`],
        ['explain', await screens.explain({ figure: 'invoice', id: one.id })],
      );
      const parts = z.object({
        parts: z.object({ items: z.array(z.object({ counts: z.object({ amount: z.string() }) })) }),
      });
      const steps = await screens.read(`/api/v1/dashboard/explain?figure=invoice&id=${one.id}`, parts);
      agree(
        [
          `lines of the invoice of ${one.tenant_id}`,
          one.lines.map((line) => dollars(line.amount_cents)).toSorted(),
        ],
        ['explain', steps.parts.items.map(({ counts }) => parseDecimal(counts.amount).toFixed()).toSorted()],
      );
    }
  });

  it('is the same to the tenant: its invoices, their PDF files and its FOCUS file', async () => {
    const all = await screens.tenantFocus();
    for (const one of await screens.wholeInvoices()) {
      const token = tokenFor('tenant', { tenant_id: one.tenant_id });
      const [seen] = await screens.invoicesOf(token);
      agree(
        [`invoices, to the operator, of ${one.tenant_id}`, one.total_cents],
        ['to the tenant', seen?.total_cents],
      );
      agree(
        [
          `FOCUS of all, of ${one.tenant_id}`,
          billed(all.filter((row) => row['BillingAccountId'] === one.tenant_id)).toFixed(),
        ],
        ['FOCUS of the tenant', billed(await screens.tenantFocus(token)).toFixed()],
      );
      const printed = await screens.pdf(`/api/v1/invoices/${one.id}/pdf`, token);
      for (const [name, of] of [
        ['subtotal', one.subtotal_cents],
        ['total', one.total_cents],
        ...one.lines.map((line) => [line.type, line.amount_cents] as const),
      ] as const) {
        const text = spaced(toMoney(of, one.currency));
        agree(
          [`invoice of ${one.tenant_id}: ${name}`, text],
          ['PDF', printed.includes(text) ? text : printed],
        );
      }
      for (const note of one.credit_notes) {
        const text = spaced(toMoney(note.total_cents, one.currency));
        const shown = await screens.pdf(`/api/v1/credit-notes/${note.id}/pdf`, token);
        agree(['credit note', text], ['PDF', shown.includes(text) ? text : shown]);
      }
    }
  });

  it('is owed alike on invoices and in the report of receivables', async () => {
    const due = z.array(z.object({ tenant_id: z.string(), currency: z.string(), due_cents: cents }));
    const { items } = await screens.read('/api/v1/reports/receivables', z.object({ items: due }));
    const csv = await screens.csv('/api/v1/reports/receivables?format=csv');
    const keyOf = ({ tenant_id, currency }: { readonly tenant_id: string; readonly currency: string }) =>
      `${tenant_id} ${currency}`;
    agree(
      ['invoices: due', sums(await screens.invoicesOf(), keyOf, (one) => String(one.due_cents))],
      ['receivables', sums(items, keyOf, (row) => String(row.due_cents))],
      [
        'receivables as CSV',
        sums(
          csv,
          (row) => `${row['tenant_id']} ${row['currency']}`,
          (row) => row['due_cents'] ?? '',
        ),
      ],
    );
  });

  it('is one number in the report of the tax, as JSON and as CSV', async () => {
    const invoices = await screens.wholeInvoices();
    const gst = z.object({
      rows: z.array(z.object({ currency: z.string(), net_sales_cents: cents, net_tax_cents: cents })),
    });
    const { rows } = await screens.read(`/api/v1/reports/gst?period=${may}`, gst);
    const csv = await screens.csv(`/api/v1/reports/gst?period=${may}&format=csv`);
    const currencyOf = ({ currency }: { readonly currency: string }) => currency;
    const credited = (one: WholeInvoice, of: 'subtotal_cents' | 'tax_cents') =>
      String(one[of] - one.credit_notes.reduce((total, note) => total + note[of], 0));
    agree(
      ['invoices less credit notes', sums(invoices, currencyOf, (one) => credited(one, 'subtotal_cents'))],
      ['GST report', sums(rows, currencyOf, (row) => String(row.net_sales_cents))],
      [
        'GST report as CSV',
        sums(
          csv,
          (row) => row['currency'] ?? '',
          (row) => row['net_sales_cents'] ?? '',
        ),
      ],
    );
    agree(
      ['tax of invoices less credit notes', sums(invoices, currencyOf, (one) => credited(one, 'tax_cents'))],
      ['GST report', sums(rows, currencyOf, (row) => String(row.net_tax_cents))],
      [
        'GST report as CSV',
        sums(
          csv,
          (row) => row['currency'] ?? '',
          (row) => row['net_tax_cents'] ?? '',
        ),
      ],
      [
        'tenants’ FOCUS',
        sums(
          (await screens.tenantFocus()).filter((row) => row['ChargeCategory'] === 'Tax'),
          (row) => row['BillingCurrency'] ?? '',
          (row) => parseDecimal(billedCost(row)).times(100).toFixed(),
        ),
      ],
    );
  });
});

describe('the running month', () => {
  it('is one number in the accrual, the tenants’ own, the margin, the trend, the estimate and explained', async () => {
    const shown = await screens.marginOf(may);
    const item = z.object({ tenant_id: z.string(), currency: z.string(), total_cents: cents });
    const { items } = await screens.read('/api/v1/dashboard/accrual', z.object({ items: z.array(item) }));
    expect(items.map(({ tenant_id }) => tenant_id)).toEqual([pilot, north, south]);
    for (const one of items) {
      const token = tokenFor('tenant', { tenant_id: one.tenant_id });
      const ofTenant = await screens.read('/api/v1/accrual', item, token);
      agree([`accrual of ${one.tenant_id}`, one], ['to the tenant', ofTenant]);
      const tenant = shown.tenants.items.find(({ tenant_id }) => tenant_id === one.tenant_id);
      const converted = new Decimal(one.total_cents).times(rates[one.currency as keyof typeof rates]);
      agree(
        [`accrual of ${one.tenant_id}, converted`, aud(converted.toDecimalPlaces(0).toNumber())],
        ['margin', aud(tenant?.revenue.cents ?? 0)],
        ['explain', await screens.explain({ figure: 'revenue', period: may, tenant: one.tenant_id })],
      );
    }
    const currencyOf = ({ currency }: { readonly currency: string }) => currency;
    agree(
      ['accrual', sums(items, currencyOf, (one) => dollars(one.total_cents))],
      ['margin: sources', sums(shown.sources.revenue, currencyOf, ({ amount }) => amount)],
    );
    const { estimates } = await screens.read(
      `/api/v1/billing/estimate?period=${may}`,
      z.object({ estimates: z.array(z.object({ currency: z.string(), amount: z.string() })) }),
    );
    const { cogs } = await screens.closureOf(may);
    agree(
      ['estimate', sums(estimates, currencyOf, ({ amount }) => amount)],
      ['margin: estimates', sums(shown.cost_estimates, currencyOf, ({ amount }) => amount)],
      ['margin: sources', sums(shown.sources.cogs, currencyOf, ({ amount }) => amount)],
      ['closure', sums(cogs, currencyOf, ({ invoiced }) => invoiced)],
    );
    const kinds = await screens.read(`/api/v1/dashboard/by-kind?period=${may}`, byKind);
    const { points } = await screens.read(`/api/v1/dashboard/trend?from=${may}&to=${may}`, trend);
    agree(['margin', shown.overall], ['trend', points[0]?.overall]);
    agree(
      ['margin: revenue', aud(shown.overall.revenue.cents)],
      ['by-kind', aud(totalCents(kinds.revenue))],
      ['explain', await screens.explain({ figure: 'revenue', period: may })],
    );
    agree(
      ['margin: COGS', aud(shown.overall.cogs.cents)],
      ['by-kind', aud(totalCents(kinds.cogs))],
      ['explain', await screens.explain({ figure: 'cogs', period: may })],
    );
    agree(
      ['margin', aud(shown.overall.margin_cents)],
      ['explain', await screens.explain({ figure: 'margin', period: may })],
    );
  });
});

describe('the command line', () => {
  it('writes the FOCUS file that the API answers, and counts the lines that it shows', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'one-number-'));
    try {
      const file = join(folder, 'april.csv');
      const told = await screens.command('focus:export', '--period', april, '--out', file);
      const rows = parse<Row>(await readFile(file, 'utf8'), { columns: true });
      agree(
        [
          'FOCUS by the command line',
          sums(rows, (row) => `${row['BillingCurrency']} ${row['x_TenantId']}`, billedCost),
        ],
        [
          'FOCUS by the API',
          sums(
            await screens.providerFocus(),
            (row) => `${row['BillingCurrency']} ${row['x_TenantId']}`,
            billedCost,
          ),
        ],
      );
      const { items } = await screens.providerInvoices();
      const counts = await Promise.all(
        items
          .filter((one) => one.ingest_status !== 'held')
          .map(async ({ invoice_uuid: uuid }) => (await screens.costLines(uuid)).count),
      );
      agree(
        ['cost lines', counts.reduce((total, count) => total + count, 0)],
        ['focus:export', Number(/: (\d+) lines of 3 invoices$/.exec(told)?.[1])],
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
