import type { Account, Volume } from './account.ts';
import { beginAction, pendingEvent } from './actions.ts';
import { findDroplet } from './droplets.ts';
import { unprocessable } from './problem.ts';
import type { Action, RequestState, SimulatorState } from './state.ts';
import { attachVolume, detachVolume, volumeSize } from './volumes.ts';

/** The body of `POST /v2/volumes/:id/actions`, as far as it is read. */
export interface VolumeActionRequest {
  readonly type?: unknown;
  readonly droplet_id?: unknown;
  readonly size_gigabytes?: unknown;
  readonly region?: unknown;
}

/** Starts an action on a volume, or refuses it with a 422. It takes effect when it is due; a volume does one thing at a time. */
export function startVolumeAction(
  state: SimulatorState,
  volume: Volume,
  request: VolumeActionRequest,
  wanted: RequestState,
): Action {
  const isBusy = state.actions.some(
    (action) => action.resourceId === volume.id && action.status === 'in-progress',
  );
  if (isBusy) throw unprocessable('Volume already has a pending event.');
  if (request.region !== undefined && request.region !== volume.region.slug) {
    throw unprocessable('Region does not match the region of the volume.');
  }
  const { type, apply } = plan(state.account, volume, request);
  const target = { resourceType: 'volume', resourceId: volume.id, regionSlug: volume.region.slug } as const;
  return beginAction(state, { type, apply, ...target }, wanted);
}

/** Checks a request as the provider does. The type is what the action is listed as. */
function plan(
  account: Account,
  volume: Volume,
  request: VolumeActionRequest,
): { readonly type: string; readonly apply: () => void } {
  switch (request.type) {
    case 'resize': {
      const size = volumeSize(request.size_gigabytes);
      if (size <= volume.size_gigabytes) {
        throw unprocessable('New size must be greater than the current size of the volume.');
      }
      return {
        type: 'resize_volume',
        apply: () => {
          volume.size_gigabytes = size;
        },
      };
    }
    case 'attach': {
      const droplet = findDroplet(account, Number(request.droplet_id));
      if (droplet === undefined || droplet.region.slug !== volume.region.slug) {
        throw unprocessable('Droplet not found in the region of the volume.');
      }
      if (droplet.locked) throw unprocessable(pendingEvent);
      if (volume.droplet_ids.length > 0) throw unprocessable('Volume is already attached to a Droplet.');
      return { type: 'attach_volume', apply: () => attachVolume(volume, droplet) };
    }
    case 'detach':
      if (!volume.droplet_ids.includes(Number(request.droplet_id))) {
        throw unprocessable('Attachment not found');
      }
      return { type: 'detach_volume', apply: () => detachVolume(account, volume) };
    default:
      throw unprocessable(`Volume can't perform the action "${String(request.type)}".`);
  }
}
