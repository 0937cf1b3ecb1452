import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sameValue } from '../../../src/domain/drift/equality.ts';
import type { JsonValue } from '../../../src/domain/errors.ts';
import { type ResourceKind, resourceKinds } from '../../../src/domain/resourceKind.ts';
import { equalityCases } from './equalityCases.ts';

const live = { externalId: '1', sizeSlug: null, attributes: {} };

describe('a live value against the one that was asked for', () => {
  it.each(equalityCases.map((one) => ({ ...one, verdict: one.same ? 'is the same' : 'differs' })))(
    '$kind $field $verdict: $why',
    ({ kind, field, desired, actual, live: shown, same }) => {
      expect(sameValue(kind, field, desired, actual, { ...live, ...shown })).toBe(same);
    },
  );

  it('is judged the same way after both went through JSON', () => {
    const again = (value: JsonValue): JsonValue => JSON.parse(JSON.stringify(value));
    for (const { kind, field, desired, actual, live: shown, same } of equalityCases) {
      expect(sameValue(kind, field, again(desired), again(actual), { ...live, ...shown })).toBe(same);
    }
  });

  it('has cases of both sorts for each kind that has normalisers', () => {
    const judged = (same: boolean) =>
      new Set(equalityCases.filter((one) => one.same === same).map(({ kind }) => kind));
    for (const kind of ['droplet', 'volume', 'load_balancer', 'firewall', 'database', 'app'] as const) {
      expect([judged(true).has(kind), judged(false).has(kind)]).toEqual([true, true]);
    }
  });
});

const kind = fc.constantFrom<ResourceKind>(...resourceKinds);
/** Fields with normalisers of every sort among them, and one without. */
const field = fc.constantFrom(
  'name',
  'tags',
  'size_slug',
  'region',
  'status',
  'version',
  'image_id',
  'size_gigabytes',
  'node_pools',
  'services',
  'inbound_rules',
  'forwarding_rules',
  'backups_enabled',
  'anything',
);
const { value: json } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.boolean(),
    fc.string({ maxLength: 6 }),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 4 }), tie('value'), { maxKeys: 4 }),
  ),
}));

function mapJson(value: JsonValue, change: (value: JsonValue) => JsonValue): JsonValue {
  if (Array.isArray(value)) return change(value.map((one: JsonValue) => mapJson(one, change)));
  if (typeof value !== 'object' || value === null) return change(value);
  return change(Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mapJson(one, change)])));
}

describe('for any JSON', () => {
  it('equal values are the same, in every field of every kind', () => {
    fc.assert(
      fc.property(kind, field, json, (of, name, value) => {
        expect(sameValue(of, name, value, structuredClone(value), live)).toBe(true);
      }),
    );
  });

  it('a round trip through JSON is no drift', () => {
    fc.assert(
      fc.property(kind, field, json, (of, name, value) => {
        expect(sameValue(of, name, value, JSON.parse(JSON.stringify(value)), live)).toBe(true);
      }),
    );
  });

  it('lists and keys in another order are no drift', () => {
    const turned = (value: JsonValue) =>
      mapJson(value, (one) => {
        if (Array.isArray(one)) return one.toReversed();
        if (typeof one !== 'object' || one === null) return one;
        return Object.fromEntries(Object.entries(one).toReversed());
      });
    fc.assert(
      fc.property(kind, field, json, (of, name, value) => {
        expect(sameValue(of, name, value, turned(value), live)).toBe(true);
      }),
    );
  });

  it('numbers as their texts are no drift', () => {
    const asText = (value: JsonValue) =>
      mapJson(value, (one) => (typeof one === 'number' ? String(one) : one));
    fc.assert(
      fc.property(kind, field, json, (of, name, value) => {
        expect(sameValue(of, name, value, asText(value), live)).toBe(true);
        expect(sameValue(of, name, asText(value), value, live)).toBe(true);
      }),
    );
  });

  it('a whole number as 1, "1" and "1.0" is no drift', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        for (const text of [String(value), `${value}.0`, `${value}.00`]) {
          expect(sameValue('droplet', 'vcpus', text, value, live)).toBe(true);
          expect(sameValue('droplet', 'vcpus', value, text, live)).toBe(true);
        }
      }),
    );
  });

  it('what the spec has no key for is no drift', () => {
    const record = fc.dictionary(fc.string({ maxLength: 4 }), json, { maxKeys: 5 });
    fc.assert(
      fc.property(record, record, (desired, more) => {
        expect(sameValue('droplet', 'anything', desired, { ...more, ...desired }, live)).toBe(true);
      }),
    );
  });

  it('what has no keys is the same both ways or neither, where no normaliser is one-way', () => {
    const scalar = fc.oneof(fc.constant(null), fc.boolean(), fc.string({ maxLength: 2 }), fc.integer());
    const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }));
    const fields = fc.constantFrom('name', 'region', 'vpc_uuid', 'size_gigabytes', 'anything');
    fc.assert(
      fc.property(fields, value, value, (name, left, right) => {
        expect(sameValue('volume', name, left, right, live)).toBe(
          sameValue('volume', name, right, left, live),
        );
      }),
    );
  });

  it('a scalar that changes, however deep it stands, is drift', () => {
    const path = fc.array(fc.oneof(fc.string({ minLength: 1, maxLength: 4 }), fc.constant(null)), {
      maxLength: 4,
    });
    const scalar = fc.oneof(fc.boolean(), fc.integer(), fc.string({ minLength: 1, maxLength: 5 }));
    // Null stands for a list, a name for an object.
    const within = (keys: readonly (string | null)[], value: JsonValue): JsonValue =>
      keys.reduceRight<JsonValue>((inner, key) => (key === null ? [inner] : { [key]: inner }), value);
    fc.assert(
      fc.property(path, scalar, scalar, (keys, before, after) => {
        fc.pre(String(before) !== String(after) && Number(before) !== Number(after));
        const [desired, actual] = [within(keys, before), within(keys, after)];
        expect(sameValue('spaces_bucket', 'anything', desired, actual, live)).toBe(false);
      }),
    );
  });

  it('an element more or less is drift, where no provider adds any', () => {
    const ids = fc.uniqueArray(fc.integer({ min: 1 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(ids, fc.nat(), (all, at) => {
        const fewer = all.toSpliced(at % all.length, 1);
        expect(sameValue('firewall', 'droplet_ids', all, fewer.map(String), live)).toBe(false);
        expect(sameValue('firewall', 'droplet_ids', fewer.map(String), all, live)).toBe(false);
      }),
    );
  });

  it('an amount is the same in each unit, and another amount in none', () => {
    const units = fc.constantFrom<[string, number]>(['G', 1], ['GB', 1], [' GiB', 1], [' MiB', 1024]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 16_384 }), units, fc.integer({ min: 1 }), (size, unit, more) => {
        const [name, factor] = unit;
        expect(sameValue('volume', 'size_gigabytes', `${size * factor}${name}`, size, live)).toBe(true);
        expect(sameValue('volume', 'size_gigabytes', `${size * factor}${name}`, size + more, live)).toBe(
          false,
        );
      }),
    );
  });
});
