import { z } from 'zod';
import type { ResourceKind } from '../../domain/resourceKind.ts';
import type { ProviderResource } from '../provider.ts';
import { type Answer, type DigitalOceanClient, readJson } from './client.ts';
import * as wire from './inventoryWire.ts';
import { streaming } from './listing.ts';
import * as mapping from './mapping.ts';
import { firewall, toFirewall, toVpc, vpc } from './networkKinds.ts';
import { unlessNotFound } from './notFound.ts';
import { numericId, segment } from './pathSegments.ts';

type Reader = (
  client: DigitalOceanClient,
  externalId: string,
  signal?: AbortSignal,
) => Promise<ProviderResource>;

/** The kinds with a call of their own for one resource. */
const readers: Partial<Record<ResourceKind, Reader>> = {
  droplet: one(
    z.object({ droplet: wire.droplet }),
    (found) => mapping.toDroplet(found.droplet),
    ({ json }, id, streamed) =>
      json.GET('/v2/droplets/{droplet_id}', {
        params: { path: { droplet_id: numericId('a droplet id', id) } },
        ...streamed,
      }),
  ),
  volume: one(
    z.object({ volume: wire.volume }),
    (found) => mapping.toVolume(found.volume),
    ({ json }, id, streamed) =>
      json.GET('/v2/volumes/{volume_id}', {
        params: { path: { volume_id: segment('id', 'a volume id', id) } },
        ...streamed,
      }),
  ),
  load_balancer: one(
    z.object({ load_balancer: wire.loadBalancer }),
    (found) => mapping.toLoadBalancer(found.load_balancer),
    ({ json }, id, streamed) =>
      json.GET('/v2/load_balancers/{lb_id}', {
        params: { path: { lb_id: segment('id', 'a load balancer id', id) } },
        ...streamed,
      }),
  ),
  reserved_ip: one(
    z.object({ reserved_ip: wire.reservedIp }),
    (found) => mapping.toReservedIp(found.reserved_ip),
    ({ json }, ip, streamed) =>
      json.GET('/v2/reserved_ips/{reserved_ip}', {
        params: { path: { reserved_ip: segment('address', 'a reserved IP', ip) } },
        ...streamed,
      }),
  ),
  firewall: one(
    z.object({ firewall: firewall }),
    (found) => toFirewall(found.firewall),
    ({ json }, id, streamed) =>
      json.GET('/v2/firewalls/{firewall_id}', {
        params: { path: { firewall_id: segment('id', 'a firewall id', id) } },
        ...streamed,
      }),
  ),
  vpc: one(
    z.object({ vpc: vpc }),
    (found) => toVpc(found.vpc),
    ({ json }, id, streamed) =>
      json.GET('/v2/vpcs/{vpc_id}', {
        params: { path: { vpc_id: segment('id', 'a VPC id', id) } },
        ...streamed,
      }),
  ),
  domain: one(
    z.object({ domain: wire.domain }),
    (found) => mapping.toDomain(found.domain),
    ({ json }, name, streamed) =>
      json.GET('/v2/domains/{domain_name}', {
        params: { path: { domain_name: segment('domain', 'a domain', name) } },
        ...streamed,
      }),
  ),
  database: one(
    z.object({ database: wire.database }),
    (found) => mapping.toDatabase(found.database),
    ({ json }, id, streamed) =>
      json.GET('/v2/databases/{database_cluster_uuid}', {
        params: { path: { database_cluster_uuid: segment('id', 'a database id', id) } },
        ...streamed,
      }),
  ),
  kubernetes_cluster: one(
    z.object({ kubernetes_cluster: wire.kubernetesCluster }),
    (found) => mapping.toKubernetesCluster(found.kubernetes_cluster),
    ({ json }, id, streamed) =>
      json.GET('/v2/kubernetes/clusters/{cluster_id}', {
        params: { path: { cluster_id: segment('id', 'a cluster id', id) } },
        ...streamed,
      }),
  ),
  snapshot: one(
    z.object({ snapshot: wire.snapshot }),
    (found) => mapping.toSnapshot(found.snapshot),
    ({ json }, id, streamed) =>
      json.GET('/v2/snapshots/{snapshot_id}', {
        params: { path: { snapshot_id: segment('id', 'a snapshot id', id) } },
        ...streamed,
      }),
  ),
};

/**
 * One resource as it is now; null where there is none. A kind without a call for one is listed whole by `listKind`.
 * @throws PartialListing where such a listing is not whole
 */
export async function readResource(
  client: DigitalOceanClient,
  { kind, externalId }: { readonly kind: ResourceKind; readonly externalId: string },
  listKind: (kind: ResourceKind, signal?: AbortSignal) => Promise<ProviderResource[]>,
  signal?: AbortSignal,
): Promise<ProviderResource | null> {
  const read = readers[kind];
  if (read !== undefined) return unlessNotFound(read(client, externalId, signal), null);
  const listed = await listKind(kind, signal);
  return listed.find((resource) => resource.externalId === externalId) ?? null;
}

/** A reader of an answer that holds the one resource. */
function one<Found>(
  schema: z.ZodType<Found>,
  toResource: (found: Found) => ProviderResource,
  call: (client: DigitalOceanClient, externalId: string, streamed: ReturnType<typeof streaming>) => Answer,
): Reader {
  return async (client, externalId, signal) =>
    toResource(await readJson(externalId, call(client, externalId, streaming(signal)), schema));
}
