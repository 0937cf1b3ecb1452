import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { syncSpeeds } from '../../src/domain/resourceKind.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { Api } from './api.ts';
import { adoptInventory, findDrift, openDrift, revertDrift, type ShownDrift } from './drift.ts';
import { type FocusSum, ingestFocusSample } from './focusSample.ts';
import { goldenMargin, type ShownMargin } from './margin.ts';
import {
  goldenInvoice,
  meter,
  rollUpMonths,
  type ShownInvoice,
  type ShownMonth,
  subscribePilots,
} from './revenue.ts';

/** What the journey found; money as decimal strings. */
export interface JourneyFindings {
  invoices: number;
  ingested: number;
  held: number;
  /** The oldest invoice's period. */
  oldest: string | null;
  balance: { month_to_date_balance: string; currency: string; generated_at: string } | null;
  resources: number;
  april: { lines: number; total: string; matched: number };
  /** What the FOCUS sample charges, by provider and period. */
  focus: FocusSum[];
  /** Every month that was rolled up, with the total of each tenant's invoice in cents. */
  months: ShownMonth[];
  /** The invoice of June 2026 for Studio with storage and three droplets. */
  golden_invoice: ShownInvoice | null;
  /** A droplet that was resized behind the service's back. */
  drift: ShownDrift | null;
  /** Revenue less COGS of April 2026. */
  margin: ShownMargin | null;
}

export interface JourneyStep {
  readonly title: string;
  /** Does the step; `say` shows how far it is. @returns what it found, in a sentence */
  readonly run: (say: (progress: string) => void) => Promise<string>;
}

const april = '2026-04-01';
const invoice = z.object({ provider: z.string(), period: z.string(), ingest_status: z.string() });
const balances = z.object({
  latest: z
    .object({ month_to_date_balance: z.string(), currency: z.string(), generated_at: z.string() })
    .nullable(),
});
const costLines = z.object({
  count: z.int(),
  totals: z.array(z.object({ currency: z.string(), total: z.string() })),
  by_outcome: z.array(z.object({ outcome: z.string(), count: z.int() })),
});

/** The journey of an operator's first day, all of it through the API: what runs, what it costs, and which resource each cent is for. */
export function journeySteps(api: Api, findings: JourneyFindings): JourneyStep[] {
  return [
    {
      title: 'Inventory: list everything that runs',
      async run() {
        const since = new Date(Date.now() - 1000);
        for (const speed of syncSpeeds) await api.post(`/api/v1/schedules/inventory-${speed}/trigger`);
        await Promise.all(syncSpeeds.map((speed) => api.untilDone(workflowIds.syncInventory(speed), since)));
        const resources = await api.list('/api/v1/inventory', z.object({ kind: z.string() }));
        findings.resources = resources.length;
        const kinds = new Set(resources.map((resource) => resource.kind));
        return `${resources.length} resources of ${kinds.size} kinds`;
      },
    },
    {
      title: 'Balance: what the account owes',
      async run() {
        const since = new Date(Date.now() - 1000);
        await api.post('/api/v1/schedules/balance/trigger');
        await api.untilDone(workflowIds.snapshotBalance(), since);
        const { latest } = await api.get('/api/v1/billing/balance', balances);
        findings.balance = latest;
        return latest === null
          ? 'none yet'
          : `${latest.month_to_date_balance} ${latest.currency} as of ${latest.generated_at}`;
      },
    },
    {
      title: 'Invoices: discover each one ever issued, ingest it line by line, prove that it adds up',
      async run(say) {
        const since = new Date(Date.now() - 1000);
        await api.post('/api/v1/billing/discover');
        const done = api.untilDone(workflowIds.discoverInvoices(), since);
        const ended = new AbortController();
        const progress = showProgress(api, say, ended.signal);
        try {
          await done;
        } finally {
          ended.abort();
          await progress;
        }
        const invoices = await ownInvoices(api);
        findings.invoices = invoices.length;
        findings.ingested = count(invoices, 'ingested');
        findings.held = count(invoices, 'held');
        findings.oldest = invoices.map((entry) => entry.period).toSorted()[0] ?? null;
        return `${findings.invoices} invoices back to ${findings.oldest}: ${findings.ingested} ingested, ${findings.held} held`;
      },
    },
    {
      title: 'April 2026: which resource each line belongs to',
      async run() {
        const found = await api.get(`/api/v1/billing/cost-lines?period=${april}&limit=1`, costLines);
        findings.april = {
          lines: found.count,
          total: found.totals[0]?.total ?? '0.00',
          matched: found.by_outcome
            .filter((entry) => entry.outcome.startsWith('matched_'))
            .reduce((sum, entry) => sum + entry.count, 0),
        };
        const outcomes = found.by_outcome.map((entry) => `${entry.count} ${entry.outcome}`).join(', ');
        return `${found.count} lines, ${findings.april.total} ${found.totals[0]?.currency ?? ''}: ${outcomes}`;
      },
    },
    {
      title: 'Any cloud: the FOCUS sample, real charges of three clouds, proved to the last decimal',
      async run() {
        findings.focus = await ingestFocusSample(api);
        return findings.focus
          .map(
            ({ provider, period, total, currency }) =>
              `${provider} ${period.slice(0, 7)} ${total} ${currency}`,
          )
          .join(', ');
      },
    },
  ];
}

/** The journey goes on: what the account's two pilots buy and use, and their invoices, proved to the cent. */
export function revenueSteps(
  api: Api,
  findings: JourneyFindings,
  seedCatalog: () => Promise<string>,
): JourneyStep[] {
  return [
    { title: 'Catalog: what can be bought; seeding it again changes nothing', run: seedCatalog },
    {
      title: 'Deployments: two tenants subscribe, and get their droplets from the first day on',
      run: () => subscribePilots(api),
    },
    {
      title: "Metering: each day since April from the resources' own history; a missed day is metered later",
      run: () => meter(api),
    },
    {
      title:
        'Rollup: every month since April is priced, checked against its stored inputs, and issued; no hole, no double',
      async run(say) {
        findings.months = await rollUpMonths(api, say);
        return findings.months
          .map(
            ({ period, totals }) =>
              `${period.slice(0, 7)} ${Object.values(totals).map(toDollars).join(' + ')}`,
          )
          .join(', ');
      },
    },
    {
      title: 'The invoice of June: the quoted price to the cent',
      async run() {
        findings.golden_invoice = await goldenInvoice(api);
        const { number, tenant_id, total_cents, currency } = findings.golden_invoice;
        return `${number} to ${tenant_id}, ${toDollars(total_cents)} ${currency}; its lines are below`;
      },
    },
  ];
}

/** The journey ends where cost meets what was asked for and what was earned. */
export function driftAndMarginSteps(
  api: Api,
  findings: JourneyFindings,
  simulatorUrl: string,
): JourneyStep[] {
  return [
    {
      title: 'Drift: what runs today is recorded as what was asked for',
      run: () => adoptInventory(api),
    },
    {
      title:
        "Drift: a droplet is resized behind the service's back; the sweep finds exactly that, and prices it",
      async run() {
        const { drift, found } = await findDrift(api, simulatorUrl);
        findings.drift = { found, price_monthly: drift.price_monthly, reverted: false };
        return `${found} found: ${drift.field} is ${drift.actual}, not ${drift.desired}; ${drift.price_monthly} ${drift.currency} more a month`;
      },
    },
    {
      title: 'Revert: planned, approved, changed back step by step, read back; the next sweep finds nothing',
      async run() {
        if (findings.drift === null) throw new RangeError('no drift was found before');
        const [drift] = await api.list('/api/v1/drift', openDrift);
        if (drift === undefined) throw new RangeError('the drift is no longer open');
        const steps = await revertDrift(api, drift);
        findings.drift = { ...findings.drift, reverted: true };
        return steps;
      },
    },
    {
      title:
        'Margin: revenue less COGS of April, to the cent; every cent of the provider is somebody’s or in a bucket',
      async run() {
        findings.margin = await goldenMargin(api, findings.ingested === findings.invoices);
        const { tenants, overall, currency } = findings.margin;
        return [...tenants, { tenant_id: 'overall', ...overall }]
          .map(
            ({ tenant_id, margin_cents, margin_percent }) =>
              `${tenant_id} ${toDollars(margin_cents)}${margin_percent === null ? '' : ` (${margin_percent}%)`}`,
          )
          .join(', ')
          .concat(` ${currency}`);
      },
    },
  ];
}

/** An invoice in a few lines. */
export function describeInvoice(invoice: ShownInvoice): string {
  const lines = invoice.lines.map(
    ({ description, amount_cents }) => `  ${description}: ${toDollars(amount_cents)}`,
  );
  const { number, tenant_id, period, currency, total_cents } = invoice;
  return [
    `${number ?? 'draft'} to ${tenant_id} for ${period.slice(0, 7)}: ${toDollars(total_cents)} ${currency}`,
    ...lines,
  ].join('\n');
}

const toDollars = (cents: number) => `${cents < 0 ? '-' : ''}$${(Math.abs(cents) / 100).toFixed(2)}`;

async function showProgress(api: Api, say: (progress: string) => void, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    await delay(1000, undefined, { signal: ended }).catch(() => undefined);
    const invoices = await ownInvoices(api);
    if (invoices.length > 0) say(`${count(invoices, 'ingested')} of ${invoices.length} ingested`);
  }
}

/** The invoices of the account itself; those of FOCUS files stand beside them. */
async function ownInvoices(api: Api): Promise<z.output<typeof invoice>[]> {
  const invoices = await api.list('/api/v1/billing/invoices', invoice);
  return invoices.filter((entry) => entry.provider === 'digitalocean');
}

function count(invoices: readonly { ingest_status: string }[], status: string): number {
  return invoices.filter((entry) => entry.ingest_status === status).length;
}
