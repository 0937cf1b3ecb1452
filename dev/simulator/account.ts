import type { Invoice } from './invoice.ts';

/**
 * What the simulated DigitalOcean account holds. Field names are those of the wire format (snake_case), so that
 * what is stored is what is served; only what must be looked up at serving time (a reserved IP's droplet) differs.
 */
export interface Account {
  readonly profile: WireObject;
  balance: Balance;
  /** Newest first, as the provider lists it. */
  readonly billingHistory: BillingHistoryEntry[];
  /** Newest first. */
  readonly invoices: Invoice[];
  /** The running month, served as `preview`. */
  readonly preview: Invoice;
  readonly regions: Region[];
  readonly sizes: Size[];
  readonly images: Image[];
  readonly droplets: Droplet[];
  readonly projects: Project[];
  readonly projectResources: ProjectResource[];
  readonly volumes: Volume[];
  readonly reservedIps: ReservedIp[];
  readonly loadBalancers: LoadBalancer[];
  readonly snapshots: Snapshot[];
  readonly domains: Domain[];
  readonly domainRecords: DomainRecord[];
  readonly databases: DatabaseCluster[];
  readonly kubernetesClusters: KubernetesCluster[];
  readonly tags: Tag[];
  readonly buckets: Bucket[];
  readonly apps: App[];
  readonly registries: Registry[];
  readonly functionsNamespaces: FunctionsNamespace[];
  readonly reservedIpv6s: ReservedIpv6[];
  readonly firewalls: Firewall[];
  readonly vpcs: Vpc[];
}

export interface WireObject {
  readonly [field: string]: unknown;
}

/** Decimal strings in USD; `month_to_date_balance` = `account_balance` + `month_to_date_usage`. */
export interface Balance {
  month_to_date_balance: string;
  account_balance: string;
  month_to_date_usage: string;
  generated_at: string;
}

/** Only entries of type Invoice carry the invoice fields. */
export interface BillingHistoryEntry {
  description: string;
  amount: string;
  invoice_id?: string;
  invoice_uuid?: string;
  date: string;
  type: string;
}

export interface Region {
  readonly name: string;
  readonly slug: string;
  readonly features: readonly string[];
  readonly available: boolean;
  readonly sizes: readonly string[];
}

/** `memory` in MiB, `disk` in GiB, `transfer` in TB, prices in USD as the provider prints them. */
export interface Size {
  readonly slug: string;
  readonly memory: number;
  readonly vcpus: number;
  readonly disk: number;
  readonly transfer: number;
  readonly price_monthly: number;
  readonly price_hourly: number;
  readonly regions: readonly string[];
  readonly available: boolean;
  readonly description: string;
}

export interface Image {
  readonly id: number;
  readonly name: string;
  readonly type: 'base' | 'snapshot' | 'backup' | 'custom';
  readonly distribution: string;
  readonly slug: string | null;
  readonly public: boolean;
  readonly regions: readonly string[];
  readonly created_at: string;
  readonly min_disk_size: number;
  readonly size_gigabytes: number;
  readonly description: string;
  readonly tags: string[];
  readonly status: 'available';
  readonly error_message: string;
}

export interface Droplet {
  readonly id: number;
  name: string;
  memory: number;
  vcpus: number;
  disk: number;
  locked: boolean;
  status: 'new' | 'active' | 'off' | 'archive';
  readonly kernel: null;
  readonly created_at: string;
  features: string[];
  readonly backup_ids: number[];
  next_backup_window: { readonly start: string; readonly end: string } | null;
  readonly snapshot_ids: number[];
  readonly image: Image;
  readonly volume_ids: string[];
  size: Size;
  size_slug: string;
  readonly networks: { readonly v4: readonly WireObject[]; readonly v6: readonly WireObject[] };
  readonly region: Region;
  tags: string[];
  vpc_uuid: string;
}

export interface Project extends WireObject {
  readonly id: string;
  readonly name: string;
  readonly is_default: boolean;
}

/** One assignment: `urn` is `do:<type>:<id>`. */
export interface ProjectResource {
  readonly urn: string;
  readonly projectId: string;
  readonly assignedAt: string;
}

export interface Volume {
  readonly id: string;
  name: string;
  readonly description: string;
  size_gigabytes: number;
  readonly created_at: string;
  /** The droplet that it is attached to, or none. */
  droplet_ids: number[];
  readonly filesystem_type: string;
  readonly filesystem_label: string;
  readonly region: Region;
  tags: string[];
}

export interface ReservedIp {
  readonly ip: string;
  readonly region: Region;
  dropletId: number | null;
  readonly projectId: string;
}

export interface LoadBalancer extends WireObject {
  readonly id: string;
  name: string;
  readonly project_id: string;
  readonly created_at: string;
  size_unit: number;
  /** Blank until it is active. */
  ip: string;
  status: 'new' | 'active' | 'errored';
  readonly region: Region;
  droplet_ids: number[];
}

export interface Snapshot extends WireObject {
  readonly id: string;
  readonly name: string;
  readonly resource_id: string;
  readonly resource_type: 'droplet' | 'volume';
}

export interface Domain extends WireObject {
  readonly name: string;
}

/** `name` is relative to the domain, `@` the domain itself. */
export interface DomainRecord {
  readonly domain: string;
  readonly id: number;
  readonly type: string;
  readonly name: string;
  readonly data: string;
  readonly priority: number | null;
  readonly port: number | null;
  readonly ttl: number;
  readonly weight: number | null;
  readonly flags: number | null;
  readonly tag: string | null;
}

export interface DatabaseCluster extends WireObject {
  readonly id: string;
  readonly name: string;
  readonly tags: readonly string[];
}

export interface KubernetesCluster extends WireObject {
  readonly id: string;
  readonly name: string;
}

/** `spec` holds what the owner configured, environment variables with their secrets included. */
export interface App extends WireObject {
  readonly id: string;
  readonly spec: WireObject & { readonly name: string };
}

export interface Registry extends WireObject {
  readonly name: string;
}

/** `key` opens it, with its name. */
export interface FunctionsNamespace extends WireObject {
  readonly namespace: string;
  readonly label: string;
  readonly key: string;
}

export interface ReservedIpv6 {
  readonly ip: string;
  readonly regionSlug: string;
  readonly reservedAt: string;
  dropletId: number | null;
}

export interface Firewall extends WireObject {
  readonly id: string;
  name: string;
  /** `waiting` while a change of its droplets is on its way. */
  status: 'waiting' | 'succeeded' | 'failed';
  pending_changes: { readonly droplet_id: number; readonly removing: boolean; readonly status: string }[];
  droplet_ids: number[];
  tags: string[];
}

export interface Vpc extends WireObject {
  readonly id: string;
  readonly name: string;
}

/** A tag that exists; what wears it is read from the resources themselves. */
export interface Tag {
  readonly name: string;
}

/** A Spaces bucket with what a listing shows of its objects; `size` in bytes. */
export interface Bucket {
  readonly name: string;
  readonly region: string;
  readonly createdAt: string;
  readonly objects: readonly { readonly key: string; readonly size: number; readonly modifiedAt: string }[];
}
