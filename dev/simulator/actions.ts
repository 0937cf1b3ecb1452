import type { Account, Droplet } from './account.ts';
import { findDroplet, resizeDroplet } from './droplets.ts';
import { dropletSnapshot, privateImage } from './otherResources.ts';
import { unprocessable } from './problem.ts';
import type { Action, SimulatorState } from './state.ts';

/** The body of `POST /v2/droplets/:id/actions`, as far as it is read. */
export interface ActionRequest {
  readonly type?: unknown;
  readonly size?: unknown;
  readonly disk?: unknown;
  readonly name?: unknown;
}

/**
 * Starts an action on a droplet, or refuses it with a 422. It takes effect when it is due; until then the droplet is
 * locked and takes no other.
 */
export function startAction(
  state: SimulatorState,
  droplet: Droplet,
  request: ActionRequest,
  fails: boolean,
): Action {
  if (droplet.locked) throw unprocessable('Droplet already has a pending event.');
  const apply = plan(state, droplet, request);
  return beginAction(state, droplet, String(request.type), apply, fails);
}

/** Records an action as begun and locks the droplet. */
export function beginAction(
  state: SimulatorState,
  droplet: Droplet,
  type: string,
  apply: () => void,
  fails = false,
): Action {
  const startedAt = new Date();
  const action: Action = {
    id: takeId(state),
    type,
    dropletId: droplet.id,
    regionSlug: droplet.region.slug,
    startedAt,
    dueAt: new Date(startedAt.getTime() + state.settings.actionMilliseconds),
    fails,
    apply,
    status: 'in-progress',
  };
  droplet.locked = true;
  state.actions.push(action);
  return action;
}

/** Finishes every action that is due. An action of a droplet that is gone by then has errored. */
export function settleActions(state: SimulatorState, now: Date): void {
  for (const action of state.actions) {
    if (action.status !== 'in-progress' || action.dueAt > now) continue;
    const droplet = findDroplet(state.account, action.dropletId);
    if (droplet !== undefined) droplet.locked = false;
    if (droplet === undefined || action.fails) {
      action.status = 'errored';
    } else {
      action.apply();
      action.status = 'completed';
    }
  }
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
      return () => {
        droplet.features = [...new Set(['backups', ...droplet.features])];
        const start = new Date(Date.now() + 86_400_000).toISOString();
        droplet.next_backup_window = { start, end: start };
      };
    case 'disable_backups':
      return () => {
        droplet.features = droplet.features.filter((feature) => feature !== 'backups');
        droplet.next_backup_window = null;
      };
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

function takeSnapshot(state: SimulatorState, droplet: Droplet, name: string): void {
  const image = privateImage(takeId(state), name, 'snapshot', new Date().toISOString());
  state.account.images.push(image);
  state.account.snapshots.push(dropletSnapshot(image, droplet));
  droplet.snapshot_ids.push(image.id);
}
