import { z } from 'zod';
import { ArcadiaError } from '../../src/domain/errors.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { Api } from './api.ts';

/** What drifted, and what became of it. */
export interface ShownDrift {
  /** How many open rows the sweep found after the change behind the service's back. */
  readonly found: number;
  /** What the difference would cost more a month, as a decimal string. */
  readonly price_monthly: string | null;
  readonly reverted: boolean;
}

const droplet = { name: 'pilot-app-1', size: 's-1vcpu-1gb', resizedTo: 's-2vcpu-4gb' } as const;
const resource = z.object({ id: z.string(), name: z.string(), external_id: z.string() });
/** A row of the inbox, as far as the journey reads it. */
export const openDrift = z.object({
  id: z.string(),
  resource_id: z.string(),
  type: z.string(),
  field: z.string().nullable(),
  desired: z.json(),
  actual: z.json(),
  price_monthly: z.string().nullable(),
  currency: z.string(),
});
const revert = z.object({
  id: z.string(),
  state: z.string(),
  plan: z.object({ steps: z.array(z.object({ name: z.string() })) }).nullable(),
});

async function sweep(api: Api): Promise<z.output<typeof openDrift>[]> {
  const since = new Date(Date.now() - 1000);
  await api.post('/api/v1/drift/sweep');
  await api.untilDone(workflowIds.sweepDrift(), since);
  return api.list('/api/v1/drift', openDrift);
}

/**
 * Takes everything that runs and that nobody asked for as asked for; then nothing drifts.
 * @throws ArcadiaError `drift_left`
 */
export async function adoptInventory(api: Api): Promise<string> {
  const unmanaged = (await sweep(api)).filter(({ type }) => type === 'unmanaged');
  if (unmanaged.length > 0) {
    await api.post('/api/v1/drift/accept', {
      ids: unmanaged.map(({ id }) => id),
      reason: 'what runs on the first day is what was asked for',
    });
  }
  const left = await sweep(api);
  if (left.length > 0) {
    throw new ArcadiaError('drift_left', `expected no drift, found ${left.length}: ${JSON.stringify(left)}`);
  }
  return `${unmanaged.length} resources that nobody had asked for are recorded; the next sweep finds nothing`;
}

/**
 * Resizes a droplet past the service, as a hand at the provider's console would, and sweeps.
 * @throws ArcadiaError `drift_differs` where the sweep finds anything but that
 */
export async function findDrift(
  api: Api,
  simulatorUrl: string,
): Promise<{ readonly drift: z.output<typeof openDrift>; readonly found: number }> {
  const [live] = (await api.list('/api/v1/inventory?kind=droplet', resource)).filter(
    ({ name }) => name === droplet.name,
  );
  if (live === undefined) throw new ArcadiaError('droplet_missing', `there is no droplet "${droplet.name}"`);
  const response = await fetch(`${simulatorUrl}/_control/droplets/${live.external_id}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ size: droplet.resizedTo, resize_disk: false }),
  });
  if (!response.ok) {
    throw new ArcadiaError(
      'simulator_refused',
      `the simulator answered ${response.status}: ${await response.text()}`,
    );
  }
  const since = new Date(Date.now() - 1000);
  await api.post('/api/v1/schedules/inventory-fast/trigger');
  await api.untilDone(workflowIds.syncInventory('fast'), since);
  const open = await sweep(api);
  const [drift] = open;
  const isExpected =
    open.length === 1 &&
    drift?.field === 'size_slug' &&
    drift.desired === droplet.size &&
    drift.actual === droplet.resizedTo;
  if (!isExpected) {
    throw new ArcadiaError(
      'drift_differs',
      `expected one drift, the size of ${droplet.name}, found ${JSON.stringify(open)}`,
    );
  }
  return { drift, found: open.length };
}

/** Plans the way back, approves it, and waits until it is done and read back. @throws ArcadiaError `not_reverted` */
export async function revertDrift(
  api: Api,
  drift: { readonly id: string; readonly resource_id: string },
): Promise<string> {
  const path = `/api/v1/drift/${drift.id}`;
  const since = new Date(Date.now() - 1000);
  const planned = await api.create(`${path}/revert`, { reason: 'nobody asked for it' }, z.object({ revert }));
  const { id, plan } = planned.revert;
  await api.post(`${path}/revert/approve`, { revert_id: id, reason: 'the plan is what we want' });
  await api.untilDone(workflowIds.revertDrift(drift.resource_id), since);
  const after = await api.get(path, z.object({ state: z.string(), reverts: z.array(revert) }));
  if (after.state !== 'reverted') {
    throw new ArcadiaError(
      'not_reverted',
      `expected the drift to be reverted, found ${JSON.stringify(after)}`,
    );
  }
  const left = await sweep(api);
  if (left.length > 0) {
    throw new ArcadiaError('drift_left', `expected no drift, found ${left.length}: ${JSON.stringify(left)}`);
  }
  return (plan?.steps ?? []).map(({ name }) => name).join(', ');
}
