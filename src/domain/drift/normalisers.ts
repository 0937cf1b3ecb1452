import type { JsonValue } from '../errors.ts';
import type { ResourceKind } from '../resourceKind.ts';
import type { LiveResource } from './liveValues.ts';
import { quantityIn } from './quantities.ts';

type JsonRecord = Readonly<Record<string, JsonValue>>;

/** What else of a resource a comparison may ask for. */
export type LiveContext = Pick<LiveResource, 'externalId' | 'sizeSlug' | 'attributes'>;

/** Where two values stand that are compared. */
export interface Place {
  readonly kind: ResourceKind;
  /** Field and keys below it; positions in lists don't count: `node_pools.count`. */
  readonly path: string;
  readonly live: LiveContext;
  /** The objects that they stand in, where they stand in any. */
  readonly desiredIn: JsonRecord | null;
  readonly actualIn: JsonRecord | null;
}

/** What is known of the values of one field, beyond what holds for all JSON. */
export interface Normaliser {
  /** The same text for scalars that mean the same, and then it alone decides; null for what it can't read. */
  readonly canonical?: (value: JsonValue) => string | null;
  /** Whether the provider may have come from the desired value to the live one by itself. One-way. */
  readonly allows?: (desired: JsonValue, actual: JsonValue, place: Place) => boolean;
  /** Whether the provider adds such an element to a list by itself. One-way. */
  readonly automatic?: (element: JsonValue, place: Place) => boolean;
  /** Whether a key that the desired object lacks counts as empty, instead of not at all. */
  readonly isClosed?: boolean;
}

/** Null, '', [] and {}: the provider writes now one, now another of them where there is nothing. */
export function isBlank(value: JsonValue): boolean {
  if (value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) && Object.keys(value).length === 0;
}

export function isRecord(value: JsonValue): value is { readonly [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The text of a scalar; null for what says nothing and for what is no scalar. */
const textOf = (value: JsonValue): string | null =>
  isBlank(value) || typeof value === 'object' ? null : String(value).trim();

const lowerCase: Normaliser = { canonical: (value) => textOf(value)?.toLowerCase() ?? null };
const upperCaseOr = (fallback: string): Normaliser => ({
  canonical: (value) => textOf(value)?.toUpperCase() ?? fallback,
});

/** Some answers leave a flag out that is false. */
const flag: Normaliser = {
  canonical: (value) => {
    const text = textOf(value)?.toLowerCase() ?? 'false';
    return text === 'true' || text === 'false' ? text : null;
  },
};

/** Some answers leave a count out that is zero. */
const count: Normaliser = { canonical: (value) => (isBlank(value) || textOf(value) === '0' ? '0' : null) };

const quantity = (unit: 'm' | 'g'): Normaliser => ({
  canonical: (value) => quantityIn(unit, value)?.toFixed() ?? null,
});

/** `www.Example.com.` and `www.example.com` are one name. */
const domainName: Normaliser = {
  canonical: (value) => textOf(value)?.toLowerCase().replace(/\.$/, '') ?? null,
};

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

/** A tag is one tag however its letters are written: the provider keeps the case of its first use. */
const tags = (automatic: (tag: string, place: Place) => boolean): Normaliser => ({
  ...lowerCase,
  automatic: (element, place) => automatic(textOf(element)?.toLowerCase() ?? '', place),
});

const nodeTags = new RegExp(`^k8s(?::(?:worker|${uuid}))?$`);
const clusterTag = new RegExp(`^k8s:${uuid}$`);
const ownClusterTags = (tag: string, { live }: Place) =>
  tag === 'k8s' || tag === `k8s:${live.externalId.toLowerCase()}`;

/** States on the way to another one: what they end in is compared when they are over. */
const status = (...passing: string[]): Normaliser => ({
  ...lowerCase,
  allows: (_desired, actual) => passing.includes(textOf(actual)?.toLowerCase() ?? ''),
});

/** Every number of a slug such as `ubuntu-24-04-x64` is in the name of an image of that release: `24.04 (LTS) x64`. */
function isOfRelease(slug: string, imageName: JsonValue): boolean {
  const numbers = slug.match(/\d+/g);
  if (numbers === null || typeof imageName !== 'string') return false;
  const named: readonly string[] = imageName.match(/\d+/g) ?? [];
  return numbers.every((number) => named.includes(number));
}

/** A public slug moves on to a newer build; the droplet keeps its image, which has no slug from then on. */
function isImageOf(slug: string, { live }: Place): boolean {
  const { image_slug: liveSlug = null, image_name: name = null } = live.attributes;
  return liveSlug === null ? isOfRelease(slug, name) : liveSlug === slug;
}

const imageSlug: Normaliser = {
  allows: (desired, actual, place) =>
    typeof desired === 'string' && desired !== '' && isBlank(actual) && isImageOf(desired, place),
};
const imageId: Normaliser = {
  allows: (desired, _actual, place) =>
    typeof desired === 'string' && /[a-z]/.test(desired) && isImageOf(desired, place),
};

const exactText: Normaliser = { canonical: textOf };

/** Whether one version names the other, or leaves its end open: 17 and 17.4, but not 1 and 17. */
const opens = (version: string, other: string) => other.startsWith(`${version.replace(/\.x?$/, '')}.`);

/** The provider installs the minor releases by itself, and says the version now with, now without them. */
const databaseVersion: Normaliser = {
  ...exactText,
  allows: (desired, actual) => {
    const [wanted, found] = [textOf(desired), textOf(actual)];
    return wanted !== null && found !== null && (opens(wanted, found) || opens(found, wanted));
  },
};

const clusterRelease = /^(\d+)\.(\d+)\.(\d+)(?:-do\.(\d+))?$/;

/** `latest` and `1.33` name whatever is newest; automatic upgrades go on to later patches of the same minor release. */
const clusterVersion: Normaliser = {
  ...exactText,
  allows: (desired, actual, { live }) => {
    const [wanted, found] = [textOf(desired), textOf(actual)];
    if (wanted === null || found === null) return false;
    if (wanted === 'latest' || opens(wanted, found)) return true;
    return live.attributes['auto_upgrade'] === true && isLaterPatch(wanted, found);
  },
};

function isLaterPatch(wanted: string, found: string): boolean {
  const [from, to] = [clusterRelease.exec(wanted), clusterRelease.exec(found)];
  if (from === null || to === null || from[1] !== to[1] || from[2] !== to[2]) return false;
  const [patch, build] = [Number(to[3]) - Number(from[3]), Number(to[4] ?? 0) - Number(from[4] ?? 0)];
  return patch > 0 || (patch === 0 && build >= 0);
}

/** A spec may write numbers as texts; what is no number lies between no limits. */
const numberOf = (value: JsonValue | undefined) => Number(textOf(value ?? null) ?? Number.NaN);

function isBetween(count: JsonValue, least: JsonValue | undefined, most: JsonValue | undefined): boolean {
  return numberOf(least) <= numberOf(count) && numberOf(count) <= numberOf(most);
}

/** The count of a pool that scales itself is anything between its limits; the spec's own limits go first. */
const poolCount: Normaliser = {
  allows: (_desired, actual, { desiredIn, actualIn }) =>
    actualIn?.['auto_scale'] === true &&
    (textOf(desiredIn?.['auto_scale'] ?? null) ?? 'true').toLowerCase() === 'true' &&
    isBetween(
      actual,
      desiredIn?.['min_nodes'] ?? actualIn['min_nodes'],
      desiredIn?.['max_nodes'] ?? actualIn['max_nodes'],
    ),
};

/** One instance is the default. A component that scales itself has no count of its own, or one between its limits. */
const instanceCount: Normaliser = {
  canonical: (value) => textOf(value) ?? '1',
  allows: (_desired, actual, { desiredIn, actualIn }) => {
    const scaling = actualIn?.['autoscaling'] ?? null;
    if (!isRecord(scaling) || desiredIn?.['autoscaling'] === null) return false;
    const { min_instance_count: least, max_instance_count: most } = scaling;
    return isBlank(actual) || isBetween(actual, least, most);
  },
};

const component = {
  instance_count: instanceCount,
  instance_size_slug: { canonical: (value) => textOf(value)?.toLowerCase() ?? 'apps-s-1vcpu-0.5gb' },
} satisfies Record<string, Normaliser>;

/** The nodes that the sizes before `size_unit` stand for, by the provider's published document. */
const balancerNodes: Readonly<Record<string, number>> = { 'lb-small': 1, 'lb-medium': 3, 'lb-large': 6 };

const balancerSize: Normaliser = {
  ...lowerCase,
  allows: (desired, actual, { live }) =>
    isBlank(actual) &&
    typeof desired === 'string' &&
    Object.hasOwn(balancerNodes, desired) &&
    balancerNodes[desired] === live.attributes['size_unit'],
};
const balancerUnits: Normaliser = {
  allows: (desired, actual, { live }) =>
    isBlank(actual) && live.sizeSlug !== null && String(balancerNodes[live.sizeSlug]) === textOf(desired),
};

/** The provider writes `0` for all ports, and for ICMP, which has none. */
const ports: Normaliser = {
  canonical: (value) => {
    const text = textOf(value)?.toLowerCase() ?? '0';
    if (text === 'all' || text === '1-65535') return '0';
    const [, first, last] = /^(\d+)-(\d+)$/.exec(text) ?? [];
    return first !== undefined && first === last ? first : text;
  },
};

/** A single address and the network of that address alone. */
const network: Normaliser = {
  canonical: (value) => {
    const text = textOf(value)?.toLowerCase() ?? null;
    return text?.replace(text.includes(':') ? /\/128$/ : /\/32$/, '') ?? null;
  },
};

const firewallRule = (rule: string, side: string): Record<string, Normaliser> => ({
  [`${rule}.protocol`]: lowerCase,
  [`${rule}.ports`]: ports,
  // Another source in a rule lets more in, whether or not the spec has a word for its sort.
  [`${rule}.${side}`]: { isClosed: true },
  [`${rule}.${side}.addresses`]: network,
  [`${rule}.${side}.tags`]: lowerCase,
});

/** What holds for a field of that name in every kind. */
const everyKind: Readonly<Record<string, Normaliser>> = {
  region: lowerCase,
  size_slug: lowerCase,
  tags: lowerCase,
  status: lowerCase,
  vpc_uuid: lowerCase,
  private_network_uuid: lowerCase,
  project_id: lowerCase,
  locked: flag,
};

const byKind: Readonly<Partial<Record<ResourceKind, Readonly<Record<string, Normaliser>>>>> = {
  droplet: {
    tags: tags((tag) => nodeTags.test(tag)),
    status: status('new'),
    memory: quantity('m'),
    disk: quantity('g'),
    image_slug: imageSlug,
    image_id: imageId,
    backups_enabled: flag,
    // Every droplet is in a VPC, and the provider's images bring its agent.
    features: {
      ...lowerCase,
      automatic: (feature) => feature === 'private_networking' || feature === 'droplet_agent',
    },
  },
  volume: {
    tags: tags((tag) => clusterTag.test(tag)),
    size_gigabytes: quantity('g'),
    filesystem_type: lowerCase,
  },
  snapshot: { size_gigabytes: quantity('g'), min_disk_size: quantity('g') },
  backup: { size_gigabytes: quantity('g'), min_disk_size: quantity('g'), status: status('new', 'pending') },
  load_balancer: {
    status: status('new'),
    size_slug: balancerSize,
    size_unit: balancerUnits,
    network: upperCaseOr('EXTERNAL'),
    type: upperCaseOr('REGIONAL'),
    redirect_http_to_https: flag,
    enable_proxy_protocol: flag,
    'forwarding_rules.entry_protocol': lowerCase,
    'forwarding_rules.target_protocol': lowerCase,
    'forwarding_rules.tls_passthrough': flag,
    'health_check.protocol': lowerCase,
  },
  firewall: {
    status: status('waiting'),
    ...firewallRule('inbound_rules', 'sources'),
    ...firewallRule('outbound_rules', 'destinations'),
  },
  domain: { name: domainName },
  database: {
    status: status('creating', 'resizing', 'migrating', 'forking'),
    version: databaseVersion,
    storage_size_mib: quantity('m'),
  },
  kubernetes_cluster: {
    tags: tags(ownClusterTags),
    status: status('provisioning', 'upgrading'),
    version: clusterVersion,
    ha: flag,
    auto_upgrade: flag,
    surge_upgrade: flag,
    'node_pools.size': lowerCase,
    'node_pools.count': poolCount,
    'node_pools.auto_scale': flag,
    'node_pools.min_nodes': count,
    'node_pools.max_nodes': count,
    'node_pools.tags': tags((tag, place) => tag === 'k8s:worker' || ownClusterTags(tag, place)),
    // Which machines the nodes are at the moment is the cluster's own affair.
    'node_pools.droplet_ids': { allows: () => true },
  },
  app: Object.fromEntries([
    ...['services', 'workers', 'jobs'].flatMap((part) =>
      Object.entries(component).map(([key, normaliser]) => [`${part}.${key}`, normaliser]),
    ),
    ['databases.production', flag],
    ['databases.version', databaseVersion],
  ]),
};

const nothingSpecial: Normaliser = {};

/** What is known of the values at a place. */
export function normaliserOf({ kind, path }: Pick<Place, 'kind' | 'path'>): Normaliser {
  const ofKind = byKind[kind];
  if (ofKind !== undefined && Object.hasOwn(ofKind, path)) return ofKind[path] ?? nothingSpecial;
  return Object.hasOwn(everyKind, path) ? (everyKind[path] ?? nothingSpecial) : nothingSpecial;
}
