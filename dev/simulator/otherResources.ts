import type {
  Account,
  DomainRecord,
  Droplet,
  Image,
  LoadBalancer,
  Project,
  Region,
  Volume,
  WireObject,
} from './account.ts';
import { loadBalancerDefaults } from './loadBalancers.ts';
import { seededUuid } from './seeded.ts';
import { regions } from './sizesAndRegions.ts';

type OtherResources = Pick<
  Account,
  | 'images'
  | 'volumes'
  | 'reservedIps'
  | 'loadBalancers'
  | 'snapshots'
  | 'domains'
  | 'domainRecords'
  | 'databases'
  | 'kubernetesClusters'
  | 'buckets'
  | 'projectResources'
>;

const createdAt = '2026-05-12T03:04:05Z';
const volumeId = seededUuid('volume data-syd1');
const loadBalancerId = seededUuid('load balancer edge-syd1');
const databaseId = seededUuid('database ledger-pg');
const clusterId = seededUuid('kubernetes labs');
const [assignedIp, freeIp] = ['192.0.2.10', '192.0.2.11'] as const;

/**
 * Something of every kind but droplets, so that no list is empty. All of it was made in May 2026 and bears names and
 * ids that no invoice line has, so that it matches nothing. Kubernetes nodes would be droplets, so the one pool is
 * scaled to zero.
 */
export function otherResources(projects: readonly Project[], droplets: readonly Droplet[]): OtherResources {
  const region = regions[0];
  const operations = projects.find((project) => project.name === 'Operations');
  const staging = projects.find((project) => project.name === 'Staging');
  const bastion = droplets.find((droplet) => droplet.name === 'ops-bastion');
  const studio = droplets.find((droplet) => droplet.name === 'studio-app-1');
  if (!region || !operations || !staging || !bastion || !studio) {
    throw new RangeError('the golden inventory lacks Operations, Staging, ops-bastion or studio-app-1');
  }
  const snapshotImage = privateImage(190_000_501, 'bastion before upgrade (May)', 'snapshot');
  const backupImage = privateImage(190_000_601, 'ops-bastion 2026-05-17', 'backup');
  bastion.snapshot_ids.push(snapshotImage.id);
  bastion.backup_ids.push(backupImage.id);
  bastion.features = ['backups', ...bastion.features];
  bastion.next_backup_window = { start: '2026-05-31T04:00:00Z', end: '2026-06-01T03:00:00Z' };
  studio.volume_ids.push(volumeId);
  const assign = (urn: string, project: Project) => ({ urn, projectId: project.id, assignedAt: createdAt });
  return {
    images: [snapshotImage, backupImage],
    volumes: [volume(region, studio)],
    reservedIps: [
      { ip: assignedIp, region, dropletId: bastion.id, projectId: operations.id },
      { ip: freeIp, region, dropletId: null, projectId: operations.id },
    ],
    loadBalancers: [loadBalancer(region, operations, studio)],
    snapshots: [
      dropletSnapshot(snapshotImage, bastion),
      {
        id: seededUuid('snapshot data-syd1'),
        name: 'data-syd1 after import',
        created_at: createdAt,
        regions: [region.slug],
        resource_id: volumeId,
        resource_type: 'volume',
        min_disk_size: 40,
        size_gigabytes: 3.25,
        tags: [],
      },
    ],
    domains: [
      { name: 'arcadia.example', ttl: 1800, zone_file: '$ORIGIN arcadia.example.\n$TTL 1800\n' },
      { name: 'labs.arcadia.example', ttl: 1800, zone_file: '$ORIGIN labs.arcadia.example.\n$TTL 1800\n' },
    ],
    domainRecords: ['arcadia.example', 'labs.arcadia.example'].flatMap(nameServers),
    databases: [database(staging)],
    kubernetesClusters: [kubernetesCluster()],
    buckets: [
      { name: 'arcadia-exports', region: 'syd1', createdAt, objects: objectsOf('exports', 3) },
      { name: 'arcadia-scratch', region: 'fra1', createdAt, objects: [] },
    ],
    projectResources: [
      assign(`do:volume:${volumeId}`, operations),
      assign(`do:floatingip:${assignedIp}`, operations),
      assign(`do:floatingip:${freeIp}`, operations),
      assign(`do:loadbalancer:${loadBalancerId}`, operations),
      assign('do:domain:arcadia.example', operations),
      assign('do:space:arcadia-exports', operations),
      assign('do:domain:labs.arcadia.example', staging),
      assign(`do:dbaas:${databaseId}`, staging),
      assign(`do:kubernetes:${clusterId}`, staging),
      assign('do:space:arcadia-scratch', staging),
    ],
  };
}

/** The list entry that belongs to a snapshot image of a droplet. */
export function dropletSnapshot(image: Image, droplet: Droplet) {
  return {
    id: String(image.id),
    name: image.name,
    created_at: image.created_at,
    regions: image.regions,
    resource_id: String(droplet.id),
    resource_type: 'droplet' as const,
    min_disk_size: image.min_disk_size,
    size_gigabytes: image.size_gigabytes,
    tags: [],
  };
}

/** A private image, such as a droplet's snapshot or backup. */
export function privateImage(
  id: number,
  name: string,
  type: 'snapshot' | 'backup',
  imageCreatedAt = createdAt,
): Image {
  return {
    id,
    name,
    type,
    distribution: 'Ubuntu',
    slug: null,
    public: false,
    regions: ['syd1'],
    created_at: imageCreatedAt,
    min_disk_size: 10,
    size_gigabytes: 2.34,
    description: '',
    tags: [],
    status: 'available',
    error_message: '',
  };
}

function volume(region: Region, droplet: Droplet): Volume {
  return {
    id: volumeId,
    name: 'data-syd1',
    description: 'Studio data',
    size_gigabytes: 40,
    created_at: createdAt,
    droplet_ids: [droplet.id],
    filesystem_type: 'ext4',
    filesystem_label: 'data',
    region,
    tags: [],
  };
}

/** What a zone begins with. */
function nameServers(domain: string, zone: number): DomainRecord[] {
  return [1, 2, 3].map((server) => ({
    domain,
    id: 300_000_000 + zone * 10 + server,
    type: 'NS',
    name: '@',
    data: `ns${server}.digitalocean.com`,
    priority: null,
    port: null,
    ttl: 1800,
    weight: null,
    flags: null,
    tag: null,
  }));
}

function loadBalancer(region: Region, project: Project, droplet: Droplet): LoadBalancer {
  return {
    ...loadBalancerDefaults,
    id: loadBalancerId,
    name: 'edge-syd1',
    project_id: project.id,
    ip: '192.0.2.20',
    size_unit: 1,
    status: 'active',
    created_at: createdAt,
    forwarding_rules: [
      {
        entry_protocol: 'http',
        entry_port: 80,
        target_protocol: 'http',
        target_port: 80,
        certificate_id: '',
        tls_passthrough: false,
      },
    ],
    vpc_uuid: droplet.vpc_uuid,
    region,
    droplet_ids: [droplet.id],
  };
}

/** Carries credentials, as the real answer does: a client has to drop them. */
function database(project: Project) {
  const connection = (host: string): WireObject => ({
    uri: `postgresql://doadmin:simulated-db-password@${host}:25060/defaultdb?sslmode=require`,
    database: 'defaultdb',
    host,
    port: 25060,
    user: 'doadmin',
    password: 'simulated-db-password',
    ssl: true,
  });
  return {
    id: databaseId,
    name: 'ledger-pg',
    engine: 'pg',
    version: '17',
    semantic_version: '17.4',
    num_nodes: 1,
    size: 'db-s-1vcpu-1gb',
    region: 'syd1',
    status: 'online',
    created_at: createdAt,
    private_network_uuid: seededUuid('vpc syd1'),
    tags: ['ledger'],
    db_names: ['defaultdb'],
    connection: connection('ledger-pg-do-user-1-0.db.example.com'),
    private_connection: connection('private-ledger-pg-do-user-1-0.db.example.com'),
    users: [{ name: 'doadmin', role: 'primary', password: 'simulated-db-password' }],
    maintenance_window: { day: 'tuesday', hour: '14:00', pending: false, description: [] },
    project_id: project.id,
    storage_size_mib: 10240,
    version_end_of_life: '2029-11-08T00:00:00Z',
    version_end_of_availability: '2029-05-08T00:00:00Z',
  };
}

function kubernetesCluster() {
  const tags = ['k8s', `k8s:${clusterId}`];
  return {
    id: clusterId,
    name: 'labs',
    region: 'syd1',
    version: '1.33.1-do.0',
    cluster_subnet: '10.108.0.0/19',
    service_subnet: '10.108.32.0/19',
    vpc_uuid: seededUuid('vpc syd1'),
    ipv4: '192.0.2.30',
    endpoint: `https://${clusterId}.k8s.example.com`,
    tags,
    node_pools: [
      {
        id: seededUuid('labs pool'),
        name: 'burst',
        size: 's-1vcpu-2gb',
        count: 0,
        tags: [...tags, 'k8s:worker'],
        labels: null,
        taints: [],
        auto_scale: true,
        min_nodes: 0,
        max_nodes: 3,
        nodes: [],
      },
    ],
    maintenance_policy: { start_time: '12:00', duration: '4h0m0s', day: 'any' },
    auto_upgrade: false,
    status: { state: 'running', message: '' },
    created_at: createdAt,
    updated_at: createdAt,
    surge_upgrade: false,
    ha: false,
    registry_enabled: false,
  };
}

function objectsOf(prefix: string, count: number) {
  return Array.from({ length: count }, (_, index) => ({
    key: `${prefix}/part-${index + 1}.csv.gz`,
    size: 1_048_576 * (index + 1),
    modifiedAt: createdAt,
  }));
}
