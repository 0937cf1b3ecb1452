import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PricedResource, Size, SizeTable } from '../../../src/domain/drift/price.ts';
import { parseDecimal } from '../../../src/domain/money.ts';
import { contextKinds, type ResourceKind, resourceKinds } from '../../../src/domain/resourceKind.ts';
import { listPrice } from '../../../src/providers/digitalocean/listPrices.ts';

const size = (slug: string, price: string): Size => ({
  slug,
  diskGib: 25,
  priceMonthly: parseDecimal(price),
  regions: ['syd1'],
  isAvailable: true,
});
const sizes: SizeTable = new Map(
  [size('s-1vcpu-1gb', '6'), size('s-1vcpu-1gb-intel', '7'), size('s-2vcpu-4gb', '24')].map((one) => [
    one.slug,
    one,
  ]),
);

function priceOf(kind: ResourceKind, more: Partial<PricedResource> = {}): string | null {
  const resource = { kind, region: 'syd1', sizeSlug: null, attributes: {}, ...more };
  return listPrice(resource, sizes)?.toFixed() ?? null;
}

const droplet = (sizeSlug: string | null, backups = false) =>
  priceOf('droplet', { sizeSlug, attributes: { backups_enabled: backups } });
const withAttributes = (kind: ResourceKind, attributes: PricedResource['attributes']) =>
  priceOf(kind, { attributes });
const web = (more: PricedResource['attributes']) => ({
  name: 'web',
  instance_size_slug: 'apps-s-1vcpu-1gb',
  ...more,
});

describe('the list price of a month', () => {
  it.each<[string, string | null, string | null]>([
    ['a droplet by its size', droplet('s-2vcpu-4gb'), '24'],
    ['a droplet with backups, a fifth more', droplet('s-2vcpu-4gb', true), '28.8'],
    ['backups of an odd price, exact', droplet('s-1vcpu-1gb-intel', true), '8.4'],
    ['a droplet of a size that the table lacks', droplet('s-9vcpu-9gb'), null],
    ['a droplet without a size', droplet(null), null],
    ['a volume by its GiB', withAttributes('volume', { size_gigabytes: 100 }), '10'],
    ['a volume whose size is a text', withAttributes('volume', { size_gigabytes: '50' }), '5'],
    ['a volume of unknown size', withAttributes('volume', {}), null],
    ['a snapshot by its GB', withAttributes('snapshot', { size_gigabytes: 2.34 }), '0.1404'],
    ['an address in use', withAttributes('reserved_ip', { droplet_id: '412' }), '0'],
    ['an address that nobody uses', withAttributes('reserved_ip', { droplet_id: null }), '5'],
    ['an IPv6 address that nobody uses', withAttributes('reserved_ipv6', { droplet_id: null }), '0'],
    ['a load balancer by its nodes', withAttributes('load_balancer', { size_unit: 3 }), '36'],
    [
      'a load balancer by the old name of its nodes',
      priceOf('load_balancer', { sizeSlug: 'lb-medium' }),
      '36',
    ],
    [
      'a load balancer of another sort',
      withAttributes('load_balancer', { size_unit: 1, type: 'REGIONAL_NETWORK' }),
      null,
    ],
    ['a load balancer of unknown size', priceOf('load_balancer'), null],
    [
      'a cluster by its nodes',
      withAttributes('kubernetes_cluster', {
        ha: false,
        node_pools: [
          { size: 's-2vcpu-4gb', count: 3 },
          { size: 's-1vcpu-1gb', count: 1 },
        ],
      }),
      '78',
    ],
    [
      'a cluster of high availability',
      withAttributes('kubernetes_cluster', { ha: true, node_pools: [{ size: 's-2vcpu-4gb', count: 1 }] }),
      '64',
    ],
    [
      'a cluster with nodes of a size that the table lacks',
      withAttributes('kubernetes_cluster', { node_pools: [{ size: 's-9vcpu-9gb', count: 1 }] }),
      null,
    ],
    ['a registry of the basic plan', priceOf('container_registry', { sizeSlug: 'basic' }), '5'],
    ['a registry of an unknown plan', priceOf('container_registry'), null],
    [
      'an app by its instances',
      withAttributes('app', { services: [web({ instance_count: 2 })], workers: [{ name: 'mail' }] }),
      '29',
    ],
    [
      'an app that scales itself, at its least',
      withAttributes('app', {
        services: [web({ instance_count: null, autoscaling: { min_instance_count: 3 } })],
      }),
      '36',
    ],
    [
      'an app of an older size',
      withAttributes('app', { services: [web({ instance_size_slug: 'professional-xs' })] }),
      null,
    ],
    [
      'an app with a development database',
      withAttributes('app', { services: [], databases: [{ name: 'db', production: false }] }),
      null,
    ],
    ['a backup, which is in the price of its droplet', withAttributes('backup', { size_gigabytes: 3 }), '0'],
    ['a domain', priceOf('domain'), '0'],
    ['a database', priceOf('database', { sizeSlug: 'db-s-1vcpu-1gb' }), null],
    ['a bucket, whose subscription is the account’s', priceOf('spaces_bucket'), null],
    ['a functions namespace', priceOf('functions_namespace'), null],
  ])('of %s', (_what, price, expected) => {
    expect(price).toBe(expected);
  });

  it('is nothing for the kinds that cost nothing', () => {
    for (const kind of contextKinds) expect(priceOf(kind)).toBe('0');
  });

  it('is never negative, whatever a listing says', () => {
    const value = fc.oneof(fc.constant(null), fc.boolean(), fc.nat(), fc.string({ maxLength: 3 }));
    const attributes = fc.dictionary(
      fc.constantFrom('size_gigabytes', 'size_unit', 'ha', 'node_pools', 'services', 'droplet_id'),
      fc.oneof(value, fc.array(fc.dictionary(fc.constantFrom('size', 'count', 'instance_count'), value))),
    );
    fc.assert(
      fc.property(fc.constantFrom(...resourceKinds), attributes, (kind, of) => {
        const price = listPrice({ kind, region: null, sizeSlug: 's-1vcpu-1gb', attributes: of }, sizes);
        expect(price === null || (price.isFinite() && !price.isNegative())).toBe(true);
      }),
    );
  });
});
