import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { KeepAlive, reportProgress } from '../../src/activities/keepAlive.ts';

describe('KeepAlive', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** What an activity of that many seconds, which says its progress once, beats. */
  async function beatsOf(seconds: number, end: () => unknown): Promise<unknown[]> {
    const beats: unknown[] = [];
    const environment = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
    environment.on('heartbeat', (progress: unknown) => beats.push(progress));
    const running = environment.run(() =>
      new KeepAlive().execute({ args: [], headers: {} }, async () => {
        reportProgress({ rows: 7 });
        await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
        return end();
      }),
    );
    const settled = running.then(
      () => undefined,
      () => undefined,
    );
    await jest.advanceTimersByTimeAsync(seconds * 1_000);
    await settled;
    await jest.advanceTimersByTimeAsync(60_000);
    return beats;
  }

  it('beats every 5 seconds while an activity runs, with the progress that it said last, and no longer', async () => {
    const progress = { rows: 7 };
    expect(await beatsOf(12, () => 'done')).toEqual([progress, progress, progress]);
  });

  it('stops beating when the activity fails', async () => {
    const failing = () => {
      throw new Error('failed');
    };
    expect(await beatsOf(6, failing)).toHaveLength(2);
  });
});
