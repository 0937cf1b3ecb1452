import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fieldDrift } from '../../../src/domain/drift/compare.ts';
import type { LiveResource, Spec } from '../../../src/domain/drift/liveValues.ts';
import { resourceKinds } from '../../../src/domain/resourceKind.ts';
import { acceptedSpecs } from '../../../src/services/drift/acceptedSpecs.ts';
import type { LockedDrift } from '../../../src/services/drift/lockDrift.ts';

const fields = ['name', 'region', 'size_slug', 'status', 'tags', 'size_gigabytes', 'image_id', 'node_pools'];
const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)));
const word = fc.constantFrom('a', 'b', '10', '10 GB', '');

const live: fc.Arbitrary<LiveResource> = fc.record({
  kind: fc.constantFrom(...resourceKinds),
  externalId: fc.constant('1'),
  name: word,
  region: fc.option(word),
  sizeSlug: fc.option(word),
  status: fc.option(word),
  tags: fc.array(word),
  priceMonthly: fc.constant(null),
  currency: fc.constant('USD'),
  attributes: fc.dictionary(fc.constantFrom(...fields.slice(5)), json, { noNullPrototype: true }),
});
const spec: fc.Arbitrary<Spec> = fc.dictionary(
  fc.constantFrom(...fields),
  fc.oneof(word, json, fc.array(word)),
  { noNullPrototype: true },
);

const driftOf = (resource: LiveResource, wanted: Spec): LockedDrift[] =>
  fieldDrift(resource.kind, wanted, resource).map(({ field, desired, actual }) => ({
    id: field,
    resourceId: 'resource',
    provider: 'cloud',
    kind: resource.kind,
    type: 'field',
    field,
    desired,
    actual,
    specVersion: 1,
  }));

describe('what accepting asks for', () => {
  it('differs in none of the accepted fields from what is there, in the others as before, and names no other', () => {
    fc.assert(
      fc.property(live, spec, fc.func(fc.boolean()), (resource, wanted, isAccepted) => {
        const drifts = driftOf(resource, wanted);
        const accepted = drifts.filter(({ id }) => isAccepted(id));
        const { written, withdrawn } = acceptedSpecs(
          accepted,
          new Map([['resource', { live: resource, isGone: false }]]),
          new Map([['resource', wanted]]),
        );
        expect(withdrawn).toEqual([]);
        const now = written[0]?.spec ?? wanted;
        expect(written).toHaveLength(accepted.length === 0 ? 0 : 1);
        expect(Object.keys(now).toSorted()).toEqual(Object.keys(wanted).toSorted());
        expect(driftOf(resource, now).map(({ id }) => id)).toEqual(
          drifts.filter(({ id }) => !isAccepted(id)).map(({ id }) => id),
        );
      }),
    );
  });

  it('is, of what nobody asked for, a spec from which nothing differs', () => {
    fc.assert(
      fc.property(live, (resource) => {
        const unmanaged = {
          id: '1',
          resourceId: 'resource',
          provider: 'cloud',
          kind: resource.kind,
          type: 'unmanaged',
          field: null,
          desired: null,
          actual: null,
          specVersion: null,
        } as const;
        const { written } = acceptedSpecs(
          [unmanaged],
          new Map([['resource', { live: resource, isGone: false }]]),
          new Map(),
        );
        expect(driftOf(resource, written[0]?.spec ?? { name: 'nothing was written' })).toEqual([]);
      }),
    );
  });
});
