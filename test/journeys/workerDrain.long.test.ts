import { afterEach, describe, expect, it } from '@jest/globals';
import {
  countIngested,
  expectEachDocumentReadOnce,
  expectUnderWay,
  expectWholeBooks,
  expectWholeDiscovery,
  untilIngested,
} from '../support/killableBooks.ts';
import { type KillableStack, startKillableStack } from '../support/killableStack.ts';

const TEST_MS = 300_000;
const DRAINS_WITHIN_MS = 45_000;

describe('a worker that is asked to stop', () => {
  let stack: KillableStack | undefined;

  afterEach(async () => {
    await stack?.stop();
  }, TEST_MS);

  it(
    'finishes what it has in hand, so that nothing is done again, and ends within 45 seconds',
    async () => {
      stack = await startKillableStack();
      await stack.startDiscovery();
      expectUnderWay(await untilIngested(stack, 30));
      const askedAt = Date.now();
      expect(await stack.worker.end('SIGTERM')).toBe(0);
      expect(Date.now() - askedAt).toBeLessThan(DRAINS_WITHIN_MS);
      expectUnderWay(await countIngested(stack));

      await stack.worker.start();
      await expectWholeDiscovery(stack);
      await expectWholeBooks(stack);
      expectEachDocumentReadOnce(stack);
    },
    TEST_MS,
  );
});
