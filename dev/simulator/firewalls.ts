import type { Firewall } from './account.ts';
import { findDroplet } from './droplets.ts';
import { unprocessable } from './problem.ts';
import type { RequestState, SimulatorState } from './state.ts';

/** Puts droplets under a firewall, or takes them out. The list changes at once, the rules on the droplets a while later. */
export function changeMembers(
  state: SimulatorState,
  firewall: Firewall,
  change: { readonly dropletIds: unknown; readonly removing: boolean },
  { ending = 'completes', actionMilliseconds = state.settings.actionMilliseconds }: RequestState,
): void {
  const { dropletIds, removing } = change;
  if (!Array.isArray(dropletIds) || dropletIds.length === 0) throw unprocessable('droplet_ids are required.');
  const ids = dropletIds.map(Number);
  const unknown = ids.find((id) => findDroplet(state.account, id) === undefined);
  if (unknown !== undefined && !removing) throw unprocessable(`Droplet ${unknown} does not exist.`);
  if (ending === 'lies') return;
  const others = firewall.droplet_ids.filter((id) => !ids.includes(id));
  firewall.droplet_ids = removing ? others : [...others, ...ids];
  firewall.status = 'waiting';
  firewall.pending_changes = ids.map((id) => ({ droplet_id: id, removing, status: 'waiting' }));
  if (ending === 'hangs') return;
  state.transitions.push({
    dueAt: new Date(Date.now() + actionMilliseconds),
    apply() {
      firewall.status = ending === 'errors' ? 'failed' : 'succeeded';
      firewall.pending_changes = [];
    },
  });
}
