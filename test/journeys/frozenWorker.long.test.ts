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
    'does not keep another one from finishing, and leaves nothing when it goes on afterwards',
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
      // What it may still have staged, the discovery tidies up a week later.
      for (const table of ['cloud_cost_line_stage', 'cloud_invoice_item_stage']) {
        await stack.query(`update ${table} set staged_at = staged_at - interval '8 days'`);
      }
      await stack.startDiscovery();
      expect(await stack.discoveryResult()).toMatchObject({ newInvoices: 0, restated: 0, ingestsStarted: 0 });
      await expectWholeBooks(stack);
    },
    TEST_MS,
  );
});
