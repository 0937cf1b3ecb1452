import { z } from 'zod';
import { ArcadiaError } from '../../src/domain/errors.ts';
import type { Api } from './api.ts';

const side = z.object({ cents: z.int(), label: z.string() });
const figures = { revenue: side, cogs: side, margin_cents: z.int(), margin_percent: z.string().nullable() };
const table = z.object({
  period: z.string(),
  currency: z.string(),
  overall: z.object(figures),
  buckets: z.array(z.object({ bucket: z.string(), cogs: side })),
  tenants: z.object({ items: z.array(z.object({ tenant_id: z.string(), ...figures })) }),
});
const closure = z.object({ closes: z.boolean(), faults: z.array(z.object({ message: z.string() })) });

/** The margin of a month: by tenant, what nobody bears, and overall; cents of the reporting currency. */
export interface ShownMargin {
  readonly period: string;
  readonly currency: string;
  readonly tenants: readonly ShownMarginRow[];
  /** COGS that no tenant bears. */
  readonly buckets: Readonly<Record<string, number>>;
  readonly overall: Omit<ShownMarginRow, 'tenant_id'>;
  /** Whether every cent of the month is accounted for. */
  readonly closes: boolean;
}

export interface ShownMarginRow {
  readonly tenant_id: string;
  readonly revenue_cents: number;
  readonly cogs_cents: number;
  readonly margin_cents: number;
  readonly margin_percent: string | null;
}

const period = '2026-04-01';
const pilot = 'dashboard-pilot';
/** Of the golden account, at an exchange rate of 1. */
const golden = { pilot: 4059, pilotPercent: '57.1', overall: -1580 };

const toRow = (row: z.output<typeof table>['overall']) => ({
  revenue_cents: row.revenue.cents,
  cogs_cents: row.cogs.cents,
  margin_cents: row.margin_cents,
  margin_percent: row.margin_percent,
});

/**
 * The margin of April 2026, with an exchange rate of 1 between the provider's currency and ours.
 * @param isWhole whether every invoice is ingested; else the figures are others than the golden ones, and rightly so
 * @throws ArcadiaError `margin_differs` where it is not the golden one or the books do not close
 */
export async function goldenMargin(api: Api, isWhole: boolean): Promise<ShownMargin> {
  await api.post('/api/v1/exchange-rates', {
    from: 'USD',
    to: 'AUD',
    rate: '1',
    effective_from: '2026-01-01',
    reason: 'the demonstration counts a dollar as a dollar',
  });
  const found = await api.get(`/api/v1/dashboard/margin?period=${period}&limit=200`, table);
  const { closes, faults } = await api.get(`/api/v1/dashboard/closure?period=${period}`, closure);
  const shown: ShownMargin = {
    period,
    currency: found.currency,
    tenants: found.tenants.items.map((row) => ({ tenant_id: row.tenant_id, ...toRow(row) })),
    buckets: Object.fromEntries(found.buckets.map(({ bucket, cogs }) => [bucket, cogs.cents])),
    overall: toRow(found.overall),
    closes,
  };
  const own = shown.tenants.find(({ tenant_id }) => tenant_id === pilot);
  const isGolden =
    own?.margin_cents === golden.pilot &&
    own.margin_percent === golden.pilotPercent &&
    shown.overall.margin_cents === golden.overall;
  if ((isWhole && !isGolden) || !closes) {
    throw new ArcadiaError(
      'margin_differs',
      `expected a margin of ${golden.pilot} cents for ${pilot} and ${golden.overall} overall, and books that close; found ${JSON.stringify({ ...shown, faults })}`,
    );
  }
  return shown;
}

/** The table in a few lines. */
export function describeMargin({ currency, tenants, buckets, overall }: ShownMargin): string {
  const money = (cents: number) => (cents / 100).toFixed(2).padStart(10);
  const line = (name: string, row: Omit<ShownMarginRow, 'tenant_id'>) =>
    `${name.padEnd(20)}${money(row.revenue_cents)}${money(row.cogs_cents)}${money(row.margin_cents)}${(row.margin_percent === null ? '–' : `${row.margin_percent} %`).padStart(10)}`;
  return [
    `${currency.padEnd(20)}${'revenue'.padStart(10)}${'COGS'.padStart(10)}${'margin'.padStart(10)}`,
    ...tenants.map((row) => line(row.tenant_id, row)),
    ...Object.entries(buckets).map(
      ([bucket, cents]) => `${bucket.padEnd(20)}${money(0)}${money(cents)}${money(-cents)}`,
    ),
    line('overall', overall),
  ].join('\n');
}
