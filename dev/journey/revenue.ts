import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ArcadiaError } from '../../src/domain/errors.ts';
import { type Period, shiftPeriod } from '../../src/domain/period.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { Api } from './api.ts';

/** One tenant invoice as the journey shows it; amounts in cents of its currency. */
export interface ShownInvoice {
  readonly number: string | null;
  readonly tenant_id: string;
  readonly period: Period;
  readonly status: string;
  readonly currency: string;
  readonly lines: readonly {
    readonly type: string;
    readonly description: string;
    readonly amount_cents: number;
  }[];
  readonly subtotal_cents: number;
  readonly tax_cents: number;
  readonly total_cents: number;
  /** Where the API shows it. */
  readonly link: string;
}

/** A month of the ledger with the totals of its invoices, by tenant. */
export interface ShownMonth {
  readonly period: Period;
  readonly totals: Readonly<Record<string, number>>;
}

const pilot = z.object({
  tenant_id: z.string(),
  slug: z.string(),
  plan: z.string(),
  addons: z.array(z.string()),
  starts_on: z.string(),
  droplets: z.array(z.string()),
});
type Pilot = z.infer<typeof pilot>;
const goldenAccount = z.object({ pilot_deployment: pilot, studio_deployment: pilot });
const resource = z.object({ id: z.string(), name: z.string() });
const deployment = z.object({ id: z.string(), tenant_id: z.string(), slug: z.string() });
const details = z.object({ subscription: z.object({ id: z.string() }).nullable() });
const listedInvoice = z.object({ id: z.string(), tenant_id: z.string(), total_cents: z.int() });
const wholeInvoice = z.object({
  number: z.string().nullable(),
  tenant_id: z.string(),
  period: z.string(),
  status: z.string(),
  currency: z.string(),
  lines: z.array(z.object({ type: z.string(), description: z.string(), amount_cents: z.int() })),
  subtotal_cents: z.int(),
  tax_cents: z.int(),
  total_cents: z.int(),
  links: z.object({ self: z.string() }),
});
const startedRollup = z.object({ workflow_id: z.string() });

/** Of the golden account: April and May have the pilot alone, and June is the first month of both. */
const golden: Readonly<Record<Period, Readonly<Record<string, number>>>> = {
  '2026-04-01': { 'dashboard-pilot': 7823 },
  '2026-05-01': { 'dashboard-pilot': 7955 },
  '2026-06-01': { 'dashboard-pilot': 7823, 'studio-pilot': 7064 },
};
const firstPeriod: Period = '2026-04-01';
const goldenPeriod: Period = '2026-06-01';

/** Subscribes the two pilots of the golden account, each with its droplets from its first day on; what is there already stays. */
export async function subscribePilots(api: Api): Promise<string> {
  const file = new URL('../golden/digitalocean/inventory.json', import.meta.url);
  const account = goldenAccount.parse(JSON.parse(await readFile(file, 'utf8')));
  const pilots = [account.pilot_deployment, account.studio_deployment];
  const droplets = await api.list('/api/v1/inventory?kind=droplet', resource);
  for (const wanted of pilots) await subscribe(api, wanted, droplets);
  return pilots
    .map(
      ({ tenant_id, plan, addons, droplets: { length }, starts_on }) =>
        `${tenant_id}: ${[plan, ...addons].join(' + ')}, ${length} droplets, from ${starts_on}`,
    )
    .join('; ');
}

async function subscribe(
  api: Api,
  wanted: Pilot,
  droplets: readonly z.infer<typeof resource>[],
): Promise<void> {
  const { tenant_id, slug, plan, addons, starts_on } = wanted;
  const [known] = await api.list(`/api/v1/deployments?tenant=${tenant_id}&slug=${slug}`, deployment);
  const { id } = known ?? (await api.create('/api/v1/deployments', { tenant_id, slug }, deployment));
  const path = `/api/v1/deployments/${id}`;
  const { subscription } = await api.get(path, details);
  if (subscription !== null) return;
  const from = `${starts_on}T00:00:00Z`;
  for (const name of wanted.droplets) {
    const droplet = droplets.find((candidate) => candidate.name === name);
    if (droplet === undefined) {
      throw new ArcadiaError('droplet_missing', `the golden account has no droplet "${name}"`);
    }
    await api.post(`${path}/resources`, { resource_id: droplet.id, from, reason: 'the pilot runs on it' });
  }
  await api.post(`${path}/subscribe`, { plan_code: plan, addons, starts_on, reason: 'the pilot begins' });
}

/** Meters every day since the first subscription from the resources' own history. */
export async function meter(api: Api): Promise<string> {
  const since = new Date(Date.now() - 1000);
  const until = new Date().toISOString().slice(0, 10);
  const request = () => api.post('/api/v1/usage/meter', { from: firstPeriod, until });
  await request().catch(async (error: unknown) => {
    if (!(error instanceof ArcadiaError && error.context['status'] === 409)) throw error;
    // The hourly one runs at this moment.
    await api.untilDone(workflowIds.meterUsage(), new Date(0));
    await request();
  });
  await api.untilDone(workflowIds.meterUsage(), since);
  const usage = await api.get(
    `/api/v1/usage?period=${firstPeriod}`,
    z.object({
      items: z.array(
        z.object({
          slug: z.string(),
          kinds: z.array(z.object({ resource_kind: z.string(), qty: z.string() })),
        }),
      ),
    }),
  );
  const hours = usage.items.flatMap(({ slug, kinds }) =>
    kinds
      .filter(({ resource_kind, qty }) => resource_kind === 'droplet_hours' && Number(qty) > 0)
      .map(({ qty }) => `${slug} ${qty}`),
  );
  return `droplet hours of April: ${hours.join(', ')}`;
}

/** The months from April 2026 to the last that has ended. */
function endedPeriods(now: Date): Period[] {
  const running = `${now.toISOString().slice(0, 7)}-01`;
  const periods: Period[] = [];
  for (let period = firstPeriod; period < running; period = shiftPeriod(period, 1)) periods.push(period);
  return periods;
}

/**
 * Rolls up every month that has ended and issues its invoices, so that the ledger has no hole.
 * @throws ArcadiaError `invoices_differ` where a golden month has other invoices
 */
export async function rollUpMonths(api: Api, say: (progress: string) => void): Promise<ShownMonth[]> {
  const months: ShownMonth[] = [];
  for (const period of endedPeriods(new Date())) {
    say(`Rolling up ${period.slice(0, 7)}`);
    const since = new Date(Date.now() - 1000);
    const { workflow_id } = await api.create('/api/v1/rollups', { period }, startedRollup);
    await api.untilDone(workflow_id, since);
    await api.untilDone(workflowIds.issuePeriod(period), since);
    const invoices = await api.list(`/api/v1/invoices?period=${period}`, listedInvoice);
    const totals = Object.fromEntries(
      invoices.map(({ tenant_id, total_cents }) => [tenant_id, total_cents] as const).toSorted(),
    );
    months.push({ period, totals });
  }
  const wrong = Object.entries(golden).filter(
    ([period, totals]) =>
      JSON.stringify(months.find((month) => month.period === period)?.totals) !== JSON.stringify(totals),
  );
  if (wrong.length === 0) return months;
  throw new ArcadiaError(
    'invoices_differ',
    `the months came to ${JSON.stringify(months)}; expected ${JSON.stringify(golden)}`,
  );
}

/** The invoice of June 2026 for Studio with storage and three droplets. */
export async function goldenInvoice(api: Api): Promise<ShownInvoice> {
  const [listed] = await api.list(
    `/api/v1/invoices?period=${goldenPeriod}&tenant=studio-pilot`,
    listedInvoice,
  );
  if (listed === undefined) throw new ArcadiaError('invoice_missing', 'studio-pilot has no invoice for June');
  const { links, ...invoice } = await api.get(`/api/v1/invoices/${listed.id}`, wholeInvoice);
  return { ...invoice, link: links.self };
}
