import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { Droplet } from '../../dev/simulator/account.ts';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { type Goal, reachGoal } from '../../src/activities/reachGoal.ts';
import type { ProviderOperations } from '../../src/providers/provider.ts';
import { simulatedProvider } from '../support/simulator.ts';

const times = { pollMs: 20, shutdownMs: 200, settleMs: 150 };
let simulator: Simulator;
let operations: ProviderOperations;

beforeAll(async () => {
  simulator = await startSimulator({ actionMilliseconds: 30 });
  const provider = simulatedProvider(simulator);
  if (provider.operations === undefined) throw new Error('the provider changes nothing');
  operations = provider.operations;
});
afterAll(() => simulator?.close());

/** A droplet of the account that no other test has. */
let next = 0;
function droplet(): Droplet {
  const found = simulator.state.account.droplets[next];
  next += 1;
  if (found === undefined) throw new Error('the account has no more droplets');
  return found;
}

function reach(target: Droplet, goal: Partial<Goal> & Pick<Goal, 'operation'>): Promise<void> {
  const environment = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
  return environment.run(() =>
    reachGoal({
      operations,
      kind: 'droplet',
      externalId: String(target.id),
      times,
      deadline: Date.now() + 3_000,
      isRetry: false,
      isUncertain: false,
      ...goal,
    }),
  );
}

const actionsOf = ({ id }: Droplet) =>
  simulator.state.actions.filter(({ resourceId }) => resourceId === String(id));
const rename = (name: string) => ({ action: 'rename', parameters: { name } }) as const;

/** A provider that shows what it has done only a while later. */
function lagging(ms: number): ProviderOperations {
  let shown: { resource: Awaited<ReturnType<ProviderOperations['read']>>; at: number } | undefined;
  return {
    ...operations,
    async read(kind, externalId, signal) {
      const resource = await operations.read(kind, externalId, signal);
      shown ??= { resource, at: Date.now() };
      return Date.now() < shown.at + ms ? shown.resource : resource;
    },
  };
}

describe('a goal', () => {
  it('that is reached already asks for nothing', async () => {
    const target = droplet();
    await reach(target, { operation: rename(target.name) });
    expect(actionsOf(target)).toEqual([]);
  });

  it('is asked for once where the provider shows late what it has done', async () => {
    const target = droplet();
    await reach(target, { operation: rename('late'), operations: lagging(130) });
    expect(target.name).toBe('late');
    expect(actionsOf(target)).toHaveLength(1);
  });

  it('is not asked for again by a later attempt while what the first one did does not show yet', async () => {
    const target = droplet();
    const slow = lagging(130);
    await slow.read('droplet', String(target.id));
    await operations.startAction(
      { kind: 'droplet', externalId: String(target.id) },
      { type: 'rename', name: 'once' },
    );
    await reach(target, { operation: rename('once'), operations: slow, isRetry: true });
    expect(actionsOf(target)).toHaveLength(1);
  });

  it('is given up where the provider says that it is done and it never shows', async () => {
    const target = droplet();
    await expect(
      reach(target, { operation: rename('never'), operations: lagging(60_000) }),
    ).rejects.toMatchObject({ code: 'step_without_effect', retryable: false });
    expect(actionsOf(target)).toHaveLength(1);
  });

  it('is looked at twice where something may still be on its way, and brought back where that came', async () => {
    const target = droplet();
    const { name } = target;
    setTimeout(() => {
      target.name = 'came-late';
    }, 60);
    await reach(target, { operation: rename(name), isUncertain: true });
    expect(target.name).toBe(name);
    expect(actionsOf(target)).toHaveLength(1);
  });

  it('is not asked for any more after its time', async () => {
    const target = droplet();
    await expect(
      reach(target, { operation: rename('too-late'), deadline: Date.now() - 1 }),
    ).rejects.toMatchObject({ code: 'step_timed_out', retryable: false });
    expect(actionsOf(target)).toEqual([]);
  });

  it('waits while the provider says that it is busy, though no action is to be seen', async () => {
    const target = droplet();
    target.locked = true;
    setTimeout(() => {
      target.locked = false;
    }, 200);
    await reach(target, { operation: rename('patient') });
    expect(target.name).toBe('patient');
  });

  it('fails for good where the resource is gone', async () => {
    const target = droplet();
    simulator.state.account.droplets.splice(simulator.state.account.droplets.indexOf(target), 1);
    next -= 1;
    const gone = reach(target, { operation: rename('gone') });
    await expect(gone).rejects.toMatchObject({ code: 'provider_not_found', retryable: false });
  });
});
