import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Spec } from '../../../src/domain/drift/liveValues.ts';
import { type ListPrice, type PricedDrift, priceOfDrift } from '../../../src/domain/drift/price.ts';
import type { JsonValue } from '../../../src/domain/errors.ts';
import { Decimal } from '../../../src/domain/money.ts';
import { listPrice as digitalOceanPrice } from '../../../src/providers/digitalocean/listPrices.ts';
import { droplet, sizes, volume } from './liveResource.ts';

const listPrice: ListPrice = (resource) => digitalOceanPrice(resource, sizes);
const field = (name: string, desired: JsonValue): PricedDrift => ({
  type: 'field',
  field: name,
  desired,
});
const textOf = (price: Decimal | null) => price?.toFixed() ?? null;

describe('what a difference costs a month', () => {
  it.each<[string, PricedDrift, string | null]>([
    ['a smaller size than was asked for saves', field('size_slug', 's-2vcpu-4gb'), '-18'],
    ['a larger size costs', field('size_slug', 's-1vcpu-512mb-10gb'), '2'],
    ['a size that is not in the table is unknown', field('size_slug', 's-9vcpu-9gb'), null],
    ['a name is free', field('name', 'www'), '0'],
    ['tags are free', field('tags', ['db']), '0'],
    ['backups that are missing save their share', field('backups_enabled', true), '-1.2'],
    ['backups by a text that means true do too', field('backups_enabled', 'true'), '-1.2'],
  ])('of a droplet: %s', (_what, drift, expected) => {
    expect(textOf(priceOfDrift(listPrice, drift, droplet(), null))).toBe(expected);
  });

  it('takes the backups of a droplet into the price of its size', () => {
    const live = droplet({}, { backups_enabled: true });
    expect(textOf(priceOfDrift(listPrice, field('size_slug', 's-2vcpu-4gb'), live, null))).toBe('-21.6');
  });

  it.each<[string, JsonValue, string | null]>([
    ['in GiB', 80, '2'],
    ['as a text with its unit', '80GB', '2'],
    ['in a smaller unit', '81920 MiB', '2'],
    ['that is no amount', 'large', null],
  ])('of a volume of 100 GiB, where another was asked for %s', (_what, desired, expected) => {
    expect(textOf(priceOfDrift(listPrice, field('size_gigabytes', desired), volume(), null))).toBe(expected);
  });

  it('is exact: a third of a cent stays', () => {
    const live = { ...volume({ kind: 'snapshot' }), attributes: { size_gigabytes: 3.25 } };
    expect(textOf(priceOfDrift(listPrice, { type: 'unmanaged' }, live, null))).toBe('0.195');
  });

  it('of an unmanaged resource is all of its price', () => {
    expect(textOf(priceOfDrift(listPrice, { type: 'unmanaged' }, droplet(), null))).toBe('6');
  });

  it('of a missing resource is all that it was to cost, less', () => {
    const missing = (spec: Spec | null) =>
      textOf(priceOfDrift(listPrice, { type: 'missing' }, droplet(), spec));
    expect(missing({ size_slug: 's-2vcpu-4gb' })).toBe('-24');
    expect(missing({ size_slug: 's-2vcpu-4gb', backups_enabled: true })).toBe('-28.8');
    // Where the spec is silent, what was there last.
    expect(missing({ name: 'web' })).toBe('-6');
    expect(missing(null)).toBe('-6');
  });

  it('is unknown where the list has no price, but for what never costs', () => {
    const database = droplet({ kind: 'database', sizeSlug: 'db-s-1vcpu-1gb' });
    const price = (drift: PricedDrift) => textOf(priceOfDrift(listPrice, drift, database, null));
    expect(price(field('size_slug', 'db-s-2vcpu-4gb'))).toBeNull();
    expect(price({ type: 'unmanaged' })).toBeNull();
    expect(price({ type: 'missing' })).toBeNull();
    expect(price(field('tags', ['db']))).toBe('0');
  });

  it('turns its sign with the direction, for all sizes', () => {
    const slug = fc.constantFrom(...sizes.keys());
    fc.assert(
      fc.property(slug, slug, fc.boolean(), (runs, asked, backups) => {
        const price = (sizeSlug: string, desired: string) =>
          priceOfDrift(
            listPrice,
            field('size_slug', desired),
            droplet({ sizeSlug }, { backups_enabled: backups }),
            null,
          ) ?? new Decimal(Number.NaN);
        expect(price(runs, asked).plus(price(asked, runs)).toFixed()).toBe('0');
      }),
    );
  });
});
