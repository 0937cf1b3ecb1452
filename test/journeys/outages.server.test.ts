import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
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

describe('137 invoices are ingested whole, no line lost and none twice,', () => {
  let stack: KillableStack;

  beforeEach(async () => {
    stack = await startKillableStack();
  }, TEST_MS);

  afterEach(async () => {
    await stack.stop();
  }, TEST_MS);

  it(
    'when the worker is killed twice on the way',
    async () => {
      await stack.startDiscovery();
      for (const moment of [20, 80]) {
        expectUnderWay(await untilIngested(stack, moment));
        expect(await stack.worker.end('SIGKILL')).toBe('SIGKILL');
        await stack.worker.start();
      }
      await expectWholeDiscovery(stack);
      await expectWholeBooks(stack);
    },
    TEST_MS,
  );

  it(
    'when PostgreSQL is stopped for 20 seconds on the way',
    async () => {
      await stack.startDiscovery();
      expectUnderWay(await untilIngested(stack, 40));
      await stack.postgres.end('SIGINT');
      await delay(OUTAGE_MS);
      await stack.postgres.start();
      expectUnderWay(await countIngested(stack));
      await expectWholeDiscovery(stack);
      await expectWholeBooks(stack);
    },
    TEST_MS,
  );

  it(
    'when the Temporal server is killed and started again on the way',
    async () => {
      await stack.startDiscovery();
      expectUnderWay(await untilIngested(stack, 40));
      await stack.temporal.end('SIGKILL');
      await stack.temporal.start();
      expectUnderWay(await countIngested(stack));
      await expectWholeDiscovery(stack);
      await expectWholeBooks(stack);
    },
    TEST_MS,
  );
});
