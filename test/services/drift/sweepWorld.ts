import type { Spec } from '../../../src/domain/drift/liveValues.ts';
import { Decimal } from '../../../src/domain/money.ts';
import type { ResourceKind } from '../../../src/domain/resourceKind.ts';
import type { Provider, ProviderResource, ProviderSize } from '../../../src/providers/provider.ts';
import { recordProvisioned } from '../../../src/services/drift/recordProvisioned.ts';
import { type SweptBatch, sweepBatch } from '../../../src/services/drift/sweepBatch.ts';
import type { ReasonedRequest } from '../../../src/services/recordChange.ts';
import { recordInventory } from '../../../src/services/recordInventory.ts';
import { admin } from '../invoiceWorld.ts';
import type { World } from '../world.ts';

export const now = new Date('2026-05-10T10:20:00Z');
export const listedAt = new Date('2026-05-10T10:15:00Z');
export const byAdmin: ReasonedRequest = { actor: admin, now, reason: 'a test' };

export function size(slug: string, priceMonthly: number): ProviderSize {
  return {
    slug,
    vcpus: 1,
    memoryMib: 1024,
    diskGib: 25,
    priceMonthly: new Decimal(priceMonthly),
    currency: 'USD',
    regions: ['syd1'],
    isAvailable: true,
  };
}

/** A price list that knows droplets alone. */
const listPrice: NonNullable<Provider['listPrice']> = ({ kind, sizeSlug }, sizes) =>
  kind === 'droplet' && sizeSlug !== null ? (sizes.get(sizeSlug)?.priceMonthly ?? null) : null;

export interface DriftRow {
  readonly id: string;
  readonly resource: string;
  readonly type: string;
  readonly field: string | null;
  readonly state: string;
  readonly desired: unknown;
  readonly actual: unknown;
  readonly [column: string]: unknown;
}

/** Inventory, specs and sweeps of providers, each of which a test has to itself. */
export function sweepsIn(world: World) {
  const em = () => world.em();
  const sweep = (
    provider: string,
    options: Partial<Parameters<typeof sweepBatch>[1]> = {},
  ): Promise<SweptBatch> =>
    sweepBatch(em(), {
      provider,
      kind: 'droplet',
      after: null,
      limit: 1000,
      maxAgeMinutes: 90,
      listPrice,
      now,
      workflowId: 'sweep-drift',
      ...options,
    });
  return {
    sweep,
    list: (
      provider: string,
      resources: readonly ProviderResource[],
      { at = listedAt, kind = 'droplet' }: { at?: Date; kind?: ResourceKind } = {},
    ) => recordInventory(em(), { provider, kind, listedAt: at, resources }),
    async idOf(provider: string, externalId: string): Promise<string> {
      const [row] = await em().execute<{ id: string }[]>(
        `select id from cloud_resources where provider = ? and external_id = ?`,
        [provider, externalId],
      );
      if (row === undefined) throw new Error(`${provider} has no ${externalId}`);
      return row.id;
    },
    async want(provider: string, externalId: string, spec: Spec) {
      return recordProvisioned(em(), { resourceId: await this.idOf(provider, externalId), spec }, byAdmin);
    },
    /** All drift of a provider in the order in which it was found; without ids that differ from run to run. */
    async drift(provider: string): Promise<DriftRow[]> {
      return em().execute<DriftRow[]>(
        `select drift.id, resource.external_id as resource, drift.type, drift.field, drift.state, drift.desired, drift.actual,
           drift.spec_version, drift.price_monthly::text as price, drift.price_source, drift.billed_cost::text as billed,
           drift.billed_period::text as billed_period, drift.unbilled, drift.currency, drift.detected_at::text as detected_at,
           drift.last_seen_at::text as last_seen_at, drift.resolved_by, drift.reason, drift.workflow_id, drift.ignore_rule_id
         from cloud_drift drift join cloud_resources resource on resource.id = drift.resource_id
         where drift.provider = ? order by drift.detected_at, resource.external_id, drift.field, drift.id`,
        [provider],
      );
    },
    async open(provider: string): Promise<string[]> {
      const rows = await this.drift(provider);
      return rows
        .filter(({ state }) => state === 'open')
        .map(({ resource, type, field }) => `${resource} ${field ?? type}`);
    },
    /** The events of what a sweep found, oldest first. */
    events: (provider: string) =>
      em().execute<{ resource: string; changes: unknown; is_attributed: boolean }[]>(
        `select resource.external_id as resource, event.changes, event.attributed_at = event.occurred_at as is_attributed
         from cloud_resource_events event join cloud_resources resource on resource.id = event.resource_id
         where resource.provider = ? and event.type = 'drift_detected' order by event.id`,
        [provider],
      ),
    async kind(provider: string, kind: ResourceKind = 'droplet') {
      const [row] = await em().execute<Record<string, unknown>[]>(
        `select state, problem_code as code, problem_message as message, inventory_at = ?::timestamptz as of_listing,
           swept_at is not null as was_swept, resources, open
         from cloud_drift_kinds where provider = ? and kind = ?`,
        [listedAt, provider, kind],
      );
      return row;
    },
  };
}
export type Sweeps = ReturnType<typeof sweepsIn>;
