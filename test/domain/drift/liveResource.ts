import type { LiveResource } from '../../../src/domain/drift/liveValues.ts';
import type { Size, SizeTable } from '../../../src/domain/drift/price.ts';
import { parseDecimal } from '../../../src/domain/money.ts';

/** A droplet as it was last read, with what a test changes of it. */
export function droplet(
  changes: Partial<LiveResource> = {},
  attributes: LiveResource['attributes'] = {},
): LiveResource {
  return {
    kind: 'droplet',
    externalId: '412000100',
    name: 'web',
    region: 'syd1',
    sizeSlug: 's-1vcpu-1gb',
    status: 'active',
    tags: ['web'],
    priceMonthly: parseDecimal('6'),
    currency: 'USD',
    ...changes,
    attributes: {
      disk: 25,
      locked: false,
      image_id: 155133621,
      image_slug: 'ubuntu-24-04-x64',
      vpc_uuid: 'c33931f2-a26a-4e61-b85c-4e95a2ec431b',
      backups_enabled: false,
      volume_ids: [],
      ...attributes,
    },
  };
}

export function volume(
  changes: Partial<LiveResource> = {},
  attributes: LiveResource['attributes'] = {},
): LiveResource {
  return {
    kind: 'volume',
    externalId: '506f78a4-e098-11e5-ad9f-000f53306ae1',
    name: 'data',
    region: 'syd1',
    sizeSlug: null,
    status: null,
    tags: [],
    priceMonthly: null,
    currency: 'USD',
    ...changes,
    attributes: { size_gigabytes: 100, droplet_ids: ['412000100'], ...attributes },
  };
}

const size = (slug: string, diskGib: number, price: string, more: Partial<Size> = {}): Size => ({
  slug,
  diskGib,
  priceMonthly: parseDecimal(price),
  regions: ['syd1', 'sgp1'],
  isAvailable: true,
  ...more,
});

export const sizes: SizeTable = new Map(
  [
    size('s-1vcpu-512mb-10gb', 10, '4'),
    size('s-1vcpu-1gb', 25, '6'),
    size('s-1vcpu-1gb-amd', 25, '7'),
    size('s-1vcpu-2gb', 50, '12'),
    size('s-2vcpu-4gb', 80, '24'),
    size('s-4vcpu-8gb', 160, '48'),
    size('g-2vcpu-8gb', 25, '63', { regions: ['nyc3'] }),
    size('s-1vcpu-3gb', 60, '15', { isAvailable: false }),
  ].map((one) => [one.slug, one]),
);
