import { afterEach, expect, it } from '@jest/globals';
import { untilWorkerIsForgotten } from '../support/killableLocks.ts';
import {
  countInvoices,
  expectWholeRollUp,
  holdWrite,
  seedTenants,
  startRollUp,
} from '../support/killableRollUp.ts';
import { type KillableStack, startKillableStack } from '../support/killableStack.ts';

const TEST_MS = 300_000;
let stack: KillableStack | undefined;

afterEach(async () => {
  await stack?.stop();
  stack = undefined;
}, TEST_MS);

it(
  'invoices each tenant once, with the same totals, when the worker is killed inside the write of a batch',
  async () => {
    stack = await startKillableStack();
    await seedTenants(stack);
    const hold = await holdWrite(stack, 'in_write');
    await startRollUp(stack);
    await hold.untilAlone();
    await stack.worker.end('SIGKILL');
    await hold.release();
    await untilWorkerIsForgotten(stack);
    // Of the batch that was cut off nothing is kept.
    expect(await countInvoices(stack)).toBe(58);

    await stack.worker.start();
    await expectWholeRollUp(stack);
  },
  TEST_MS,
);
