import { randomUUID } from 'node:crypto';
import { parseDecimal, sum } from '../../src/domain/money.ts';
import { addInvoiceLine } from '../../src/services/adjustInvoice.ts';
import { holdInvoice } from '../../src/services/holdInvoice.ts';
import { issueInvoices } from '../../src/services/issueInvoices.ts';
import { setExchangeRates } from '../../src/services/margin/exchangeRates.ts';
import { freezeWorklist } from '../../src/services/rollup/freezeWorklist.ts';
import { recordRolledUp, summariseWorklist } from '../../src/services/rollup/periodLedger.ts';
import { rollUpTenants } from '../../src/services/rollup/rollUpTenants.ts';
import { storeCostEstimate } from '../../src/services/storeCostEstimate.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { admin } from '../services/invoiceWorld.ts';
import { billingWorld, goldenTenant } from '../services/rollup/billingWorld.ts';
import { credit } from '../services/settledInvoices.ts';
import { discover, ingest, resource, sync, type World } from '../services/world.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, startApi, testIssuer, tokenFor } from './apiUnderTest.ts';

export const april = '2026-04-01';
export const may = '2026-05-01';
const now = '2026-05-16T00:00:00.000Z';
/** As the golden account has it; its costs are in US dollars at par. */
export const pilot = 'dashboard-pilot';
/** Billed in euros; loses a droplet to the other one in the middle of April. */
export const north = 'north';
/** Has a manual line and a credit note on its April invoice. */
export const south = 'south';
/** Australian dollars for one of each. */
export const rates = { AUD: '1', USD: '1', EUR: '1.6543' } as const;

type Deployments = Readonly<Record<typeof pilot | typeof north | typeof south, string>>;

export interface OneNumberWorld {
  readonly database: TestDatabase;
  readonly api: ApiUnderTest;
  /** By tenant. */
  readonly deployments: Deployments;
}

/** Two providers and three tenants, with April invoiced on both sides and May running. */
export async function openOneNumberWorld(): Promise<OneNumberWorld> {
  const database = await createTestDatabase();
  const api = await startApi({
    databaseUrl: database.appUrl,
    clock: () => new Date(now),
    environment: testIssuer,
  });
  const world: World = {
    pool: await api.orm.em.getConnection().getNativeClient(),
    em: () => forSession(api.orm, systemSession),
    close: () => Promise.resolve(),
  };
  await setExchangeRates(
    world.em(),
    (['USD', 'EUR'] as const).map((currency) => ({
      fromCurrency: currency,
      toCurrency: 'AUD',
      rate: rates[currency],
      effectiveFrom: '2026-01-01',
    })),
    { actor: admin, now: new Date(now), source: 'operator' },
  );
  const deployments = await sell(world);
  await spend(world, deployments);
  await rollUp(world);
  await settle(world);
  await move(world, api, deployments[south]);
  return { database, api, deployments };
}

/** Gives one of the droplets to another deployment, from a moment in April on. */
async function move(world: World, api: ApiUnderTest, deploymentId: string): Promise<void> {
  const [droplet] = await world
    .em()
    .execute<{ id: string }[]>(
      `select id from cloud_resources where provider = 'eu-cloud' and external_id = '7'`,
    );
  const { status } = await api.call(`/api/v1/deployments/${deploymentId}/resources`, {
    method: 'POST',
    token: tokenFor('platform_admin'),
    body: { resource_id: droplet?.id, from: '2026-04-11T06:00:00Z' },
  });
  if (status !== 201) throw new Error(`the move of a droplet answers ${status}`);
}

async function sell(world: World): Promise<Deployments> {
  const billing = billingWorld((sql, parameters) => world.em().execute(sql, parameters));
  await billing.seedCatalog();
  await billing.planLike('studio', { code: 'studio-eur', currency: 'EUR', basePriceCents: 3001 });
  await billing.profile(north, { country: 'DE', currency: 'EUR' });
  const deployments = {
    [pilot]: await goldenTenant(billing, { tenantId: pilot, droplets: 5, addons: [], period: april }),
    [north]: await billing.deployment({ tenantId: north, plan: 'studio-eur', startsOn: april }),
    [south]: await billing.deployment({
      tenantId: south,
      plan: 'starter',
      startsOn: april,
      addons: [{ code: 'storage_50gb' }],
    }),
  };
  await billing.charge(deployments[pilot], '1.239', '2026-05-10T00:00:00Z');
  await billing.closeMonth(april);
  return deployments;
}

const own = (world: World, provider: string, externalIds: readonly string[], deploymentId: string) =>
  world.em().execute(
    `insert into cloud_resource_memberships (resource_id, deployment_id, starts_at)
     select resource.id, ?, '2026-04-01' from jsonb_array_elements_text(?::jsonb) named (external_id)
     join cloud_resources resource on resource.provider = ? and resource.external_id = named.external_id`,
    [deploymentId, JSON.stringify(externalIds), provider],
  );

/** Of the pilot's five droplets, the last of which has backups. */
const pilotCharges = ['6.00', '6.00', '6.00', '6.00', '6.53'];

/** What providers charge for April, and one of them estimates of May. */
async function spend(world: World, deployments: Deployments): Promise<void> {
  const at = '2026-04-01T00:00:00Z';
  const pilotIds = pilotCharges.map((_, index) => String(index + 1));
  const droplet = (externalId: string) => resource({ externalId, name: `droplet-${externalId}` });
  await sync(world, { provider: 'digitalocean', at, resources: pilotIds.map(droplet) });
  await sync(world, { provider: 'eu-cloud', at, resources: ['7', '8'].map(droplet) });
  await own(world, 'digitalocean', pilotIds, deployments[pilot]);
  await own(world, 'eu-cloud', ['7', '8'], deployments[north]);
  const nobody = { name: null, kind: null } as const;
  await ingest(world, {
    provider: 'digitalocean',
    invoiceUuid: randomUUID(),
    period: april,
    charges: [
      ...pilotCharges.map((amount, index) => ({
        name: `droplet-${index + 1}`,
        id: String(index + 1),
        amount,
      })),
      { name: 'unknown', amount: '50.00' },
      { ...nobody, lineClass: 'tax' as const, amount: '6.39' },
    ],
  });
  await ingest(world, {
    provider: 'eu-cloud',
    invoiceUuid: randomUUID(),
    period: april,
    currency: 'EUR',
    charges: [
      { name: 'droplet-7', id: '7', amount: '11.111' },
      { name: 'droplet-8', id: '8', amount: '4.07' },
      { ...nobody, lineClass: 'shared' as const, amount: '2.5' },
      { ...nobody, lineClass: 'credit' as const, amount: '-1.25' },
    ],
  });
  const held = { provider: 'eu-cloud', invoiceUuid: randomUUID(), period: april, currency: 'EUR' };
  await ingest(world, { ...held, charges: [{ name: 'droplet-8', id: '8', amount: '7.77' }] });
  await discover(world, { ...held, charges: [], amount: '7.80' });
  const error = { code: 'lines_disagree', message: 'test', context: {} };
  await holdInvoice(world.em(), { ...held, error, difference: '0.03', heldVersion: 1 });
  await storeCostEstimate(world.em(), {
    provider: 'digitalocean',
    estimate: {
      period: may,
      amount: sum(pilotCharges.map(parseDecimal)).plus('0.47'),
      currency: 'USD',
      estimatedAt: new Date('2026-05-15T00:00:00Z'),
    },
    async *lines() {
      yield pilotCharges.map((amount, index) => ({
        position: index + 1,
        product: 'Droplets',
        groupDescription: '',
        description: `droplet-${index + 1}`,
        amount: parseDecimal(amount),
        chargeStart: null,
        chargeEnd: null,
        resourceId: String(index + 1),
        resourceUuid: null,
        lineClass: 'resource' as const,
        kind: 'droplet' as const,
      }));
    },
    now: new Date('2026-05-15T00:00:00Z'),
    onProgress: () => undefined,
  });
}

async function rollUp(world: World): Promise<void> {
  const at = new Date('2026-05-01T03:00:00Z');
  const input = { period: april, workflowId: 'roll-up', runId: 'run', force: false, graceHours: 72, now: at };
  const until = await freezeWorklist(world.em(), input);
  await rollUpTenants(world.em(), { period: april, part: { from: 0, until }, force: false, now: at });
  await summariseWorklist(world.em(), april);
  await recordRolledUp(world.em(), april, at);
}

/** A manual line, the issue of all invoices, and a credit note. */
async function settle(world: World): Promise<void> {
  const invoices = await world
    .em()
    .execute<{ id: string; tenant_id: string }[]>('select id, tenant_id from tenant_invoices');
  const ofSouth = invoices.find(({ tenant_id }) => tenant_id === south)?.id ?? '';
  const at = new Date('2026-05-04T03:00:00Z');
  await addInvoiceLine(world.em(), {
    invoiceId: ofSouth,
    deploymentId: null,
    description: 'Migration',
    amountCents: 512,
    reason: 'agreed',
    actor: admin,
    now: at,
  });
  await issueInvoices(world.em(), { invoiceIds: invoices.map(({ id }) => id), now: at, actor: admin });
  await credit(world.em(), ofSouth, 321, '2026-05-05T00:00:00Z');
}
