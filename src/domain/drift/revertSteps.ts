import type { JsonValue } from '../errors.ts';
import type { Decimal } from '../money.ts';
import type { ResourceKind } from '../resourceKind.ts';
import { type LiveResource, liveValue } from './liveValues.ts';
import { normaliserOf, type Place } from './normalisers.ts';
import type { Size, SizeTable } from './price.ts';
import { quantityIn } from './quantities.ts';
import type {
  RevertOperation,
  RevertOptions,
  RevertRefusal,
  RevertRefusalCode,
  RevertStep,
} from './revertPlan.ts';

/** What the plan of one field consists of. */
export interface FieldPlan {
  readonly steps: readonly RevertStep[];
  /** The fields whose live values it was made on. */
  readonly base: readonly string[];
  readonly irreversible: readonly string[];
  readonly warnings: readonly string[];
}

interface Revertible {
  readonly desired: JsonValue;
  readonly live: LiveResource;
  readonly sizes: SizeTable;
  readonly options: RevertOptions;
}

type Planner = (revertible: Revertible) => FieldPlan | RevertRefusal;

export function refusal(code: RevertRefusalCode, message: string): RevertRefusal {
  return { code, message };
}

const planners: Readonly<Partial<Record<ResourceKind, Readonly<Record<string, Planner>>>>> = {
  droplet: { size_slug: resize, name: rename, tags: retag, backups_enabled: switchBackups },
  volume: { size_gigabytes: grow, tags: retag },
  firewall: { droplet_ids: changeMembers },
};

/** What plans a field's revert; null where it can't be reverted in place. */
export function plannerOf(kind: ResourceKind, field: string): Planner | null {
  const ofKind = planners[kind] ?? {};
  return Object.hasOwn(ofKind, field) ? (ofKind[field] ?? null) : null;
}

const reasons: Readonly<Record<string, string>> = {
  region: 'A resource stays in its region: it would have to be made anew elsewhere.',
  image_id: 'Another image replaces the whole disk: what is on it would be lost.',
  image_slug: 'Another image replaces the whole disk: what is on it would be lost.',
  vpc_uuid: 'Nothing moves from one VPC to another in place: it would have to be made anew there.',
  status: 'Whether it runs is for its operator to decide: nothing is powered on or off to please a spec.',
  disk: 'A disk follows from its size, and never shrinks.',
};

/** Why a field can't be reverted in place. */
export function reasonAgainst(kind: ResourceKind, field: string): string {
  if (kind === 'volume' && field === 'name') return 'The provider gives no volume another name.';
  return Object.hasOwn(reasons, field)
    ? (reasons[field] ?? '')
    : `The ${field} of a ${kind} can't be changed back from here: change it at the provider, or accept it.`;
}

/** A step under its action's name: no plan has the same action twice. */
function step(operation: RevertOperation, undo: RevertOperation | null, downtime = false): RevertStep {
  return { ...operation, name: operation.action, undo, reversible: undo !== null, downtime };
}

const powerOff: RevertOperation = { action: 'power_off', parameters: {} };
const powerOn: RevertOperation = { action: 'power_on', parameters: {} };

/** Actions that a droplet takes only when it is wholly on or wholly off. */
function unsettled({ status }: LiveResource): RevertRefusal | null {
  if (status === 'active' || status === 'off') return null;
  return refusal(
    'resource_not_settled',
    `Its status is "${status}": only one that is active or off can be changed.`,
  );
}

/**
 * Off, resize, on again, where it was on. The disk grows only where that was chosen. Undone in reverse order: the one that powers on
 * again is undone by powering off, since a droplet is resized back only when it is off.
 */
function resize({ desired, live, sizes, options }: Revertible): FieldPlan | RevertRefusal {
  const notSettled = unsettled(live);
  if (notSettled !== null) return notSettled;
  const target = typeof desired === 'string' ? sizes.get(desired.trim().toLowerCase()) : undefined;
  if (target === undefined) {
    return refusal('size_unknown', `The provider has no size ${JSON.stringify(desired)}.`);
  }
  if (!isSold(target, live)) {
    return refusal('size_not_available', `The size ${target.slug} is not sold in ${live.region} now.`);
  }
  const disk = quantityIn('g', liveValue(live, 'disk'));
  if (disk === null) return refusal('resource_not_settled', 'How large its disk is, is not known.');
  if (disk.greaterThan(target.diskGib)) {
    return refusal(
      'disk_would_shrink',
      `Its disk has ${disk} GiB, and ${target.slug} only ${target.diskGib} GiB: a disk never shrinks.`,
    );
  }
  const grows = options.resizeDisk && disk.lessThan(target.diskGib);
  const undo = grows ? null : resizedBack(live, sizes, disk);
  const resizing = step(
    { action: 'resize', parameters: { size: target.slug, disk: grows } },
    undo,
    live.status === 'active',
  );
  const staysSmall = !grows && disk.lessThan(target.diskGib);
  return {
    steps:
      live.status === 'active'
        ? [step(powerOff, powerOn, true), resizing, step(powerOn, powerOff)]
        : [resizing],
    base: ['size_slug', 'status', 'disk'],
    irreversible: [
      ...(grows ? [`The disk grows from ${disk} to ${target.diskGib} GiB: it never shrinks again.`] : []),
      ...(!grows && undo === null
        ? [`The size ${live.sizeSlug} is not sold in ${live.region} any more: there is no way back to it.`]
        : []),
    ],
    warnings: [
      ...(staysSmall ? [`The disk stays at ${disk} of the ${target.diskGib} GiB that the size has.`] : []),
      ...(live.status === 'off' ? ['It is off, and stays off.'] : []),
    ],
  };
}

function resizedBack(live: LiveResource, sizes: SizeTable, disk: Decimal): RevertOperation | null {
  const size = live.sizeSlug === null ? undefined : sizes.get(live.sizeSlug);
  if (size === undefined || !isSold(size, live) || disk.greaterThan(size.diskGib)) return null;
  return { action: 'resize', parameters: { size: size.slug, disk: false } };
}

function isSold(size: Size, { region }: LiveResource): boolean {
  return size.isAvailable && region !== null && size.regions.includes(region);
}

const dropletName = /^[a-zA-Z0-9][a-zA-Z0-9.-]{0,254}$/;

function rename({ desired, live }: Revertible): FieldPlan | RevertRefusal {
  const notSettled = unsettled(live);
  if (notSettled !== null) return notSettled;
  if (typeof desired !== 'string' || !dropletName.test(desired)) {
    return refusal(
      'desired_value_invalid',
      `The desired name ${JSON.stringify(desired)} is none for a droplet: letters, digits, dots and hyphens, 255 at most.`,
    );
  }
  return {
    steps: [
      step(
        { action: 'rename', parameters: { name: desired } },
        { action: 'rename', parameters: { name: live.name } },
      ),
    ],
    base: ['name'],
    irreversible: [],
    warnings: ['Only its name at the provider changes, not the host name that it gave itself.'],
  };
}

const tagForm = /^[a-zA-Z0-9_:-]{1,255}$/;

/** Tags on before tags off, so that it is never without both. */
function retag({ desired, live }: Revertible): FieldPlan | RevertRefusal {
  const wanted = textsOf(desired);
  const unfit = wanted?.find((tag) => !tagForm.test(tag));
  if (wanted === null || unfit !== undefined) {
    return refusal(
      'desired_value_invalid',
      `The desired ${unfit === undefined ? 'value is no list of tags' : `tag "${unfit}" is none`}: tags are letters, digits, colons, hyphens and underscores, 255 at most.`,
    );
  }
  const { automatic } = normaliserOf({ kind: live.kind, path: 'tags' });
  const place: Place = { kind: live.kind, path: 'tags', live, desiredIn: null, actualIn: null };
  const surplus = without(live.tags, wanted).filter((tag) => !automatic?.(tag, place));
  return {
    steps: changes(without(wanted, live.tags), surplus, (list, isOn): RevertOperation => {
      return { action: isOn ? 'add_tags' : 'remove_tags', parameters: { tags: list } };
    }),
    base: ['tags'],
    irreversible: [],
    warnings: ['Firewalls and load balancers that work by tag follow at once.'],
  };
}

/** The elements of the one that the other lacks, whatever their case, each once, in order. */
function without(left: readonly string[], right: readonly string[]): string[] {
  const others = new Set(right.map((text) => text.toLowerCase()));
  const found = new Map(left.map((text) => [text.toLowerCase(), text]));
  return [...found].flatMap(([key, text]) => (others.has(key) ? [] : [text])).toSorted();
}

/** Adds what is missing, then removes what is too much; each the other's undo. */
function changes(
  missing: readonly string[],
  surplus: readonly string[],
  operation: (list: readonly string[], isOn: boolean) => RevertOperation,
): RevertStep[] {
  return [
    ...(missing.length > 0 ? [step(operation(missing, true), operation(missing, false))] : []),
    ...(surplus.length > 0 ? [step(operation(surplus, false), operation(surplus, true))] : []),
  ];
}

function textsOf(value: JsonValue): string[] | null {
  if (value === null) return [];
  if (!Array.isArray(value)) return null;
  const texts = value.flatMap((one: JsonValue) =>
    typeof one === 'string' || typeof one === 'number' ? [String(one)] : [],
  );
  return texts.length === value.length ? texts : null;
}

/** The largest volume, by the provider's documentation: 16 TiB. */
const largestVolumeGib = 16_384;

function grow({ desired, live }: Revertible): FieldPlan | RevertRefusal {
  const [wanted, found] = [quantityIn('g', desired), quantityIn('g', liveValue(live, 'size_gigabytes'))];
  if (wanted === null || !wanted.isInteger()) {
    return refusal(
      'desired_value_invalid',
      `The desired size ${JSON.stringify(desired)} is no whole number of GiB.`,
    );
  }
  if (found === null || live.region === null) {
    return refusal('resource_not_settled', 'Its present size or region is not known.');
  }
  if (wanted.lessThan(found)) {
    return refusal(
      'volume_would_shrink',
      `It has ${found} GiB, and ${wanted} GiB are desired: a volume never shrinks.`,
    );
  }
  if (wanted.greaterThan(largestVolumeGib)) {
    return refusal(
      'volume_too_large',
      `The desired ${wanted} GiB are more than a volume has: ${largestVolumeGib} at most.`,
    );
  }
  return {
    steps: [
      step(
        {
          action: 'grow_volume',
          parameters: { size_gigabytes: Number(wanted.toFixed()), region: live.region },
        },
        null,
      ),
    ],
    base: ['size_gigabytes'],
    irreversible: [`The volume grows from ${found} to ${wanted} GiB: it never shrinks again.`],
    warnings: [
      'The file system on it stays as large as it is until it is grown from within.',
      'The provider may refuse while the volume is attached.',
    ],
  };
}

function switchBackups({ desired, live }: Revertible): FieldPlan | RevertRefusal {
  const notSettled = unsettled(live);
  if (notSettled !== null) return notSettled;
  const wanted = normaliserOf({ kind: 'droplet', path: 'backups_enabled' }).canonical?.(desired) ?? null;
  if (wanted === null) {
    return refusal(
      'desired_value_invalid',
      `The desired value ${JSON.stringify(desired)} is neither true nor false.`,
    );
  }
  const [on, off]: readonly [RevertOperation, RevertOperation] = [
    { action: 'enable_backups', parameters: {} },
    { action: 'disable_backups', parameters: {} },
  ];
  const isOn = wanted === 'true';
  return {
    steps: [isOn ? step(on, off) : step(off, on)],
    base: ['backups_enabled'],
    irreversible: [],
    warnings: isOn
      ? ['Backups run weekly, in a window that the provider chooses.']
      : ['Backups that exist stay. Enabled again, they run weekly, in a window that the provider chooses.'],
  };
}

/** Members on before members off. Those that a firewall has by their tag are no members in this sense. */
function changeMembers({ desired, live }: Revertible): FieldPlan | RevertRefusal {
  const [wanted, found] = [textsOf(desired), textsOf(liveValue(live, 'droplet_ids'))];
  if (wanted === null || found === null || wanted.some((id) => !/^\d+$/.test(id))) {
    return refusal('desired_value_invalid', 'The desired members are no list of droplet ids.');
  }
  return {
    steps: changes(without(wanted, found), without(found, wanted), (list, isOn): RevertOperation => {
      return {
        action: isOn ? 'add_to_firewall' : 'remove_from_firewall',
        parameters: { firewall_id: live.externalId, droplet_ids: list },
      };
    }),
    base: ['droplet_ids'],
    irreversible: [],
    warnings: ['What its rules allow holds for the droplets from then on.'],
  };
}
