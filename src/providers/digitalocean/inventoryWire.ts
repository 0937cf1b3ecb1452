import { z } from 'zod';
import type { components } from './schema.generated.ts';
import { type Fields, instant, price, text } from './wire.ts';

/**
 * What we read of each kind. No credential is named here: a database's connections, users and passwords end at this
 * file, since zod drops what it doesn't know.
 */
type Schemas = components['schemas'];

export const texts = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? []);
export const numbers = z
  .array(z.int())
  .nullish()
  .transform((list) => list ?? []);
export const optionalNumber = z
  .number()
  .nullish()
  .transform((value) => value ?? null);
export const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? null);
const region = z.object({ slug: z.string() });
const optionalRegion = region
  .partial()
  .nullish()
  .transform((value) => value?.slug ?? null);

export const droplet = z.object({
  id: z.int(),
  name: z.string(),
  memory: z.int(),
  vcpus: z.int(),
  disk: z.int(),
  locked: flag,
  status: z.string(),
  created_at: instant,
  features: texts,
  backup_ids: numbers,
  snapshot_ids: numbers,
  image: z.object({ id: z.int(), slug: text, name: text } satisfies Fields<Schemas['image']>).partial(),
  volume_ids: texts,
  size: z.object({ price_monthly: price } satisfies Fields<Schemas['size']>).partial(),
  size_slug: z.string(),
  networks: z.object({
    v4: z.array(z.object({ ip_address: z.string(), type: z.string() }).partial()).optional(),
    v6: z.array(z.object({ ip_address: z.string(), type: z.string() }).partial()).optional(),
  } satisfies Fields<Schemas['droplet']['networks']>),
  region,
  tags: texts,
  vpc_uuid: text,
} satisfies Fields<Schemas['droplet']>);

export const volume = z.object({
  id: z.string().min(1),
  name: z.string(),
  description: text,
  size_gigabytes: z.int(),
  droplet_ids: numbers,
  created_at: instant,
  tags: texts,
  region,
  filesystem_type: text,
  filesystem_label: text,
} satisfies Fields<Schemas['volume_full']>);

export const reservedIp = z.object({
  ip: z.string().min(1),
  region,
  droplet: z.object({ id: z.int().optional() }).nullish(),
  locked: flag,
  project_id: text,
} satisfies Fields<Schemas['reserved_ip']>);

export const loadBalancer = z.object({
  id: z.string().min(1),
  name: z.string(),
  ip: text,
  project_id: text,
  size: text,
  size_unit: optionalNumber,
  status: z.string(),
  created_at: instant,
  region: optionalRegion,
  vpc_uuid: text,
  network: text,
  type: text,
  droplet_ids: numbers,
  tag: text,
  redirect_http_to_https: flag,
  enable_proxy_protocol: flag,
  forwarding_rules: z.array(
    z.object({
      entry_protocol: z.string(),
      entry_port: z.int(),
      target_protocol: z.string(),
      target_port: z.int(),
      certificate_id: text,
      tls_passthrough: flag,
    } satisfies Fields<Schemas['forwarding_rule']>),
  ),
  health_check: z
    .object({
      protocol: text,
      port: optionalNumber,
      path: text,
      check_interval_seconds: optionalNumber,
      response_timeout_seconds: optionalNumber,
      unhealthy_threshold: optionalNumber,
      healthy_threshold: optionalNumber,
    } satisfies Fields<Schemas['health_check']>)
    .nullish(),
} satisfies Fields<Schemas['load_balancer']>);

export const snapshot = z.object({
  // A number for a droplet's snapshot, a UUID for a volume's; some answers give the number bare.
  id: z.union([z.string().min(1), z.int()]).transform(String),
  name: z.string(),
  created_at: instant,
  regions: texts,
  min_disk_size: optionalNumber,
  size_gigabytes: optionalNumber,
  resource_id: text,
  resource_type: z.string(),
  tags: texts,
} satisfies Fields<Schemas['snapshots']>);

export const image = z.object({
  id: z.int(),
  name: z.string(),
  type: z.string(),
  distribution: text,
  regions: texts,
  created_at: instant,
  min_disk_size: optionalNumber,
  size_gigabytes: optionalNumber,
  status: text,
  tags: texts,
} satisfies Fields<Schemas['image']>);

export const domain = z.object({
  name: z.string().min(1),
  ttl: optionalNumber,
} satisfies Fields<Schemas['domain']>);

export const database = z.object({
  id: z.string().min(1),
  name: z.string(),
  engine: z.string(),
  version: text,
  num_nodes: z.int(),
  size: z.string(),
  region: z.string(),
  status: text,
  created_at: instant,
  tags: texts,
  private_network_uuid: text,
  storage_size_mib: optionalNumber,
  project_id: text,
} satisfies Fields<Schemas['database_cluster_read']>);

export const kubernetesCluster = z.object({
  id: z.string().min(1),
  name: z.string(),
  region: z.string(),
  version: z.string(),
  vpc_uuid: text,
  tags: texts,
  auto_upgrade: flag,
  surge_upgrade: flag,
  ha: flag,
  status: z.object({ state: z.string().optional() }).nullish(),
  created_at: instant,
  node_pools: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      size: z.string(),
      count: z.int(),
      tags: texts,
      auto_scale: flag,
      min_nodes: optionalNumber,
      max_nodes: optionalNumber,
      nodes: z.array(z.object({ droplet_id: text })).nullish(),
    } satisfies Fields<Schemas['kubernetes_node_pool']>),
  ),
} satisfies Fields<Schemas['cluster_read']>);

export const project = z.object({
  id: z.string().min(1),
  name: z.string(),
  is_default: z.boolean(),
} satisfies Fields<Schemas['project']>);

export const projectResource = z.object({
  urn: z.string().min(1),
} satisfies Fields<Schemas['resource']>);
