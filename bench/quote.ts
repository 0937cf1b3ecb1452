import { parseArgs } from 'node:util';
import { z } from 'zod';
import { Decimal } from '../src/domain/money.ts';
import { type InvoiceInputs, priceInvoice } from '../src/domain/tenantInvoice.ts';

/**
 * How many invoices a second the pure function prices: one deployment, six lines (plan, two addons, three overages) and tax, on one
 * thread, beside a fixed loop of decimal.js that says how fast the machine is at this moment.
 *
 *   npm run bench:quote -- [--invoices 100000] [--runs 5]
 *
 * Prints one JSON line; every figure is the median of the runs.
 */
const { values: given } = parseArgs({
  options: {
    invoices: { type: 'string', default: '100000' },
    runs: { type: 'string', default: '5' },
  },
});
const options = z
  .object({ invoices: z.coerce.number().int().positive(), runs: z.coerce.number().int().positive() })
  .parse(given);

/** As many as no two neighbours are alike; each is read from JSON, as stored inputs are. */
const inputs = Array.from({ length: 1000 }, (_, index) => invoiceInputs(index));

priceAll(Math.min(options.invoices, 20_000));
decimalLoop(100_000);
const runs = Array.from({ length: options.runs }, () => ({
  seconds: timed(() => priceAll(options.invoices)),
  decimalSeconds: timed(() => decimalLoop(options.invoices)),
}));
const seconds = median(runs.map((run) => run.seconds));
const decimalSeconds = median(runs.map((run) => run.decimalSeconds));
const first = priceInvoice(invoiceInputs(0));

console.log(
  JSON.stringify({
    bench: 'quote',
    n: options.invoices,
    seconds: rounded(seconds),
    per_second: Math.round(options.invoices / seconds),
    peak_rss_mb: Math.round(process.resourceUsage().maxRSS / 1024),
    ratio: rounded(decimalSeconds / seconds),
    ratio_of: 'rounds of a decimal.js loop: read two numbers, multiply, divide, round, write',
    decimal_per_second: Math.round(options.invoices / decimalSeconds),
    runs: runs.map((run) => Math.round(options.invoices / run.seconds)),
    lines: first.lines.map((line) => line.type),
    total_cents: first.totalCents,
    node: process.version,
  }),
);

/** The sum of the totals, so that no work can be left out. */
function priceAll(invoices: number): number {
  let cents = 0;
  for (let index = 0; index < invoices; index += 1) {
    const input = inputs[index % inputs.length];
    if (input !== undefined) cents += priceInvoice(input).totalCents;
  }
  return cents;
}

function decimalLoop(rounds: number): number {
  let characters = 0;
  for (let index = 0; index < rounds; index += 1) {
    const product = new Decimal('672.123456').times(new Decimal('0.0125')).dividedBy(31);
    characters += product.toDecimalPlaces(6).toFixed().length;
  }
  return characters;
}

function timed(work: () => number): number {
  const began = performance.now();
  if (work() === 0) throw new Error('nothing was done');
  return (performance.now() - began) / 1000;
}

function median(values: readonly number[]): number {
  const middle = values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)];
  if (middle === undefined) throw new Error('nothing was measured');
  return middle;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function invoiceInputs(index: number): InvoiceInputs {
  const item = (
    resourceKind: string,
    includedQty: string,
    overageUnit: string,
    overagePriceCents: string,
  ) => ({
    resourceKind,
    includedQty,
    overageUnit,
    overagePriceCents,
    hardCapQty: null,
  });
  const used = (resourceKind: string, qty: string) => ({
    resourceKind,
    slices: [{ qty, days: 30, price: null }],
  });
  return JSON.parse(
    JSON.stringify({
      schema: 1,
      tenantId: `tenant-${index}`,
      period: '2026-04-01',
      currency: 'AUD',
      tax: { name: 'GST', country: 'AU', rate: '0.10' },
      deployments: [
        {
          deploymentId: `deployment-${index}`,
          slug: 'bench',
          versions: [
            {
              from: '2026-04-01',
              until: '2026-05-01',
              quote: {
                plan: {
                  planCode: 'studio',
                  version: 1,
                  currency: 'AUD',
                  basePriceCents: 5000,
                  items: [
                    item('droplet_hours', '1488', 'hour', '1'),
                    item('spaces_gb_month', '100', 'gb_month', '2'),
                    item('snapshot_gb_month', '50', 'gb_month', '6'),
                    item('bandwidth_gb', '1000', 'gb', '1'),
                    item('dns_zones', '5', 'zone', '50'),
                    item('llm_tokens', '1000000', '1k_tokens', '1'),
                  ],
                },
                addons: [
                  {
                    code: 'storage_50gb',
                    resourceKind: 'spaces_gb_month',
                    qty: '50',
                    priceCents: 750,
                    days: 30,
                  },
                  { code: 'llm_1m', resourceKind: 'llm_tokens', qty: '1000000', priceCents: 900, days: 30 },
                ],
                usage: [
                  used('droplet_hours', `${2160 + index}.123456`),
                  used('spaces_gb_month', `${200 + index}.654321`),
                  used('llm_tokens', `${2_500_000 + index}`),
                ],
                days: { month: 30, subscribed: 30, recurring: 30, usage: 30 },
              },
            },
          ],
        },
      ],
      llm: [],
      late: [],
      adjustments: [],
      billedElsewhere: [],
    }),
  );
}
