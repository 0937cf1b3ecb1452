import { afterEach, expect, it } from '@jest/globals';
import {
  decommissionResult,
  killInRequest,
  newDeployment,
  provisioningResult,
  stands,
  startDecommission,
  startProvisioning,
} from '../support/killableProvisioning.ts';
import { type KillableStack, startKillableStack } from '../support/killableStack.ts';

const TEST_MS = 300_000;
let stack: KillableStack | undefined;

afterEach(async () => {
  await stack?.stop();
  stack = undefined;
}, TEST_MS);

it(
  'creates a droplet once, and destroys it once, when the worker is killed inside either request',
  async () => {
    stack = await startKillableStack({ delayMilliseconds: 0 });
    const [id, name] = [await newDeployment(stack, 'killed'), 'killed'];
    const running = stack;
    await killInRequest(running, { method: 'POST', path: '/v2/droplets$', skip: 0 }, () =>
      startProvisioning(running, id, 'droplet-app', name),
    );
    expect(await provisioningResult(stack, id)).toMatchObject({ state: 'done', items: 1, problem: null });
    const { atProvider, stored, isRecorded } = await stands(stack, id, name);
    expect(atProvider).toHaveLength(1);
    expect(stored).toEqual(atProvider);
    expect(isRecorded).toBe(true);

    await killInRequest(running, { method: 'DELETE', path: '/v2/droplets/', skip: 0 }, () =>
      startDecommission(running, id),
    );
    expect(await decommissionResult(stack, id)).toMatchObject({ state: 'done', destroyed: 1, left: [] });
    expect(await stands(stack, id, name)).toEqual({ atProvider: [], stored: [], isRecorded: true });
  },
  TEST_MS,
);
