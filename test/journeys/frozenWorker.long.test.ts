import { afterEach, describe, expect, it } from '@jest/globals';
import {
  countIngested,
  expectUnderWay,
  expectWholeBooks,
  expectWholeDiscovery,
  untilIngested,
} from '../support/killableBooks.ts';
import { holdStores } from '../support/killableLocks.ts';
import { type KillableStack, startKillableStack } from '../support/killableStack.ts';

const TEST_MS = 300_000;

describe('a worker that stands still in the middle of its transactions, as when its machine is out of reach,', () => {
  let stack: KillableStack | undefined;

  afterEach(async () => {
    await stack?.stop();
  }, TEST_MS);

  it(
    'does not keep another one from finishing, and changes nothing when it goes on afterwards',
    async () => {
      stack = await startKillableStack();
      await stack.startDiscovery();
      await untilIngested(stack, 20);
      const hold = await holdStores(stack, 'before_lines');
      await hold.untilWaiting(3);
      expectUnderWay(await countIngested(stack));
      stack.worker.freeze();
      await hold.release();
      await stack.otherWorker.start();
      await expectWholeDiscovery(stack);
      await expectWholeBooks(stack);

      stack.worker.thaw();
      expect(await stack.worker.end('SIGTERM')).toBe(0);
      await expectWholeBooks(stack);
    },
    TEST_MS,
  );
});
