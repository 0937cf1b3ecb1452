import type { Account, Droplet } from './account.ts';
import { findDroplet, resizeDroplet } from './droplets.ts';
import { dropletSnapshot, privateImage } from './otherResources.ts';
import { unprocessable } from './problem.ts';
import type { Action, RequestState, SimulatorState } from './state.ts';

/** The body of `POST /v2/droplets/:id/actions`, as far as it is read. */
export interface ActionRequest {
  readonly type?: unknown;
  readonly size?: unknown;
  readonly disk?: unknown;
  readonly name?: unknown;
}

export const pendingEvent = 'Droplet already has a pending event.';

/**
 * Starts an action on a droplet, or refuses it with a 422. It takes effect when it is due; until then the droplet is
 * locked and takes no other.
 */
export function startAction(
  state: SimulatorState,
  droplet: Droplet,
  request: ActionRequest,
  wanted: RequestState,
): Action {
  if (droplet.locked) throw unprocessable(pendingEvent);
  const apply = plan(state, droplet, request);
  return beginDropletAction(state, droplet, { type: String(request.type), apply }, wanted);
}

/** Records an action of a droplet as begun, and locks the droplet. */
export function beginDropletAction(
  state: SimulatorState,
  droplet: Droplet,
  action: Pick<Action, 'type' | 'apply'>,
  wanted: RequestState,
): Action {
  droplet.locked = true;
  const target = { resourceType: 'droplet', resourceId: String(droplet.id) } as const;
  return beginAction(state, { ...action, ...target, regionSlug: droplet.region.slug }, wanted);
}

/** Records an action as begun. */
export function beginAction(
  state: SimulatorState,
  action: Pick<Action, 'type' | 'apply' | 'resourceType' | 'resourceId' | 'regionSlug'>,
  { ending = 'completes', actionMilliseconds = state.settings.actionMilliseconds }: RequestState,
): Action {
  const startedAt = new Date();
  const begun: Action = {
    ...action,
    id: takeId(state),
    startedAt,
    dueAt: ending === 'hangs' ? null : new Date(startedAt.getTime() + actionMilliseconds),
    ending,
    status: 'in-progress',
    completedAt: null,
  };
  state.actions.push(begun);
  return begun;
}

/** Lets everything happen that is due, in the order in which it was begun. */
export function settle(state: SimulatorState, now: Date): void {
  for (const action of state.actions) {
    if (action.status !== 'in-progress' || action.dueAt === null || action.dueAt > now) continue;
    endAction(state, action, action.ending === 'errors' ? 'errored' : 'completed', action.dueAt);
  }
  const due = state.transitions.filter(({ dueAt }) => dueAt <= now);
  state.transitions = state.transitions.filter(({ dueAt }) => dueAt > now);
  for (const { apply } of due) apply();
}

/** Ends an action that is in progress. One whose resource is gone by then has errored. */
export function endAction(
  state: SimulatorState,
  action: Action,
  status: 'completed' | 'errored',
  at: Date,
): void {
  const isThere = unlock(state.account, action);
  action.status = isThere ? status : 'errored';
  action.completedAt = at;
  if (action.status === 'completed' && action.ending !== 'lies') action.apply();
}

/** Whether the resource of an action is still there; a droplet takes others from now on. */
function unlock(account: Account, { resourceType, resourceId }: Action): boolean {
  if (resourceType === 'volume') return account.volumes.some((volume) => volume.id === resourceId);
  const droplet = findDroplet(account, Number(resourceId));
  if (droplet !== undefined) droplet.locked = false;
  return droplet !== undefined;
}

export function takeId(state: SimulatorState): number {
  state.nextId += 1;
  return state.nextId;
}

/** Checks a request as the provider does, and returns what it will do. */
function plan(state: SimulatorState, droplet: Droplet, request: ActionRequest): () => void {
  switch (request.type) {
    case 'power_on':
      if (droplet.status === 'active') throw unprocessable('Droplet is already powered on.');
      return () => {
        droplet.status = 'active';
      };
    case 'power_off':
    case 'shutdown':
      if (droplet.status === 'off') throw unprocessable('Droplet is already powered off.');
      return () => {
        droplet.status = 'off';
      };
    case 'rename': {
      const name = dropletName(request.name);
      return () => {
        droplet.name = name;
      };
    }
    case 'resize':
      return planResize(state.account, droplet, request);
    case 'snapshot': {
      const name = typeof request.name === 'string' ? request.name : `${droplet.name}-${Date.now()}`;
      return () => takeSnapshot(state, droplet, name);
    }
    case 'enable_backups':
    case 'disable_backups':
      return () => switchBackups(droplet, request.type === 'enable_backups');
    default:
      throw unprocessable(`Droplet can't perform the action "${String(request.type)}".`);
  }
}

function planResize(account: Account, droplet: Droplet, request: ActionRequest): () => void {
  const size = account.sizes.find((candidate) => candidate.slug === request.size);
  if (size === undefined) throw unprocessable('You specified an invalid size for Droplet resize.');
  if (droplet.status !== 'off') {
    throw unprocessable('Droplet must be powered off before it can be resized.');
  }
  if (size.slug === droplet.size_slug) throw unprocessable('Droplet is already this size.');
  if (size.disk < droplet.disk) {
    throw unprocessable("Size can not decrease size of Droplet's disk image");
  }
  return () => resizeDroplet(droplet, size, request.disk === true);
}

/** A droplet's name, or a 422: letters, digits, dots and hyphens only. */
export function dropletName(name: unknown): string {
  if (typeof name !== 'string' || !/^[a-zA-Z0-9][a-zA-Z0-9.-]{0,254}$/.test(name)) {
    throw unprocessable('Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)');
  }
  return name;
}

export function switchBackups(droplet: Droplet, on: boolean): void {
  const others = droplet.features.filter((feature) => feature !== 'backups');
  const start = new Date(Date.now() + 86_400_000).toISOString();
  droplet.features = on ? ['backups', ...others] : others;
  droplet.next_backup_window = on ? { start, end: start } : null;
}

function takeSnapshot(state: SimulatorState, droplet: Droplet, name: string): void {
  const image = privateImage(takeId(state), name, 'snapshot', new Date().toISOString());
  state.account.images.push(image);
  state.account.snapshots.push(dropletSnapshot(image, droplet));
  droplet.snapshot_ids.push(image.id);
}
