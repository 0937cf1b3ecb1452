import { randomUUID } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Day } from '../../src/domain/calendar.ts';
import type { MeterKind } from '../../src/domain/meters.ts';
import type { ResourceKind } from '../../src/domain/resourceKind.ts';
import { CloudDeployment } from '../../src/entities/cloudDeployment.ts';
import { CloudResourceMembership } from '../../src/entities/cloudResourceMembership.ts';
import type { ProviderResource } from '../../src/providers/provider.ts';
import { meterDays } from '../../src/services/meterDays.ts';
import { recordBandwidth } from '../../src/services/recordBandwidth.ts';
import { recordInventory } from '../../src/services/recordInventory.ts';
import { recordSpacesUsage } from '../../src/services/spacesUsage.ts';
import { resource } from './world.ts';

export const gb = 2n ** 30n;
export const dayBytes = gb * 86_400n;

/** What metering starts from, put there as syncs, measurements and moves do, in one database. */
export function meteringIn(database: { em(): EntityManager }, provider = 'digitalocean') {
  const em = () => database.em();
  const idOf = async (kind: ResourceKind, externalId: string): Promise<string> => {
    const [row] = await em().execute<{ id: string }[]>(
      `select id from cloud_resources where provider = ? and kind = ? and external_id = ?`,
      [provider, kind, externalId],
    );
    if (row === undefined) throw new Error(`there is no ${kind} ${externalId}`);
    return row.id;
  };
  return {
    idOf,

    async deployment(tenantId = 'tenant-a', createdAt = '2026-01-01T00:00:00Z'): Promise<string> {
      const id = randomUUID();
      await em().insert(CloudDeployment, {
        id,
        tenantId,
        slug: id,
        displayName: 'Deployment',
        state: 'active',
        llmMode: 'gateway',
        billingActionSuspended: false,
        createdAt: new Date(createdAt),
        updatedAt: new Date(createdAt),
      });
      return id;
    },

    /** A whole listing of one kind; resources by their provider's id. */
    async list(
      kind: ResourceKind,
      at: string,
      resources: Readonly<Record<string, Partial<ProviderResource>>>,
    ): Promise<void> {
      await recordInventory(em(), {
        provider,
        kind,
        listedAt: new Date(at),
        resources: Object.entries(resources).map(([externalId, named]) =>
          resource({ kind, externalId, name: `${kind}-${externalId}`, ...named }),
        ),
      });
    },

    async attach(
      kind: ResourceKind,
      externalId: string,
      deploymentId: string,
      from: string,
      until: string | null = null,
    ): Promise<void> {
      await em().insert(CloudResourceMembership, {
        resource: await idOf(kind, externalId),
        deploymentId,
        startsAt: new Date(from),
        endsAt: until === null ? null : new Date(until),
      });
    },

    /** Hours of traffic of a droplet from one on, each with its bytes. */
    async traffic(externalId: string, from: string, bytes: readonly bigint[], readAt = from): Promise<void> {
      const resourceId = await idOf('droplet', externalId);
      await recordBandwidth(
        em(),
        bytes.map((amount, index) => ({
          resourceId,
          hourStart: new Date(Date.parse(from) + index * 3_600_000),
          bytes: amount,
          coveredSeconds: 3600,
        })),
        new Date(readAt),
      );
    },

    async measure(externalId: string, at: string, bytes: bigint, day = at.slice(0, 10)): Promise<void> {
      const resourceId = await idOf('spaces_bucket', externalId);
      await recordSpacesUsage(em(), { resourceId, day, measuredAt: new Date(at), bytes, objects: 1 });
    },

    meter: (from: Day, until: Day, now: string) => meterDays(em(), { from, until, now: new Date(now) }),

    /** Usage of deployments by day: `2026-04-01: 86400`, summed over their resources. */
    async days(kind: MeterKind, ...deploymentIds: string[]): Promise<Record<string, string>[]> {
      const rows = await em().execute<{ deployment_id: string; day: string; quantity: string }[]>(
        `select deployment_id, day::text, sum(quantity)::text as quantity from metered_usage where resource_kind = ?
         group by deployment_id, day order by day`,
        [kind],
      );
      return deploymentIds.map((id) =>
        Object.fromEntries(
          rows.filter((row) => row.deployment_id === id).map(({ day, quantity }) => [day, quantity]),
        ),
      );
    },

    /** How far a kind is metered, by day: state, and the code of why it is unknown. */
    async states(kind: MeterKind): Promise<Record<string, string>> {
      const rows = await em().execute<{ day: string; state: string; reason: string | null }[]>(
        `select day::text, state, split_part(reason, ':', 1) as reason from metered_days where resource_kind = ? order by day`,
        [kind],
      );
      return Object.fromEntries(
        rows.map(({ day, state, reason }) => [day, [state, reason].filter((part) => part).join(' ')]),
      );
    },
  };
}
export type Metering = ReturnType<typeof meteringIn>;
