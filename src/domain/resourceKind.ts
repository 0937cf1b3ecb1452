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

const numericId = /^\d+$/;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The form of the ids under which a kind is listed; kinds that are not named here are listed by a free-form name. */
const idForms: Partial<Record<ResourceKind, RegExp>> = {
  droplet: numericId,
  volume: uuid,
  load_balancer: uuid,
  database: uuid,
  kubernetes_cluster: uuid,
};

/**
 * Whether an id on an invoice line is of the form under which this kind is listed. Only then does it prove that a listed
 * resource with another id is another resource; an invoice may carry internal ids that no listing shows.
 */
export function isListedIdOf(kind: ResourceKind, id: string): boolean {
  return idForms[kind]?.test(id) ?? false;
}
