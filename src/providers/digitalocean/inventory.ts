import type { ResourceKind } from '../../domain/resourceKind.ts';
import type { ProviderProject, ProviderResource } from '../provider.ts';
import type { DigitalOceanClient } from './client.ts';
import * as wire from './inventoryWire.ts';
import { type Lister, list, lister, streaming } from './listing.ts';
import * as mapping from './mapping.ts';
import { networkListers } from './networkKinds.ts';
import { segment } from './pathSegments.ts';
import { platformListers } from './platformKinds.ts';

/** The kinds that the API lists; buckets are listed over S3 (spaces.ts). */
type ApiKind = Exclude<ResourceKind, 'spaces_bucket'>;
/** Droplets without GPU and those with one come from two calls. */
async function droplets({ json }: DigitalOceanClient, signal?: AbortSignal) {
  const found = [];
  for (const type of ['droplets', 'gpus'] as const) {
    const listed = await list({
      what: type === 'gpus' ? 'GPU droplets' : 'droplets',
      key: 'droplets',
      item: wire.droplet,
      identityOf: (droplet) => String(droplet.id),
      call: (query) =>
        json.GET('/v2/droplets', { params: { query: { ...query, type } }, ...streaming(signal) }),
    });
    found.push(...listed);
  }
  // A server that doesn't know the type gives all of them twice.
  return [...new Map(found.map((droplet) => [droplet.id, droplet])).values()];
}

/** All load balancers as the provider writes them. @throws PartialListing where the listing is not whole */
export function loadBalancers({ json }: DigitalOceanClient, signal?: AbortSignal) {
  return list({
    what: 'load balancers',
    key: 'load_balancers',
    item: wire.loadBalancer,
    identityOf: (balancer) => balancer.id,
    call: (query) => json.GET('/v2/load_balancers', { params: { query }, ...streaming(signal) }),
  });
}

async function backups(client: DigitalOceanClient, signal?: AbortSignal): Promise<ProviderResource[]> {
  const images = await list({
    what: 'private images',
    key: 'images',
    item: wire.image,
    identityOf: (image) => String(image.id),
    call: (query) =>
      client.json.GET('/v2/images', { params: { query: { ...query, private: true } }, ...streaming(signal) }),
  });
  const taken = images.filter((image) => image.type === 'backup');
  if (taken.length === 0) return [];
  const owners = (await droplets(client, signal)).flatMap((droplet) =>
    droplet.backup_ids.map((id) => [id, { id: String(droplet.id), name: droplet.name }] as const),
  );
  const dropletOf = new Map(owners);
  return taken.map((image) => mapping.toBackup(image, dropletOf));
}

const listers: Readonly<Record<ApiKind, Lister>> = {
  ...networkListers,
  ...platformListers,
  backup: backups,
  droplet: async (client, signal) => (await droplets(client, signal)).map(mapping.toDroplet),
  volume: lister(
    {
      what: 'volumes',
      key: 'volumes',
      item: wire.volume,
      identityOf: (volume) => volume.id,
      call: (json, options) => json.GET('/v2/volumes', options),
    },
    mapping.toVolume,
  ),
  reserved_ip: lister(
    {
      what: 'reserved IPs',
      key: 'reserved_ips',
      item: wire.reservedIp,
      identityOf: (address) => address.ip,
      call: (json, options) => json.GET('/v2/reserved_ips', options),
    },
    mapping.toReservedIp,
  ),
  load_balancer: async (client, signal) => (await loadBalancers(client, signal)).map(mapping.toLoadBalancer),
  snapshot: lister(
    {
      what: 'snapshots',
      key: 'snapshots',
      item: wire.snapshot,
      identityOf: (snapshot) => snapshot.id,
      call: (json, options) => json.GET('/v2/snapshots', options),
    },
    mapping.toSnapshot,
  ),
  domain: lister(
    {
      what: 'domains',
      key: 'domains',
      item: wire.domain,
      identityOf: (domain) => domain.name,
      call: (json, options) => json.GET('/v2/domains', options),
    },
    mapping.toDomain,
  ),
  database: async ({ json }, signal) => {
    const databases = await list({
      what: 'databases',
      key: 'databases',
      item: wire.database,
      identityOf: (database) => database.id,
      // The published document has neither pages nor a total here: everything comes at once.
      call: () => json.GET('/v2/databases', streaming(signal)),
    });
    return databases.map(mapping.toDatabase);
  },
  kubernetes_cluster: lister(
    {
      what: 'Kubernetes clusters',
      key: 'kubernetes_clusters',
      item: wire.kubernetesCluster,
      identityOf: (cluster) => cluster.id,
      call: (json, options) => json.GET('/v2/kubernetes/clusters', options),
    },
    mapping.toKubernetesCluster,
  ),
};

/** All resources of one kind that the API lists. @throws PartialListing where the listing is not whole */
export function listResources(
  client: DigitalOceanClient,
  kind: ApiKind,
  signal?: AbortSignal,
): Promise<ProviderResource[]> {
  return listers[kind](client, signal);
}

/** All projects with what they hold. @throws PartialListing where a listing is not whole */
export async function listProjects(
  { json }: DigitalOceanClient,
  signal?: AbortSignal,
): Promise<ProviderProject[]> {
  const projects = await list({
    what: 'projects',
    key: 'projects',
    item: wire.project,
    identityOf: (project) => project.id,
    call: (query) => json.GET('/v2/projects', { params: { query }, ...streaming(signal) }),
  });
  const found: ProviderProject[] = [];
  for (const project of projects) {
    const path = { project_id: segment('id', 'a project id', project.id) };
    const resources = await list({
      what: `the resources of project ${project.id}`,
      key: 'resources',
      item: wire.projectResource,
      identityOf: (resource) => resource.urn,
      call: (query) =>
        json.GET('/v2/projects/{project_id}/resources', {
          params: { path, query },
          ...streaming(signal),
        }),
    });
    found.push({
      externalId: project.id,
      name: project.name,
      isDefault: project.is_default,
      members: resources.flatMap((resource) => mapping.memberOfUrn(resource.urn) ?? []),
    });
  }
  return found;
}
