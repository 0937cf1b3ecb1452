import { randomUUID } from 'node:crypto';
import type { FaultRuleInput } from '../../dev/simulator/faults.ts';
import type { Drifted, RevertWorld } from './revertDriftWorld.ts';

/** One step of a revert that something happens to, on a resource of its own. */
export interface Subject {
  /** How the resource stands at the provider, as far as the revert touches it. */
  readonly standing: () => unknown;
  /** How it stood when the revert was planned. */
  readonly found: unknown;
  /** How it stands when the revert is done. */
  readonly wanted: unknown;
  readonly drifted: Drifted;
  /** The requests that do the step; where there is none, the step only reads. */
  readonly requests: readonly NonNullable<FaultRuleInput['match']>[];
  /** The type of its action, where the provider does it over a while. */
  readonly action: string | null;
  /** False where the provider can't take it back. */
  readonly isReversible: boolean;
}

const [small, large] = ['s-1vcpu-2gb', 's-2vcpu-4gb'] as const;

async function resized(world: RevertWorld, action: string | null): Promise<Subject> {
  const droplet = world.droplet({ size: large });
  const drifted = await world.drift('droplet', droplet.id, 'size_slug', small);
  const path = `/droplets/${droplet.id}/actions$`;
  const types = action === 'shutdown' ? ['shutdown', 'power_off'] : action === null ? [] : [action];
  return {
    standing: () => ({ size: droplet.size_slug, disk: droplet.disk, status: droplet.status }),
    found: { size: large, disk: 25, status: 'active' },
    wanted: { size: small, disk: 25, status: 'active' },
    drifted,
    requests: types.map((type) => ({ method: 'POST', path, type })),
    action,
    isReversible: true,
  };
}

async function renamed(world: RevertWorld): Promise<Subject> {
  const droplet = world.droplet();
  const [found, wanted] = [droplet.name, `wanted-${droplet.id}`];
  return {
    standing: () => droplet.name,
    found,
    wanted,
    drifted: await world.drift('droplet', droplet.id, 'name', wanted),
    requests: [{ method: 'POST', path: `/droplets/${droplet.id}/actions$`, type: 'rename' }],
    action: 'rename',
    isReversible: true,
  };
}

/** The tag that is missing goes on first: what happens to the other one, happens after it. */
async function retagged(world: RevertWorld): Promise<Subject> {
  const own = randomUUID();
  const [stays, surplus, missing] = ['stays', `surplus-${own}`, `missing-${own}`];
  const droplet = world.droplet({ tags: [stays, surplus] });
  return {
    standing: () => droplet.tags.toSorted(),
    found: [stays, surplus].toSorted(),
    wanted: [stays, missing].toSorted(),
    drifted: await world.drift('droplet', droplet.id, 'tags', [stays, missing]),
    requests: [{ method: 'DELETE', path: `/tags/${surplus}/resources$` }],
    action: null,
    isReversible: true,
  };
}

async function grown(world: RevertWorld): Promise<Subject> {
  const volume = world.volume(10);
  return {
    standing: () => volume.size_gigabytes,
    found: 10,
    wanted: 40,
    drifted: await world.drift('volume', volume.id, 'size_gigabytes', 40),
    requests: [{ method: 'POST', path: `/volumes/${volume.id}/actions$`, type: 'resize' }],
    action: 'resize_volume',
    isReversible: false,
  };
}

async function backedUp(world: RevertWorld): Promise<Subject> {
  const droplet = world.droplet();
  return {
    standing: () => droplet.features.includes('backups'),
    found: false,
    wanted: true,
    drifted: await world.drift('droplet', droplet.id, 'backups_enabled', true),
    requests: [{ method: 'POST', path: `/droplets/${droplet.id}/actions$`, type: 'enable_backups' }],
    action: 'enable_backups',
    isReversible: true,
  };
}

async function protectedBy(world: RevertWorld): Promise<Subject> {
  const [member, missing] = [world.droplet(), world.droplet()];
  const firewall = world.firewall([member.id]);
  return {
    standing: () => firewall.droplet_ids.toSorted(),
    found: [member.id],
    wanted: [member.id, missing.id].toSorted(),
    drifted: await world.drift('firewall', firewall.id, 'droplet_ids', [
      String(member.id),
      String(missing.id),
    ]),
    requests: [{ method: 'POST', path: `/firewalls/${firewall.id}/droplets$` }],
    action: null,
    isReversible: true,
  };
}

/** Every step of a resize, and each revert of one step, by what they are called in the tests. */
export const subjects: Readonly<Record<string, (world: RevertWorld) => Promise<Subject>>> = {
  'power off': (world) => resized(world, 'shutdown'),
  resize: (world) => resized(world, 'resize'),
  'power on': (world) => resized(world, 'power_on'),
  verify: (world) => resized(world, null),
  rename: renamed,
  tags: retagged,
  'grow a volume': grown,
  backups: backedUp,
  'firewall members': protectedBy,
};

/**
 * What happens to one step: to its requests, or, where it only reads, to the read that verifies. That one comes after the read which sees
 * that the droplet is on again, so it is told apart while that takes its time.
 */
export async function afflict(
  world: RevertWorld,
  { requests, drifted }: Subject,
  fault: FaultRuleInput['fault'],
): Promise<() => number> {
  const { faults } = world.simulator;
  if (requests.length > 0) {
    const rules = requests.map((match) => faults.add({ match, fault }));
    return () => Math.max(...rules.map(({ hits }) => hits));
  }
  const droplet = `/droplets/${drifted.externalId}`;
  faults.add({
    match: { method: 'POST', path: `${droplet}/actions$`, type: 'power_on' },
    fault: { kind: 'action_hangs', ms: 1_000 },
  });
  let hits = () => 0;
  void world.untilRunning(drifted.externalId, 'power_on').then(() => {
    const rule = faults.add({ match: { method: 'GET', path: `${droplet}$` }, skip: 1, fault });
    hits = () => rule.hits;
  });
  return () => hits();
}
