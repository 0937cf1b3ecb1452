import type { z } from 'zod';
import type { ResourceKind } from '../../domain/resourceKind.ts';
import type { ProviderProject, ProviderResource } from '../provider.ts';
import { currency } from './billing.ts';
import type * as wire from './inventoryWire.ts';

type Wire<Schema extends z.ZodType> = z.output<Schema>;

/** What a resource has where its listing says nothing else. */
export const unstated = {
  region: null,
  sizeSlug: null,
  status: null,
  createdAt: null,
  tags: [],
  priceMonthly: null,
  currency,
  attributes: {},
} as const;

export function toDroplet(droplet: Wire<typeof wire.droplet>): ProviderResource {
  return {
    ...unstated,
    kind: 'droplet',
    externalId: String(droplet.id),
    name: droplet.name,
    region: droplet.region.slug,
    sizeSlug: droplet.size_slug,
    status: droplet.status,
    createdAt: droplet.created_at,
    tags: droplet.tags,
    priceMonthly: droplet.size.price_monthly ?? null,
    attributes: {
      vcpus: droplet.vcpus,
      memory: droplet.memory,
      disk: droplet.disk,
      locked: droplet.locked,
      image_id: droplet.image.id ?? null,
      image_slug: droplet.image.slug ?? null,
      image_name: droplet.image.name ?? null,
      vpc_uuid: droplet.vpc_uuid,
      features: droplet.features,
      backups_enabled: droplet.features.includes('backups'),
      volume_ids: droplet.volume_ids,
      snapshot_ids: droplet.snapshot_ids.map(String),
      backup_ids: droplet.backup_ids.map(String),
      public_ipv4: publicAddresses(droplet.networks.v4),
      public_ipv6: publicAddresses(droplet.networks.v6),
    },
  };
}

function publicAddresses(
  networks: { ip_address?: string | undefined; type?: string | undefined }[] = [],
): string[] {
  return networks.flatMap(({ ip_address: address, type }) =>
    type === 'public' && address !== undefined ? [address] : [],
  );
}

export function toVolume(volume: Wire<typeof wire.volume>): ProviderResource {
  return {
    ...unstated,
    kind: 'volume',
    externalId: volume.id,
    name: volume.name,
    region: volume.region.slug,
    createdAt: volume.created_at,
    tags: volume.tags,
    attributes: {
      size_gigabytes: volume.size_gigabytes,
      droplet_ids: volume.droplet_ids.map(String),
      description: volume.description,
      filesystem_type: volume.filesystem_type,
      filesystem_label: volume.filesystem_label,
    },
  };
}

/** An address is its own id and name: invoices and project members name it so. */
export function toReservedIp(address: Wire<typeof wire.reservedIp>): ProviderResource {
  const dropletId = address.droplet?.id;
  return {
    ...unstated,
    kind: 'reserved_ip',
    externalId: address.ip,
    name: address.ip,
    region: address.region.slug,
    status: dropletId === undefined ? 'unassigned' : 'assigned',
    attributes: {
      droplet_id: dropletId === undefined ? null : String(dropletId),
      locked: address.locked,
      project_id: address.project_id,
    },
  };
}

export function toLoadBalancer(balancer: Wire<typeof wire.loadBalancer>): ProviderResource {
  return {
    ...unstated,
    kind: 'load_balancer',
    externalId: balancer.id,
    name: balancer.name,
    region: balancer.region,
    sizeSlug: balancer.size,
    status: balancer.status,
    createdAt: balancer.created_at,
    tags: balancer.tag === null ? [] : [balancer.tag],
    attributes: {
      size_unit: balancer.size_unit,
      ip: balancer.ip,
      type: balancer.type,
      network: balancer.network,
      vpc_uuid: balancer.vpc_uuid,
      project_id: balancer.project_id,
      droplet_ids: balancer.droplet_ids.map(String),
      redirect_http_to_https: balancer.redirect_http_to_https,
      enable_proxy_protocol: balancer.enable_proxy_protocol,
      forwarding_rules: balancer.forwarding_rules,
      health_check: balancer.health_check ?? null,
    },
  };
}

export function toSnapshot(snapshot: Wire<typeof wire.snapshot>): ProviderResource {
  return {
    ...unstated,
    kind: 'snapshot',
    externalId: snapshot.id,
    name: snapshot.name,
    region: snapshot.regions[0] ?? null,
    createdAt: snapshot.created_at,
    tags: snapshot.tags,
    attributes: {
      size_gigabytes: snapshot.size_gigabytes,
      min_disk_size: snapshot.min_disk_size,
      regions: snapshot.regions,
      resource_type: snapshot.resource_type,
      resource_id: snapshot.resource_id,
    },
  };
}

/** The droplet that a backup was made of, by the backup's id: images don't say it, droplets do. */
export type BackedUpDroplets = ReadonlyMap<number, { readonly id: string; readonly name: string }>;

export function toBackup(image: Wire<typeof wire.image>, dropletOf: BackedUpDroplets): ProviderResource {
  const droplet = dropletOf.get(image.id);
  return {
    ...unstated,
    kind: 'backup',
    externalId: String(image.id),
    name: image.name,
    region: image.regions[0] ?? null,
    status: image.status,
    createdAt: image.created_at,
    tags: image.tags,
    attributes: {
      size_gigabytes: image.size_gigabytes,
      min_disk_size: image.min_disk_size,
      regions: image.regions,
      distribution: image.distribution,
      droplet_id: droplet?.id ?? null,
      droplet_name: droplet?.name ?? null,
    },
  };
}

/** A zone's records are left out: they change by themselves and cost nothing. */
export function toDomain(domain: Wire<typeof wire.domain>): ProviderResource {
  return {
    ...unstated,
    kind: 'domain',
    externalId: domain.name,
    name: domain.name,
    attributes: { ttl: domain.ttl },
  };
}

export function toDatabase(database: Wire<typeof wire.database>): ProviderResource {
  return {
    ...unstated,
    kind: 'database',
    externalId: database.id,
    name: database.name,
    region: database.region,
    sizeSlug: database.size,
    status: database.status,
    createdAt: database.created_at,
    tags: database.tags,
    attributes: {
      engine: database.engine,
      version: database.version,
      num_nodes: database.num_nodes,
      storage_size_mib: database.storage_size_mib,
      private_network_uuid: database.private_network_uuid,
      project_id: database.project_id,
    },
  };
}

export function toKubernetesCluster(cluster: Wire<typeof wire.kubernetesCluster>): ProviderResource {
  return {
    ...unstated,
    kind: 'kubernetes_cluster',
    externalId: cluster.id,
    name: cluster.name,
    region: cluster.region,
    status: cluster.status?.state ?? null,
    createdAt: cluster.created_at,
    tags: cluster.tags,
    attributes: {
      version: cluster.version,
      vpc_uuid: cluster.vpc_uuid,
      ha: cluster.ha,
      auto_upgrade: cluster.auto_upgrade,
      surge_upgrade: cluster.surge_upgrade,
      node_pools: cluster.node_pools.map((pool) => ({
        id: pool.id,
        name: pool.name,
        size: pool.size,
        count: pool.count,
        auto_scale: pool.auto_scale,
        min_nodes: pool.min_nodes,
        max_nodes: pool.max_nodes,
        tags: pool.tags,
        droplet_ids: (pool.nodes ?? []).flatMap((node) => node.droplet_id ?? []),
      })),
    },
  };
}

/** The kinds by the word that stands in a URN; what we don't list is left out. */
const kindsByUrn: ReadonlyMap<string, ResourceKind> = new Map([
  // The published pattern lacks apps; the prose beside it names them.
  ['app', 'app'],
  ['dbaas', 'database'],
  ['domain', 'domain'],
  ['droplet', 'droplet'],
  ['floatingip', 'reserved_ip'],
  ['kubernetes', 'kubernetes_cluster'],
  ['loadbalancer', 'load_balancer'],
  ['reservedip', 'reserved_ip'],
  // In no published text; the vendor's Terraform provider tests for it.
  ['reservedipv6', 'reserved_ipv6'],
  ['space', 'spaces_bucket'],
  ['volume', 'volume'],
  ['vpc', 'vpc'],
]);

/** Reads `do:droplet:412000100`; null for what we don't list. */
export function memberOfUrn(urn: string): ProviderProject['members'][number] | null {
  const [, type = '', externalId = ''] = /^do:([a-z0-9_]+):(.+)$/.exec(urn) ?? [];
  const kind = kindsByUrn.get(type);
  return kind === undefined ? null : { kind, externalId };
}
