import { afterEach, describe, expect, it } from '@jest/globals';
import { untilWorkerIsForgotten } from '../support/killableLocks.ts';
import {
  countInvoices,
  expectWholeRollUp,
  holdWrite,
  seedTenants,
  startRollUp,
  untilInvoiced,
} from '../support/killableRollUp.ts';
import { type KillableStack, startKillableStack } from '../support/killableStack.ts';

const TEST_MS = 600_000;

describe('a rollup invoices each tenant once, with the same totals, when the worker is killed', () => {
  let stack: KillableStack | undefined;

  afterEach(async () => {
    await stack?.stop();
    stack = undefined;
  }, TEST_MS);

  it(
    'after a batch is committed and before the workflow knows it',
    async () => {
      stack = await startKillableStack();
      await seedTenants(stack);
      const hold = await holdWrite(stack, 'in_commit');
      await startRollUp(stack);
      await hold.untilAlone();
      await stack.worker.end('SIGKILL');
      await hold.release();
      await untilWorkerIsForgotten(stack);
      expect(await countInvoices(stack)).toBe(60);

      await stack.worker.start();
      await expectWholeRollUp(stack);
    },
    TEST_MS,
  );

  it(
    'again and again, wherever it is between its batches',
    async () => {
      stack = await startKillableStack();
      await seedTenants(stack);
      await startRollUp(stack);
      for (const invoiced of [6, 24, 42]) {
        await untilInvoiced(stack, invoiced);
        await stack.worker.end('SIGKILL');
        await untilWorkerIsForgotten(stack);
        await stack.worker.start();
      }
      await expectWholeRollUp(stack);
    },
    TEST_MS,
  );
});
