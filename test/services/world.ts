import type { EntityManager } from '@mikro-orm/postgresql';
import type { Pool } from 'pg';
import { Decimal, parseDecimal, sum } from '../../src/domain/money.ts';
import { nextPeriod } from '../../src/domain/period.ts';
import type { ResourceKind } from '../../src/domain/resourceKind.ts';
import { startOrm } from '../../src/orm.ts';
import type {
  ProviderCostLine,
  ProviderInvoiceItem,
  ProviderResource,
} from '../../src/providers/provider.ts';
import { reattributeCostLines } from '../../src/services/matchCostLines.ts';
import { recordDiscovery } from '../../src/services/recordDiscovery.ts';
import { recordInventory } from '../../src/services/recordInventory.ts';
import { stageInvoiceItems, stageInvoiceLines } from '../../src/services/stageInvoice.ts';
import { type StoredInvoice, type StoreInvoice, storeInvoice } from '../../src/services/storeInvoice.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { createTestDatabase } from '../support/database.ts';

/** A database of its own with the services over it. */
export interface World {
  readonly pool: Pool;
  em(): EntityManager;
  close(): Promise<void>;
}

export async function openWorld(): Promise<World> {
  const database = await createTestDatabase();
  const orm = await startOrm({ url: database.appUrl, poolSize: 5 });
  return {
    pool: await orm.em.getConnection().getNativeClient(),
    em: () => forSession(orm, systemSession),
    async close() {
      await orm.close(true);
      await database.drop();
    },
  };
}

/** A resource with nothing remarkable but what a test names. */
export function resource(
  named: Pick<ProviderResource, 'externalId' | 'name'> & Partial<ProviderResource>,
): ProviderResource {
  return {
    kind: 'droplet',
    region: 'syd1',
    sizeSlug: 's-1vcpu-1gb',
    status: 'active',
    createdAt: null,
    tags: [],
    priceMonthly: null,
    currency: 'USD',
    attributes: {},
    ...named,
  };
}

/** What a test says of a line: what it charges for, when, and which ids the invoice's item names. */
export interface Charge {
  readonly name: string | null;
  readonly kind?: ResourceKind | null;
  readonly lineClass?: ProviderCostLine['lineClass'];
  readonly amount?: string;
  readonly from?: string;
  readonly to?: string;
  readonly id?: string;
  readonly uuid?: string;
}

export interface Bill {
  readonly provider: string;
  readonly invoiceUuid: string;
  readonly period: string;
  readonly charges: readonly Charge[];
  /** The sum of the charges unless given. */
  readonly amount?: string;
  /** US dollars unless given. */
  readonly currency?: string;
  readonly accepted?: StoreInvoice['accepted'];
}

/** What the billing history says that the invoice costs. */
function statedBy(bill: Bill): string {
  return bill.amount ?? sum(linesOf(bill).map((line) => line.billedCost)).toFixed();
}

/** Puts an invoice's header there, as a discovery does. */
export function discover(
  world: World,
  bill: Bill,
): Promise<{ invoices: number; newInvoices: number; restated: number }> {
  const amount = parseDecimal(statedBy(bill));
  const common = {
    invoiceUuid: bill.invoiceUuid,
    invoiceNumber: '1',
    amount,
    currency: bill.currency ?? 'USD',
  };
  return recordDiscovery(world.em(), {
    provider: bill.provider,
    discoveredAt: new Date('2026-05-02T00:00:00Z'),
    history: [
      { ...common, type: 'invoice', description: 'Invoice', occurredAt: new Date('2026-05-01T00:00:00Z') },
    ],
    periods: [{ ...common, period: bill.period }],
  });
}

/** Discovers, stages and stores an invoice, as an ingest whose sums agree does. */
export async function ingest(world: World, bill: Bill): Promise<StoredInvoice> {
  await discover(world, bill);
  return storeInvoice(world.em(), await staged(world, bill));
}

/** Stages an invoice; what is returned is ready to be stored. */
export async function staged(world: World, bill: Bill): Promise<StoreInvoice> {
  const stageId = `stage of ${bill.provider} ${bill.invoiceUuid}`;
  const silent = () => undefined;
  return {
    provider: bill.provider,
    invoiceUuid: bill.invoiceUuid,
    stageId,
    staged: await stageInvoiceLines(world.pool, stageId, batches(linesOf(bill)), silent),
    stagedItems: await stageInvoiceItems(world.pool, stageId, batches(itemsOf(bill)), silent),
    stated: statedBy(bill),
    now: new Date('2026-05-02T01:00:00Z'),
    accepted: bill.accepted ?? null,
  };
}

/** Takes a whole listing of one kind, and lets stored lines meet what it found, as a sync does. @returns how many lines moved */
export async function sync(
  world: World,
  listing: {
    readonly provider: string;
    readonly kind?: ResourceKind;
    readonly at: string;
    readonly resources: readonly ProviderResource[];
  },
): Promise<number> {
  const { provider, kind = 'droplet', resources } = listing;
  const listedAt = new Date(listing.at);
  await recordInventory(world.em(), { provider, kind, listedAt, resources });
  return reattributeCostLines(world.em(), { provider, now: listedAt, cause: 'sync' });
}

/** How a line of the version in force is attributed; resources by their provider's id. */
export interface Attribution {
  readonly line: number;
  readonly outcome: string;
  readonly reason: string;
  readonly resource: string | null;
  readonly candidates: readonly string[] | null;
}

/** The attribution of every line in force at a provider, by invoice and line. */
export async function attributions(world: World, provider: string): Promise<Attribution[]> {
  const rows = await world
    .em()
    .execute<(Omit<Attribution, 'candidates'> & { candidates: string[] | null })[]>(
      `select line.line_number as line, line.match_outcome as outcome, line.match_reason as reason,
       resource.external_id as resource,
       (select jsonb_agg(candidate.external_id order by candidate.external_id) from cloud_resources candidate
        where jsonb_exists(line.match_candidates, candidate.id::text)) as candidates
     from cloud_cost_lines line
     join cloud_invoice_versions version on version.id = line.version_id
     join cloud_invoices invoice on invoice.id = line.invoice_id and invoice.version = version.version
     left join cloud_resources resource on resource.id = line.resource_id
     where invoice.provider = ?
     order by invoice.invoice_uuid, line.line_number`,
      [provider],
    );
  return rows;
}

function linesOf({ charges, period, currency = 'USD' }: Bill): ProviderCostLine[] {
  return charges.map((charge, index) => ({
    lineNumber: index + 1,
    product: 'Droplets',
    groupDescription: '',
    description: `${charge.name ?? 'nothing'} (line)`,
    hours: null,
    chargeStart: new Date(charge.from ?? `${period}T00:00:00Z`),
    chargeEnd: new Date(charge.to ?? `${nextPeriod(period)}T00:00:00Z`),
    billedCost: new Decimal(charge.amount ?? '1.00'),
    currency,
    projectName: null,
    category: null,
    lineClass: charge.lineClass ?? 'resource',
    kind: charge.kind === undefined ? 'droplet' : charge.kind,
    resourceName: charge.name,
    extra: {},
  }));
}

function itemsOf(bill: Bill): ProviderInvoiceItem[] {
  return linesOf(bill).map((line, index) => ({
    position: line.lineNumber,
    product: line.product,
    groupDescription: line.groupDescription,
    description: line.description,
    amount: line.billedCost,
    chargeStart: line.chargeStart,
    chargeEnd: line.chargeEnd,
    resourceId: bill.charges[index]?.id ?? null,
    resourceUuid: bill.charges[index]?.uuid ?? null,
  }));
}

async function* batches<Entry>(entries: Entry[]): AsyncGenerator<Entry[]> {
  yield entries;
}
