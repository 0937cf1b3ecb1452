import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sameValue } from '../../../src/domain/drift/equality.ts';
import { type LiveResource, liveValue } from '../../../src/domain/drift/liveValues.ts';
import type { ListPrice } from '../../../src/domain/drift/price.ts';
import {
  movedSince,
  planRevert,
  type RevertOptions,
  type RevertPlan,
} from '../../../src/domain/drift/revertPlan.ts';
import type { JsonValue } from '../../../src/domain/errors.ts';
import { Decimal } from '../../../src/domain/money.ts';
import { droplet, sizes, volume } from './liveResource.ts';
import { applied, diskOf } from './resourceModel.ts';

const listPrice: ListPrice = ({ kind, sizeSlug, attributes }) => {
  if (kind === 'volume') return new Decimal(String(attributes['size_gigabytes'])).times('0.1');
  return sizes.get(sizeSlug ?? '')?.priceMonthly ?? null;
};
const options: RevertOptions = { resizeDisk: false, listPrice };
const firewall = (members: JsonValue): LiveResource => ({
  ...droplet({
    kind: 'firewall',
    externalId: 'fw-1',
    name: 'edge',
    sizeSlug: null,
    status: 'succeeded',
    tags: [],
  }),
  attributes: { droplet_ids: members },
});

function revert(live: LiveResource, field: string, desired: JsonValue, chosen: Partial<RevertOptions> = {}) {
  return planRevert({ kind: live.kind, type: 'field', field, desired }, live, sizes, {
    ...options,
    ...chosen,
  });
}

function planOf(
  live: LiveResource,
  field: string,
  desired: JsonValue,
  chosen?: Partial<RevertOptions>,
): RevertPlan {
  const { plan, refusal } = revert(live, field, desired, chosen);
  if (plan === null) throw new Error(refusal.message);
  return plan;
}

const actionsOf = (plan: RevertPlan) => plan.steps.map(({ action }) => action);

describe('the plan of a resize', () => {
  it('turns a droplet off, resizes it, and turns it on again as it was', () => {
    const plan = planOf(droplet(), 'size_slug', 's-2vcpu-4gb');
    expect(plan).toEqual({
      kind: 'droplet',
      externalId: '412000100',
      field: 'size_slug',
      desired: 's-2vcpu-4gb',
      steps: [
        {
          name: 'power_off',
          action: 'power_off',
          parameters: {},
          undo: { action: 'power_on', parameters: {} },
          reversible: true,
          downtime: true,
        },
        {
          name: 'resize',
          action: 'resize',
          parameters: { size: 's-2vcpu-4gb', disk: false },
          undo: { action: 'resize', parameters: { size: 's-1vcpu-1gb', disk: false } },
          reversible: true,
          downtime: true,
        },
        {
          name: 'power_on',
          action: 'power_on',
          parameters: {},
          undo: { action: 'power_off', parameters: {} },
          reversible: true,
          downtime: false,
        },
      ],
      downtime: true,
      addedMonthly: '18.00',
      currency: 'USD',
      irreversible: [],
      warnings: ['The disk stays at 25 of the 80 GiB that the size has.'],
      base: { size_slug: 's-1vcpu-1gb', status: 'active', disk: 25 },
      checksum: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
  });

  it('leaves a droplet off that is off, without downtime', () => {
    const plan = planOf(droplet({ status: 'off' }), 'size_slug', 's-2vcpu-4gb');
    expect(actionsOf(plan)).toEqual(['resize']);
    expect(plan.downtime).toBe(false);
    expect(plan.warnings).toContain('It is off, and stays off.');
  });

  it('grows the disk only where that was chosen, and says that there is no way back', () => {
    const plan = planOf(droplet(), 'size_slug', 's-2vcpu-4gb', { resizeDisk: true });
    expect(plan.steps[1]).toMatchObject({
      parameters: { size: 's-2vcpu-4gb', disk: true },
      undo: null,
      reversible: false,
    });
    expect(plan.irreversible).toEqual(['The disk grows from 25 to 80 GiB: it never shrinks again.']);
    expect(plan.warnings).toEqual([]);
  });

  it('has a way back with the disk chosen, where the size has no larger one', () => {
    const plan = planOf(droplet(), 'size_slug', 's-1vcpu-1gb-amd', { resizeDisk: true });
    expect(plan.steps[1]).toMatchObject({ parameters: { disk: false }, reversible: true });
    expect(plan.irreversible).toEqual([]);
    expect(plan.warnings).toEqual([]);
  });

  it('has no way back to a size that is no longer sold', () => {
    const plan = planOf(droplet({ sizeSlug: 's-1vcpu-3gb' }), 'size_slug', 's-2vcpu-4gb');
    expect(plan.steps[1]?.undo).toBeNull();
    expect(plan.irreversible).toEqual([
      'The size s-1vcpu-3gb is not sold in syd1 any more: there is no way back to it.',
    ]);
  });

  it.each([
    ['s-2vcpu-4gb', 's-1vcpu-1gb', '-18.00'],
    ['s-1vcpu-1gb', 's-4vcpu-8gb', '42.00'],
    ['s-1vcpu-1gb', 's-1vcpu-1gb-amd', '1.00'],
  ])('from %s to %s adds %s a month', (from, to, expected) => {
    expect(planOf(droplet({ sizeSlug: from }), 'size_slug', to).addedMonthly).toBe(expected);
  });

  it('says of no money that it is unknown, where there is no list', () => {
    expect(planOf(droplet(), 'size_slug', 's-2vcpu-4gb', { listPrice: null }).addedMonthly).toBeNull();
  });
});

describe('the plan of another field', () => {
  it('renames', () => {
    const plan = planOf(droplet(), 'name', 'www');
    expect(plan).toMatchObject({
      steps: [
        {
          action: 'rename',
          parameters: { name: 'www' },
          undo: { action: 'rename', parameters: { name: 'web' } },
        },
      ],
      downtime: false,
      addedMonthly: '0.00',
      base: { name: 'web' },
    });
  });

  it('puts tags on before it takes tags off, in the case that each has', () => {
    const plan = planOf(droplet({ tags: ['Web', 'old', 'Older'] }), 'tags', ['web', 'new']);
    expect(plan.steps).toMatchObject([
      {
        action: 'add_tags',
        parameters: { tags: ['new'] },
        undo: { action: 'remove_tags', parameters: { tags: ['new'] } },
      },
      {
        action: 'remove_tags',
        parameters: { tags: ['Older', 'old'] },
        undo: { action: 'add_tags', parameters: { tags: ['Older', 'old'] } },
      },
    ]);
  });

  it('leaves the tags of a cluster on', () => {
    const own = 'k8s:bd5f5959-5e1e-4205-a714-a914373942af';
    expect(planOf(droplet({ tags: ['k8s', own, 'old'] }), 'tags', []).steps).toMatchObject([
      { action: 'remove_tags', parameters: { tags: ['old'] } },
    ]);
  });

  it.each([200, '200', '200GB', '204800 MiB'])('grows a volume to %j, for good', (desired) => {
    const plan = planOf(volume(), 'size_gigabytes', desired);
    expect(plan).toMatchObject({
      steps: [
        {
          action: 'grow_volume',
          parameters: { size_gigabytes: 200, region: 'syd1' },
          undo: null,
          reversible: false,
        },
      ],
      addedMonthly: '10.00',
      irreversible: ['The volume grows from 100 to 200 GiB: it never shrinks again.'],
    });
  });

  it.each([
    [true, 'enable_backups', 'disable_backups'],
    [false, 'disable_backups', 'enable_backups'],
  ])('turns backups to %s', (desired, action, undo) => {
    const live = droplet({}, { backups_enabled: !desired });
    expect(planOf(live, 'backups_enabled', desired).steps).toMatchObject([
      { action, undo: { action: undo } },
    ]);
  });

  it('gives a firewall its members back', () => {
    expect(planOf(firewall(['1', '2']), 'droplet_ids', [2, 3]).steps).toMatchObject([
      { action: 'add_to_firewall', parameters: { firewall_id: 'fw-1', droplet_ids: ['3'] } },
      { action: 'remove_from_firewall', parameters: { firewall_id: 'fw-1', droplet_ids: ['1'] } },
    ]);
  });
});

describe('a revert', () => {
  it.each<[string, string, LiveResource, string, JsonValue]>([
    ['field_not_revertible', 'another region', droplet(), 'region', 'sgp1'],
    ['field_not_revertible', 'another image', droplet(), 'image_id', 1],
    ['field_not_revertible', 'another image by slug', droplet(), 'image_slug', 'debian-12-x64'],
    ['field_not_revertible', 'another VPC', droplet(), 'vpc_uuid', 'bd5f5959-5e1e-4205-a714-a914373942af'],
    ['field_not_revertible', 'power', droplet({ status: 'off' }), 'status', 'active'],
    ['field_not_revertible', 'a disk', droplet(), 'disk', 50],
    ['field_not_revertible', 'an attached volume', droplet(), 'volume_ids', ['v']],
    ['field_not_revertible', 'the name of a volume', volume(), 'name', 'other'],
    ['field_not_revertible', 'the rules of a firewall', firewall([]), 'inbound_rules', [{ protocol: 'tcp' }]],
    ['field_not_revertible', 'a database', droplet({ kind: 'database' }), 'size_slug', 's-2vcpu-4gb'],
    ['field_not_revertible', 'a field that is no field', droplet(), 'toString', 'x'],
    ['already_as_desired', 'the size that it has', droplet(), 'size_slug', 's-1vcpu-1gb'],
    ['already_as_desired', 'tags in another order', droplet({ tags: ['a', 'b'] }), 'tags', ['b', 'a']],
    ['already_as_desired', 'the size of a volume as text', volume(), 'size_gigabytes', '100GB'],
    ['resource_locked', 'a locked droplet', droplet({}, { locked: true }), 'size_slug', 's-2vcpu-4gb'],
    ['resource_not_settled', 'a new droplet', droplet({ status: 'new' }), 'size_slug', 's-2vcpu-4gb'],
    ['resource_not_settled', 'the name of an archived one', droplet({ status: 'archive' }), 'name', 'www'],
    [
      'resource_not_settled',
      'a disk of unknown size',
      droplet({}, { disk: null }),
      'size_slug',
      's-2vcpu-4gb',
    ],
    ['size_unknown', 'a size that there is not', droplet(), 'size_slug', 's-9vcpu-9gb'],
    ['size_unknown', 'a size that is no text', droplet(), 'size_slug', 5],
    ['size_not_available', 'a size of other regions', droplet(), 'size_slug', 'g-2vcpu-8gb'],
    ['size_not_available', 'a size that is not sold', droplet(), 'size_slug', 's-1vcpu-3gb'],
    [
      'disk_would_shrink',
      'a size with a smaller disk',
      droplet({}, { disk: 80 }),
      'size_slug',
      's-1vcpu-2gb',
    ],
    ['desired_value_invalid', 'a name with a blank', droplet(), 'name', 'my web'],
    ['desired_value_invalid', 'no name', droplet(), 'name', null],
    ['desired_value_invalid', 'a tag with a blank', droplet(), 'tags', ['my tag']],
    ['desired_value_invalid', 'tags that are no list', droplet(), 'tags', 'web-2'],
    ['desired_value_invalid', 'backups of some sort', droplet(), 'backups_enabled', 'weekly'],
    ['desired_value_invalid', 'members that are no droplets', firewall(['1']), 'droplet_ids', ['web']],
    ['desired_value_invalid', 'half a GiB', volume(), 'size_gigabytes', 100.5],
    ['desired_value_invalid', 'a large volume', volume(), 'size_gigabytes', 'large'],
    ['resource_not_settled', 'a volume in no region', volume({ region: null }), 'size_gigabytes', 200],
    [
      'resource_not_settled',
      'a volume of unknown size',
      volume({}, { size_gigabytes: null }),
      'size_gigabytes',
      200,
    ],
    ['desired_value_invalid', 'members that are no list', firewall(['1']), 'droplet_ids', '2'],
    ['volume_would_shrink', 'a smaller volume', volume(), 'size_gigabytes', 99],
    ['volume_too_large', 'more than 16 TiB', volume(), 'size_gigabytes', 16_385],
  ])('is refused as %s: %s', (code, _what, live, field, desired) => {
    const { plan, refusal } = revert(live, field, desired);
    expect(plan).toBeNull();
    expect(refusal?.code).toBe(code);
    expect(refusal?.message).toMatch(/^[A-Z].+\.$/);
  });

  it.each<[LiveResource, string, JsonValue, string]>([
    [volume(), 'name', 'other', 'The provider gives no volume another name.'],
    [
      firewall([]),
      'name',
      'other',
      "The name of a firewall can't be changed back from here: change it at the provider, or accept it.",
    ],
    [
      volume(),
      'description',
      'other',
      "The description of a volume can't be changed back from here: change it at the provider, or accept it.",
    ],
    [droplet(), 'region', 'sgp1', 'A resource stays in its region: it would have to be made anew elsewhere.'],
    [
      droplet(),
      'tags',
      ['my tag'],
      'The desired tag "my tag" is none: tags are letters, digits, colons, hyphens and underscores, 255 at most.',
    ],
    [
      droplet({}, { disk: 80 }),
      'size_slug',
      's-1vcpu-2gb',
      'Its disk has 80 GiB, and s-1vcpu-2gb only 50 GiB: a disk never shrinks.',
    ],
  ])('is refused with its reason: %#', (live, field, desired, message) => {
    expect(revert(live, field, desired).refusal?.message).toBe(message);
  });

  it.each([
    ['missing', 'drift_missing'],
    ['unmanaged', 'drift_unmanaged'],
  ] as const)('of what is %s is refused', (type, code) => {
    const { refusal } = planRevert(
      { kind: 'droplet', type, field: null, desired: null },
      droplet(),
      sizes,
      options,
    );
    expect(refusal?.code).toBe(code);
  });

  it('of a resource that is gone is refused', () => {
    const drift = { kind: 'droplet', type: 'field', field: 'name', desired: 'www' } as const;
    expect(planRevert(drift, null, sizes, options).refusal?.code).toBe('resource_gone');
  });
});

const slug = fc.constantFrom(...sizes.keys());
const tag = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const status = fc.constantFrom('active', 'off');
/** Any drift of any field that can be reverted, whether or not it can be from there. */
const drifts: fc.Arbitrary<{ live: LiveResource; field: string; desired: JsonValue }> = fc.oneof(
  fc.record({ runs: slug, desired: slug, on: status, disk: fc.constantFrom(10, 25, 50, 80) }).map((of) => ({
    live: droplet({ sizeSlug: of.runs, status: of.on }, { disk: of.disk }),
    field: 'size_slug',
    desired: of.desired,
  })),
  fc.record({ desired: fc.stringMatching(/^[a-z]{1,4}$/), on: status }).map((of) => ({
    live: droplet({ status: of.on }),
    field: 'name',
    desired: of.desired,
  })),
  fc.record({ has: fc.uniqueArray(tag), desired: fc.uniqueArray(tag), of: fc.boolean() }).map((one) => ({
    live: one.of ? droplet({ tags: one.has }) : volume({ tags: one.has }),
    field: 'tags',
    desired: one.desired,
  })),
  fc.record({ has: fc.boolean(), desired: fc.boolean(), on: status }).map((of) => ({
    live: droplet({ status: of.on }, { backups_enabled: of.has }),
    field: 'backups_enabled',
    desired: of.desired,
  })),
  fc.integer({ min: 1, max: 300 }).map((desired) => ({ live: volume(), field: 'size_gigabytes', desired })),
  fc
    .record({ has: fc.uniqueArray(fc.nat({ max: 5 })), desired: fc.uniqueArray(fc.nat({ max: 5 })) })
    .map((of) => ({ live: firewall(of.has.map(String)), field: 'droplet_ids', desired: of.desired })),
);

describe('every plan', () => {
  const planned = (run: (plan: RevertPlan, live: LiveResource) => void) =>
    fc.assert(
      fc.property(drifts, fc.boolean(), ({ live, field, desired }, resizeDisk) => {
        const { plan } = revert(live, field, desired, { resizeDisk });
        fc.pre(plan !== null);
        run(plan, live);
      }),
      { numRuns: 500 },
    );

  it('gives the desired value, by steps that the provider takes, and leaves the power as it was', () => {
    planned((plan, live) => {
      const after = plan.steps.reduce(applied, live);
      expect(sameValue(plan.kind, plan.field, plan.desired, liveValue(after, plan.field), after)).toBe(true);
      expect(after.status).toBe(live.status);
    });
  });

  it('is undone in reverse order from wherever it stops, to what was there', () => {
    planned((plan, live) => {
      for (let done = 0; done <= plan.steps.length; done += 1) {
        const taken = plan.steps.slice(0, done);
        const stopped = taken.reduce(applied, live);
        const undone = taken
          .toReversed()
          .flatMap(({ undo }) => (undo === null ? [] : [undo]))
          .reduce(applied, stopped);
        expect(undone.status).toBe(live.status);
        if (taken.every(({ reversible }) => reversible)) expect(movedSince(plan, undone)).toEqual([]);
      }
    });
  });

  it('says of each step that can’t be undone what stays', () => {
    planned((plan) => {
      const lasting = plan.steps.filter(({ undo }) => undo === null);
      expect(plan.irreversible).toHaveLength(lasting.length);
      expect(plan.steps.map(({ undo, reversible }) => reversible === (undo !== null))).not.toContain(false);
    });
  });

  it('never shrinks a disk, and grows one only where that was chosen', () => {
    planned((plan, live) => {
      const after = plan.steps.reduce(applied, live);
      if (live.kind !== 'droplet') return;
      expect(diskOf(after)).toBeGreaterThanOrEqual(diskOf(live));
      const chose = plan.steps.some((step) => step.action === 'resize' && step.parameters.disk);
      expect(diskOf(after) > diskOf(live)).toBe(chose);
    });
  });

  it('has a name of its own for each step, and is plain JSON', () => {
    planned((plan) => {
      expect(new Set(plan.steps.map(({ name }) => name)).size).toBe(plan.steps.length);
      expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    });
  });

  it('has the checksum of its steps and its base: the same for the same, another for another', () => {
    const plan = planOf(droplet({ tags: ['a', 'b'] }), 'tags', ['c']);
    expect(planOf(droplet({ tags: ['b', 'a'] }), 'tags', ['c']).checksum).toBe(plan.checksum);
    expect(planOf(droplet({ tags: ['a'] }), 'tags', ['c']).checksum).not.toBe(plan.checksum);
    expect(planOf(droplet({ tags: ['a', 'b'] }), 'tags', ['d']).checksum).not.toBe(plan.checksum);
  });

  it('no longer holds once a value that it was made on has moved', () => {
    const plan = planOf(droplet(), 'size_slug', 's-2vcpu-4gb');
    expect(movedSince(plan, droplet({ name: 'renamed meanwhile' }))).toEqual([]);
    expect(movedSince(plan, droplet({ status: 'off' }))).toEqual([
      { field: 'status', planned: 'active', found: 'off' },
    ]);
    expect(movedSince(plan, droplet({ sizeSlug: 's-1vcpu-2gb' }, { disk: 50 }))).toHaveLength(2);
  });
});
