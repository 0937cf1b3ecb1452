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

describe('a crash of PostgreSQL', () => {
  let stack: KillableStack | undefined;

  afterEach(async () => {
    await stack?.stop();
  }, TEST_MS);

  it(
    'that empties the stage of invoices about to be stored has them staged again, and holds none of them',
    async () => {
      stack = await startKillableStack();
      await stack.startDiscovery();
      await untilIngested(stack, 20);
      const hold = await holdStores(stack, 'before_lines');
      const staged = await hold.untilWaiting(3);
      expectUnderWay(await countIngested(stack));
      await stack.postgres.end('SIGQUIT');
      await stack.postgres.start();
      await expectWholeDiscovery(stack);
      await expectWholeBooks(stack);

      const { requests, account } = stack.simulator.state;
      const readAgain = account.invoices.filter(
        ({ uuid }) => requests.count(`GET /v2/customers/my/invoices/${uuid}/csv`) > 1,
      );
      expect(readAgain.length).toBeGreaterThanOrEqual(staged);
    },
    TEST_MS,
  );
});
