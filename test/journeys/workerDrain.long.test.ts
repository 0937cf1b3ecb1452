import { afterEach, describe, expect, it } from '@jest/globals';
import {
  expectUnderWay,
  expectWholeBooks,
  expectWholeDiscovery,
  untilIngested,
} from '../support/killableBooks.ts';
import { activitiesThatTimedOut } from '../support/killableHistory.ts';
import { type KillableStack, startKillableStack } from '../support/killableStack.ts';

const TEST_MS = 300_000;
const DRAINS_WITHIN_MS = 45_000;

describe('a worker that is asked to stop', () => {
  let stack: KillableStack | undefined;

  afterEach(async () => {
    await stack?.stop();
  }, TEST_MS);

  it(
    'finishes what it has in hand, ends well within 45 seconds, and leaves nothing that has to time out',
    async () => {
      stack = await startKillableStack();
      await stack.startDiscovery();
      expectUnderWay(await untilIngested(stack, 30));
      const askedAt = Date.now();
      expect(await stack.worker.end('SIGTERM')).toBe(0);
      expect(Date.now() - askedAt).toBeLessThan(DRAINS_WITHIN_MS);
      expectUnderWay(await untilIngested(stack, 30));

      await stack.worker.start();
      await expectWholeDiscovery(stack);
      await expectWholeBooks(stack);
      expect(await activitiesThatTimedOut(stack)).toEqual([]);
    },
    TEST_MS,
  );
});
