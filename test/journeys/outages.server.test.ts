import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import {
  countIngested,
  expectUnderWay,
  expectWholeBooks,
  expectWholeDiscovery,
  untilIngested,
} from '../support/killableBooks.ts';
import { type KillableStack, startKillableStack } from '../support/killableStack.ts';

const OUTAGE_MS = 20_000;
const TEST_MS = 300_000;

/** Each in a stack of its own, side by side, since most of their time is waiting. */
describe('137 invoices are ingested whole, no line lost and none twice,', () => {
  it.concurrent(
    'when the worker is killed twice on the way',
    () =>
      inStack(async (stack) => {
        await stack.startDiscovery();
        for (const moment of [20, 80]) {
          expectUnderWay(await untilIngested(stack, moment));
          expect(await stack.worker.end('SIGKILL')).toBe('SIGKILL');
          await stack.worker.start();
        }
        await expectWholeDiscovery(stack);
        await expectWholeBooks(stack);
      }),
    TEST_MS,
  );

  it.concurrent(
    'when PostgreSQL is stopped for 20 seconds on the way',
    () =>
      inStack(async (stack) => {
        await stack.startDiscovery();
        expectUnderWay(await untilIngested(stack, 40));
        await stack.postgres.end('SIGINT');
        await delay(OUTAGE_MS);
        await stack.postgres.start();
        expectUnderWay(await countIngested(stack));
        await expectWholeDiscovery(stack);
        await expectWholeBooks(stack);
      }),
    TEST_MS,
  );

  it.concurrent(
    'when the Temporal server is killed and started again on the way',
    () =>
      inStack(async (stack) => {
        await stack.startDiscovery();
        expectUnderWay(await untilIngested(stack, 40));
        await stack.temporal.end('SIGKILL');
        await stack.temporal.start();
        expectUnderWay(await countIngested(stack));
        await expectWholeDiscovery(stack);
        await expectWholeBooks(stack);
      }),
    TEST_MS,
  );
});

async function inStack(test: (stack: KillableStack) => Promise<void>): Promise<void> {
  const stack = await startKillableStack();
  try {
    await test(stack);
  } finally {
    await stack.stop();
  }
}
