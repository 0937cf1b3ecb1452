/** Every kind of cloud resource that costs money and that we list, one word for one idea in column, type and JSON. */
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
] as const;
export type ResourceKind = (typeof resourceKinds)[number];

/**
 * The three speeds of the inventory sync; each has a task queue of its own, so that a slow listing never holds up a fast one.
 * Projects are listed with the full speed; they are not resources themselves.
 */
export const kindsBySpeed = {
  fast: ['droplet', 'volume', 'reserved_ip', 'load_balancer'],
  full: ['database', 'kubernetes_cluster', 'domain'],
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
};

/**
 * Which kinds of resource a line of a kind may belong to. A backup is charged by the name of its droplet, and its cost is that
 * droplet's; every other kind is charged by its own.
 */
export function chargedKinds(kind: ResourceKind): readonly ResourceKind[] {
  return kind === 'backup' ? ['backup', 'droplet'] : [kind];
}
