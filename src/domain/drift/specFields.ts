import type { JsonValue } from '../errors.ts';
import { isContextKind, type ResourceKind } from '../resourceKind.ts';
import { type LiveResource, liveValue, type Spec } from './liveValues.ts';
import { isRecord } from './normalisers.ts';

/** What an operator decides of each kind; the rest follows from it, or changes by itself. */
const decidedFields: Readonly<Record<ResourceKind, readonly string[]>> = {
  droplet: ['name', 'region', 'size_slug', 'image_id', 'tags', 'vpc_uuid', 'backups_enabled', 'volume_ids'],
  volume: ['name', 'region', 'size_gigabytes', 'tags', 'droplet_ids'],
  reserved_ip: ['region', 'droplet_id'],
  reserved_ipv6: ['region', 'droplet_id'],
  load_balancer: [
    'name',
    'region',
    'size_slug',
    'size_unit',
    'type',
    'network',
    'vpc_uuid',
    'tags',
    'droplet_ids',
    'redirect_http_to_https',
    'enable_proxy_protocol',
    'forwarding_rules',
    'health_check',
  ],
  database: [
    'name',
    'region',
    'size_slug',
    'engine',
    'version',
    'num_nodes',
    'storage_size_mib',
    'private_network_uuid',
    'tags',
  ],
  kubernetes_cluster: [
    'name',
    'region',
    'version',
    'vpc_uuid',
    'ha',
    'auto_upgrade',
    'surge_upgrade',
    'tags',
    'node_pools',
  ],
  domain: ['name', 'ttl'],
  snapshot: ['name', 'resource_id', 'tags'],
  backup: ['name'],
  spaces_bucket: ['name', 'region'],
  app: ['name', 'region', 'services', 'workers', 'jobs', 'static_sites', 'functions', 'databases'],
  container_registry: ['name', 'region', 'size_slug'],
  functions_namespace: ['name', 'region'],
  firewall: ['name', 'droplet_ids', 'tags', 'inbound_rules', 'outbound_rules'],
  vpc: ['name', 'region', 'ip_range', 'description'],
};

/** The live values of what an operator decides, as the spec that a resource gets when it is taken over as it is. */
export function adoptedSpec(live: LiveResource): Spec {
  const fields = decidedFields[live.kind].filter((field) => !followsFromTags(live, field));
  return Object.fromEntries(fields.map((field) => [field, decided(field, liveValue(live, field))]));
}

/** A load balancer serves the droplets that it names, or those that wear its tag, which come and go. */
function followsFromTags(live: LiveResource, field: string): boolean {
  return live.kind === 'load_balancer' && field === 'droplet_ids' && live.tags.length > 0;
}

/** A pool's nodes come and go, and its id is the provider's. */
function decided(field: string, value: JsonValue): JsonValue {
  if (field !== 'node_pools' || !Array.isArray(value)) return value;
  return value.map((pool: JsonValue) => {
    if (!isRecord(pool)) return pool;
    const { id: _id, droplet_ids: _nodes, ...rest } = pool;
    return rest;
  });
}

/** The tag that a cluster puts on the droplets and volumes that it makes. */
const clusterTag = /^k8s:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Whether something else accounts for a resource that nobody recorded, so that it is no unmanaged drift: it costs nothing, or it is a
 * backup of a droplet, or a machine or disk of a cluster, which is recorded itself.
 */
export function isExpectedManaged(kind: ResourceKind, live: Pick<LiveResource, 'tags'>): boolean {
  if (isContextKind(kind) || kind === 'backup') return true;
  return (kind === 'droplet' || kind === 'volume') && live.tags.some((tag) => clusterTag.test(tag));
}
