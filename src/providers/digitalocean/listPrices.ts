import type { PricedResource, SizeTable } from '../../domain/drift/price.ts';
import type { JsonValue } from '../../domain/errors.ts';
import { Decimal, sum } from '../../domain/money.ts';

/**
 * List prices in USD a month, before tax and discounts. Sizes of droplets come from the provider's own size table; these are the
 * prices that no call of the API tells. Each stands with the page of docs.digitalocean.com that states it.
 */

/** products/volumes/details/pricing: a GiB of a volume, attached or not. */
const volumeGib = new Decimal('0.10');
/** products/snapshots/details/pricing: a GB of a snapshot of a droplet or a volume, in however many regions. */
const snapshotGigabyte = new Decimal('0.06');
/** products/backups/details/pricing: weekly backups by the basic plan, as a share of the droplet. The listing doesn't say the plan. */
const backupsShare = new Decimal('0.20');
/** products/networking/load-balancers/details/pricing: a node of a regional load balancer. */
const balancerNode = new Decimal('12.00');
/** products/networking/reserved-ips/details/pricing: an IPv4 address that no droplet uses; used ones and IPv6 are free. */
const unusedAddress = new Decimal('5.00');
/** products/kubernetes/details/pricing: a control plane of high availability. Nodes cost what droplets of their size do. */
const highAvailability = new Decimal('40.00');

/** products/container-registry/details/pricing, and the API's own tiers: storage beyond the plan isn't in it. */
const registryTiers: ReadonlyMap<string, Decimal> = new Map([
  ['starter', new Decimal('0.00')],
  ['basic', new Decimal('5.00')],
  ['professional', new Decimal('20.00')],
]);

/** `usd_per_month` of the instance sizes in the published API document. Older size names have no price there. */
const appInstances: ReadonlyMap<string, Decimal> = new Map(
  Object.entries({
    'apps-s-1vcpu-0.5gb': '5.00',
    'apps-s-1vcpu-1gb-fixed': '10.00',
    'apps-s-1vcpu-1gb': '12.00',
    'apps-s-1vcpu-2gb': '25.00',
    'apps-s-2vcpu-4gb': '50.00',
    'apps-d-1vcpu-0.5gb': '29.00',
    'apps-d-1vcpu-1gb': '34.00',
    'apps-d-1vcpu-2gb': '39.00',
    'apps-d-1vcpu-4gb': '49.00',
    'apps-d-2vcpu-4gb': '78.00',
    'apps-d-2vcpu-8gb': '98.00',
    'apps-d-4vcpu-8gb': '156.00',
    'apps-d-4vcpu-16gb': '196.00',
    'apps-d-8vcpu-32gb': '392.00',
  }).map(([slug, price]) => [slug, new Decimal(price)]),
);

const free = new Decimal(0);

/**
 * What a month of a resource costs by DigitalOcean's list. Null where it has no price: databases, whose sizes no call lists; what is
 * billed by use alone; what is sold to the account and not by the piece, such as the Spaces subscription.
 */
export function listPrice(resource: PricedResource, sizes: SizeTable): Decimal | null {
  const { attributes, sizeSlug } = resource;
  switch (resource.kind) {
    case 'droplet': {
      const price = sizes.get(sizeSlug ?? '')?.priceMonthly ?? null;
      return attributes['backups_enabled'] === true ? times(price, backupsShare.plus(1)) : price;
    }
    case 'volume':
      return times(decimalOf(attributes['size_gigabytes']), volumeGib);
    case 'snapshot':
      return times(decimalOf(attributes['size_gigabytes']), snapshotGigabyte);
    case 'load_balancer':
      return balancerPrice(resource);
    case 'reserved_ip':
      return (attributes['droplet_id'] ?? null) === null ? unusedAddress : free;
    case 'kubernetes_cluster':
      return clusterPrice(attributes, sizes);
    case 'container_registry':
      return registryTiers.get(sizeSlug ?? '') ?? null;
    case 'app':
      return appPrice(attributes);
    // A backup's price is in its droplet's; the others cost nothing.
    case 'backup':
    case 'reserved_ipv6':
    case 'domain':
    case 'firewall':
    case 'vpc':
      return free;
    case 'database':
    case 'spaces_bucket':
    case 'functions_namespace':
      return null;
  }
}

/** The nodes of the sizes that some regions have in place of a number of nodes, by the published API document. */
const nodesOfSize: ReadonlyMap<string, Decimal> = new Map([
  ['lb-small', new Decimal(1)],
  ['lb-medium', new Decimal(3)],
  ['lb-large', new Decimal(6)],
]);

function balancerPrice({ attributes, sizeSlug }: PricedResource): Decimal | null {
  const type = attributes['type'] ?? null;
  if (type !== null && type !== 'REGIONAL') return null;
  return times(decimalOf(attributes['size_unit']) ?? nodesOfSize.get(sizeSlug ?? '') ?? null, balancerNode);
}

function clusterPrice(attributes: PricedResource['attributes'], sizes: SizeTable): Decimal | null {
  const nodes = total(
    recordsOf(attributes['node_pools']).map(({ size, count }) =>
      times(decimalOf(count), sizes.get(String(size))?.priceMonthly ?? null),
    ),
  );
  return attributes['ha'] === true ? (nodes?.plus(highAvailability) ?? null) : nodes;
}

/** Services and workers: jobs and functions are billed while they run, static sites by the account's allowance. */
function appPrice(attributes: PricedResource['attributes']): Decimal | null {
  // What a development database costs is in no published text known to us.
  if (recordsOf(attributes['databases']).some(({ production }) => production !== true)) return null;
  return total(
    [...recordsOf(attributes['services']), ...recordsOf(attributes['workers'])].map((component) => {
      const { min_instance_count: least = null } = recordsOf([component['autoscaling'] ?? null])[0] ?? {};
      // A component that scales itself costs at least its smallest number of instances.
      const count = decimalOf(component['instance_count'] ?? least ?? 1);
      const size = String(component['instance_size_slug'] ?? 'apps-s-1vcpu-0.5gb');
      return times(count, appInstances.get(size) ?? null);
    }),
  );
}

function times(left: Decimal | null, right: Decimal | null): Decimal | null {
  return left === null || right === null ? null : left.times(right);
}

/** The sum, where each part is known. */
function total(parts: readonly (Decimal | null)[]): Decimal | null {
  const known = parts.filter((part) => part !== null);
  return known.length === parts.length ? sum(known) : null;
}

function decimalOf(value: JsonValue | undefined): Decimal | null {
  return typeof value === 'number' || (typeof value === 'string' && /^\d+(?:\.\d+)?$/.test(value))
    ? new Decimal(value)
    : null;
}

function recordsOf(value: JsonValue | undefined): { readonly [key: string]: JsonValue }[] {
  return Array.isArray(value) ? value.filter((one: JsonValue) => isRecord(one)) : [];
}

function isRecord(value: JsonValue): value is { readonly [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
