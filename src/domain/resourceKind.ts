/** Every kind of cloud resource that we list, one word for one idea in column, type and JSON. */
export const resourceKinds = [
  'droplet',
  'volume',
  'reserved_ip',
  'load_balancer',
  'database',
  'kubernetes_cluster',
  'domain',
  'snapshot',
  'backup',
  'spaces_bucket',
  'app',
  'container_registry',
  'functions_namespace',
  'reserved_ipv6',
  'firewall',
  'vpc',
] as const;
export type ResourceKind = (typeof resourceKinds)[number];

/** Kinds that are listed for what they say of others and that no provider of ours charges for: nobody waits for their cost. */
export const contextKinds = ['firewall', 'vpc'] as const satisfies readonly ResourceKind[];
export type ContextKind = (typeof contextKinds)[number];
/** The kinds that a charge may name. */
export type ChargeableKind = Exclude<ResourceKind, ContextKind>;

/**
 * The three speeds of the inventory sync; each has a task queue of its own, so that a slow listing never holds up a fast one.
 * Projects are listed with the full speed; they are not resources themselves.
 */
export const kindsBySpeed = {
  fast: ['droplet', 'volume', 'reserved_ip', 'load_balancer', 'reserved_ipv6', 'firewall', 'vpc'],
  full: ['database', 'kubernetes_cluster', 'domain', 'app', 'container_registry', 'functions_namespace'],
  slow: ['snapshot', 'backup', 'spaces_bucket'],
} as const satisfies Record<string, readonly ResourceKind[]>;
export type SyncSpeed = keyof typeof kindsBySpeed;
export const syncSpeeds = Object.keys(kindsBySpeed) as SyncSpeed[];

const numericId = '^[0-9]+$';
const uuid = '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$';

/**
 * The form of the ids under which a kind is listed, as a regular expression that JavaScript and PostgreSQL read alike. An id of
 * that form on an invoice line proves that a listed resource with another id is another resource; invoices may also carry
 * internal ids that no listing shows, and those prove nothing. Kinds that are not named here are listed by a free-form name.
 */
export const listedIdForms: Readonly<Partial<Record<ResourceKind, string>>> = {
  droplet: numericId,
  volume: uuid,
  load_balancer: uuid,
  database: uuid,
  kubernetes_cluster: uuid,
  app: uuid,
};

/**
 * Which kinds of resource a line of a kind may belong to. A backup is charged by the name of its droplet, and its cost is that
 * droplet's; a context kind is charged for by nothing; every other kind by its own.
 */
export function chargedKinds(kind: ResourceKind): readonly ResourceKind[] {
  if (isContextKind(kind)) return [];
  return kind === 'backup' ? ['backup', 'droplet'] : [kind];
}

/** Whether a resource of the kind costs nothing, so that no cost of it is missing. */
export function isContextKind(kind: ResourceKind): kind is ContextKind {
  return contextKinds.some((context) => context === kind);
}
