import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fieldDrift } from '../../../src/domain/drift/compare.ts';
import { liveValue } from '../../../src/domain/drift/liveValues.ts';
import { adoptedSpec } from '../../../src/domain/drift/specFields.ts';
import { parseDecimal } from '../../../src/domain/money.ts';
import { droplet } from './liveResource.ts';

const golden: {
  readonly drift: {
    readonly spec: Record<string, string>;
    readonly live: { readonly size_slug: string; readonly region: string };
    readonly open: string[];
    readonly after_accept: string[];
  };
} = JSON.parse(readFileSync('dev/golden/cases.json', 'utf8'));

describe('the fields that differ', () => {
  it('are those of the golden case: one, and none after the live value was accepted', () => {
    const { spec, live, open, after_accept: afterAccept } = golden.drift;
    const found = droplet({ sizeSlug: live.size_slug, region: live.region });
    const drift = fieldDrift('droplet', spec, found);
    expect(drift.map(({ field }) => field)).toEqual(open);
    const accepted = { ...spec, ...Object.fromEntries(drift.map(({ field, actual }) => [field, actual])) };
    expect(fieldDrift('droplet', accepted, found).map(({ field }) => field)).toEqual(afterAccept);
  });

  it('say what was asked for and what is there, by name', () => {
    expect(fieldDrift('droplet', { tags: ['db'], name: 'www', region: 'syd1' }, droplet())).toEqual([
      { field: 'name', desired: 'www', actual: 'web' },
      { field: 'tags', desired: ['db'], actual: ['web'] },
    ]);
  });

  it('take in a field that the resource has nothing of', () => {
    expect(fieldDrift('droplet', { constructor: 'x', kernel: 'old' }, droplet())).toEqual([
      { field: 'constructor', desired: 'x', actual: null },
      { field: 'kernel', desired: 'old', actual: null },
    ]);
  });

  it('are none after a resource was taken over as it is, and one after one of them moved', () => {
    fc.assert(
      fc.property(
        fc.record({
          name: fc.string({ minLength: 1 }),
          sizeSlug: fc.constantFrom('a', 'b'),
          tags: fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/)),
        }),
        fc.record({ backups_enabled: fc.boolean(), volume_ids: fc.uniqueArray(fc.uuid()) }),
        (columns, attributes) => {
          const live = droplet(columns, attributes);
          const spec = adoptedSpec(live);
          expect(fieldDrift('droplet', spec, live)).toEqual([]);
          const resized = { ...live, sizeSlug: 'c' };
          expect(fieldDrift('droplet', spec, resized)).toEqual([
            { field: 'size_slug', desired: columns.sizeSlug, actual: 'c' },
          ]);
        },
      ),
    );
  });
});

describe('the live value of a field', () => {
  it('is the column of that name before the attribute', () => {
    const live = droplet({ name: 'web' }, { name: 'hidden', disk: 25 });
    expect(liveValue(live, 'name')).toBe('web');
    expect(liveValue(live, 'disk')).toBe(25);
  });

  it('is exact for a price, and null for what is not there', () => {
    expect(liveValue(droplet({ priceMonthly: parseDecimal('5.10') }), 'price_monthly')).toBe('5.1');
    expect(liveValue(droplet(), 'kernel')).toBeNull();
    expect(liveValue(droplet(), 'toString')).toBeNull();
  });
});
