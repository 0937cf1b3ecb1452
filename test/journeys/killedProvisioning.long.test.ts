import { afterAll, beforeAll, expect, it } from '@jest/globals';
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
import { steps } from '../workflows/provisioningWorld.ts';

const TEST_MS = 600_000;
let stack: KillableStack;

beforeAll(async () => {
  stack = await startKillableStack({ delayMilliseconds: 0 });
}, TEST_MS);
afterAll(() => stack?.stop(), TEST_MS);

it.each(steps['web-app'].map((step) => [step.key, step] as const))(
  'web-app, %s: it is created once and destroyed once when the worker is killed inside either request',
  async (key, step) => {
    const name = `killed-${key}`;
    const id = await newDeployment(stack, name);
    await killInRequest(stack, { method: 'POST', path: step.create, skip: step.skip }, () =>
      startProvisioning(stack, id, 'web-app', name),
    );
    expect(await provisioningResult(stack, id)).toMatchObject({ state: 'done', items: 5, problem: null });
    const { atProvider, stored, isRecorded } = await stands(stack, id, name);
    expect(atProvider).toHaveLength(5);
    expect(stored).toEqual(atProvider);
    expect(isRecorded).toBe(true);

    await killInRequest(stack, { method: 'DELETE', path: step.destroy, skip: step.destroySkip }, () =>
      startDecommission(stack, id),
    );
    expect(await decommissionResult(stack, id)).toMatchObject({ state: 'done', destroyed: 5, left: [] });
    expect(await stands(stack, id, name)).toEqual({ atProvider: [], stored: [], isRecorded: true });
  },
  TEST_MS,
);
