import { isIPv6 } from 'node:net';
import type { Decimal } from '../../domain/money.ts';
import type { ChargeableKind } from '../../domain/resourceKind.ts';
import type { CostLineClass } from '../provider.ts';

/** What a line says about itself; enough to tell what it charges for. */
export interface ClassifiableLine {
  readonly product: string;
  readonly groupDescription: string;
  readonly description: string;
  readonly category: string | null;
  readonly billedCost: Decimal;
}

export interface Classification {
  readonly lineClass: CostLineClass;
  readonly kind: ChargeableKind | null;
  readonly resourceName: string | null;
}

type NameReader = (line: ClassifiableLine) => string | null;

interface Rule {
  /** In lower case. */
  readonly products: readonly string[];
  readonly lineClass: CostLineClass;
  readonly kind?: ChargeableKind;
  readonly nameOf?: NameReader;
  /** A line of these products that names no resource belongs to the whole account. */
  readonly sharedWithoutName?: boolean;
}

const blankToNull = (text: string): string | null => (text.trim() === '' ? null : text.trim());

const size = String.raw`\d+(?:\.\d+)? ?[KMGT]i?B`;
const lastGroup = /^(.+\S)\s*\([^()]*\)$/s;
const lastSize = new RegExp(String.raw`^(.+\S)\s*\(${size}\)$`, 'is');
const regionAndSize = new RegExp(String.raw`^(.+\S)\s*\([a-z0-9-]+\)\s*${size}$`, 'is');
const backupsOf = /^backups? for (.+)$/is;
const address = /(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])/;

/** `name (size)`: the last group is the size, since a name may hold groups of its own. */
const nameBeforeLastGroup: NameReader = ({ description }) =>
  lastGroup.exec(description)?.[1] ?? blankToNull(description);

/** `name (sfo2) 100GB` or `name (50 GB)`; a group that is no size belongs to the name. */
const nameBeforeSize: NameReader = ({ description }) =>
  (regionAndSize.exec(description) ?? lastSize.exec(description))?.[1] ?? blankToNull(description);

/** `Backups for name`, else the group, else `name (size)`: always the droplet's name. */
const backedUpDroplet: NameReader = (line) =>
  backupsOf.exec(line.description)?.[1] ?? blankToNull(line.groupDescription) ?? nameBeforeLastGroup(line);

const bareDescription: NameReader = ({ description }) => blankToNull(description);
const addressInProse: NameReader = ({ description }) => address.exec(description)?.[0] ?? null;
const address6InProse: NameReader = ({ description }) =>
  description.split(/[^0-9a-f:.]+/i).find((word) => isIPv6(word)) ?? null;
const group: NameReader = ({ groupDescription }) => blankToNull(groupDescription);
const groupOrNameBeforeSize: NameReader = (line) => group(line) ?? nameBeforeLastGroup(line);

/** The subscription pays for all buckets together; lines of one bucket carry its name as their group. */
const bucket: NameReader = ({ groupDescription, description }) =>
  /^spaces subscription$/i.test(groupDescription.trim()) || /^spaces (?:\(|subscription)/i.test(description)
    ? null
    : blankToNull(groupDescription);

const rules: readonly Rule[] = [
  // The example of the published document: "Taxes,,STATE SALES TAX (6.25%)", category "iaas". GST, VAT and PST are the
  // names that the vendor's tax pages use; the golden invoice has "GST".
  {
    products: ['taxes', 'tax', 'sales tax', 'gst', 'hst', 'pst', 'qst', 'vat', 'jct'],
    lineClass: 'tax',
  },
  // The golden invoice: "Credits", category "credits". The summary's group is "Credits and adjustments".
  { products: ['credits', 'credit', 'promotional credits'], lineClass: 'credit' },
  // Invoices of January 2019 and the insights example: "eth (s-4vcpu-8gb)". "GPU Droplets" is the price list's name of those
  // with a GPU, which the API lists as droplets too.
  {
    products: ['droplets', 'gpu droplets'],
    lineClass: 'resource',
    kind: 'droplet',
    nameOf: nameBeforeLastGroup,
  },
  // An invoice of January 2019: "volume-sfo2-01 (sfo2) 100GB"; the golden invoice: "vol-archive (50 GB)".
  { products: ['volumes'], lineClass: 'resource', kind: 'volume', nameOf: nameBeforeSize },
  // The golden invoice: "base-image-2025-11 (12.4 GB)"; names are free text.
  {
    products: ['snapshots', 'droplet snapshots', 'volume snapshots'],
    lineClass: 'resource',
    kind: 'snapshot',
    nameOf: nameBeforeSize,
  },
  // The golden invoice: group "legacy, web", "Backups for legacy, web"; elsewhere "name (size)" without hours.
  {
    products: ['backups', 'droplet backups'],
    lineClass: 'resource',
    kind: 'backup',
    nameOf: backedUpDroplet,
  },
  // The golden invoice: "lb-syd1-old".
  {
    products: ['load balancers', 'load balancer'],
    lineClass: 'resource',
    kind: 'load_balancer',
    nameOf: bareDescription,
  },
  // The example of the published document: "Unused Floating IP - 1.1.1.1"; reserved IPs are their name since 2022.
  {
    products: ['floating ips', 'floating ip', 'reserved ips', 'reserved ip'],
    lineClass: 'resource',
    kind: 'reserved_ip',
    nameOf: addressInProse,
  },
  // The example of the published document: the subscription; the golden invoice: a bucket's name as the group.
  {
    products: ['spaces'],
    lineClass: 'resource',
    kind: 'spaces_bucket',
    nameOf: bucket,
    sharedWithoutName: true,
  },
  // The example items of the published document: "Spaces Subscription", without any resource.
  { products: ['spaces subscription'], lineClass: 'shared' },
  // The published document: the group is the name "when it is a grouped set of usage, such as DOKS or databases".
  {
    products: ['databases', 'managed databases', 'database clusters'],
    lineClass: 'resource',
    kind: 'database',
    nameOf: groupOrNameBeforeSize,
  },
  // The example items of the published document: group "my-doks-cluster", the description is a hash or "3 nodes - …".
  {
    products: ['kubernetes clusters', 'kubernetes'],
    lineClass: 'resource',
    kind: 'kubernetes_cluster',
    nameOf: group,
  },
  // No public line shows one. The price list's name of the product; like every set of parts, an app's components would stand
  // under the app's name as their group.
  {
    products: ['app platform', 'apps'],
    lineClass: 'resource',
    kind: 'app',
    nameOf: groupOrNameBeforeSize,
  },
  // No public line shows one. The price list sells a plan for each account, whose registries' names the API gives; a line that
  // names none belongs to the account.
  {
    products: ['container registry', 'container registries'],
    lineClass: 'resource',
    kind: 'container_registry',
    nameOf: group,
    sharedWithoutName: true,
  },
  // No public line shows one. Functions are billed by GB-seconds beyond the account's free allowance.
  {
    products: ['functions', 'serverless functions'],
    lineClass: 'resource',
    kind: 'functions_namespace',
    nameOf: group,
    sharedWithoutName: true,
  },
  // No public line shows one; the form of the published document's "Unused Floating IP - 1.1.1.1".
  {
    products: ['reserved ipv6', 'reserved ipv6s'],
    lineClass: 'resource',
    kind: 'reserved_ipv6',
    nameOf: address6InProse,
  },
  // No public line shows one; the kind is listed under its name.
  { products: ['domains', 'dns'], lineClass: 'resource', kind: 'domain', nameOf: bareDescription },
  // "Bandwidth overage" is pooled over the team; support is bought by the account.
  {
    products: ['bandwidth', 'bandwidth overage', 'support', 'premium support', 'support plans'],
    lineClass: 'shared',
  },
];

const rulesByProduct: ReadonlyMap<string, Rule> = new Map(
  rules.flatMap((rule) => rule.products.map((product) => [product, rule] as const)),
);

/** A product that we don't know may stand for a resource that nobody can name; it stays to be matched by id, if at all. */
const unknownProduct: Rule = { products: [], lineClass: 'resource' };

/** What a line charges for. Never fails: an unknown product is a resource without kind or name. */
export function classify(line: ClassifiableLine): Classification {
  const rule = rulesByProduct.get(normalised(line.product)) ?? ruleOfCategory(line) ?? unknownProduct;
  const kind = rule.kind ?? null;
  const resourceName = rule.nameOf?.(line) ?? null;
  if (rule.sharedWithoutName === true && resourceName === null) {
    return { lineClass: 'shared', kind: null, resourceName: null };
  }
  return { lineClass: rule.lineClass, kind, resourceName };
}

/**
 * The category speaks only where the product is unknown: the published example has a tax line under "iaas", so the
 * product is the better witness.
 */
function ruleOfCategory({ category, billedCost }: ClassifiableLine): Rule | undefined {
  const word = normalised(category ?? '');
  if (word === 'taxes' || word === 'tax') return { products: [], lineClass: 'tax' };
  if ((word === 'credits' || word === 'credit') && billedCost.isNegative()) {
    return { products: [], lineClass: 'credit' };
  }
  return undefined;
}

function normalised(text: string): string {
  return text.trim().replace(/\s+/g, ' ').toLowerCase();
}
