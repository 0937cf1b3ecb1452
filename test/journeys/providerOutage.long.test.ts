import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { LoggedRequest } from '../../dev/simulator/requestLog.ts';
import {
  countIngested,
  expectEachDocumentReadOnce,
  expectUnderWay,
  expectWholeBooks,
  expectWholeDiscovery,
  untilIngested,
} from '../support/killableBooks.ts';
import { activitiesThatTimedOut } from '../support/killableHistory.ts';
import { type KillableStack, startKillableStack } from '../support/killableStack.ts';

const TEST_MS = 600_000;
const OUTAGE_MS = 60_000;
/** Longer than the heartbeat time-out: waiting for the provider is no sign of death. */
const RETRY_AFTER_SECONDS = 35;

describe('137 invoices are ingested whole, no line lost and none twice,', () => {
  let stack: KillableStack | undefined;

  afterEach(async () => {
    await stack?.stop();
  }, TEST_MS);

  it(
    'through a minute of errors and cut connections, with few tries and nothing read twice',
    async () => {
      stack = await startKillableStack();
      const { faults, requests } = stack.simulator.state;
      await stack.startDiscovery();
      expectUnderWay(await untilIngested(stack, 20));
      faults.add({ match: { path: '/csv$' }, fault: { kind: 'reset' }, times: null });
      faults.add({ match: { path: '/summary$' }, fault: { kind: 'server_error' }, times: null });
      await delay(OUTAGE_MS);
      faults.clear();
      expectUnderWay(await countIngested(stack));
      await expectWholeDiscovery(stack);
      await expectWholeBooks(stack);

      const refused = requests.entries.filter(({ status }) => status !== 200);
      // 8 ingests at once with a CSV and a summary each, tried after 0, 2, 6, 14 and 30 seconds, and maybe just before the end.
      expect(refused.length).toBeGreaterThanOrEqual(8 * 2 * 4);
      expect(refused.length).toBeLessThanOrEqual(8 * 2 * 6);
      expectEachDocumentReadOnce(stack);
    },
    TEST_MS,
  );

  it(
    'when the provider asks for a pause, in which nobody sends it anything and no activity is taken for dead',
    async () => {
      stack = await startKillableStack();
      const { faults, requests } = stack.simulator.state;
      await stack.startDiscovery();
      expectUnderWay(await untilIngested(stack, 20));
      faults.add({ fault: { kind: 'rate_limit', retryAfterSeconds: RETRY_AFTER_SECONDS } });
      await expectWholeDiscovery(stack);
      await expectWholeBooks(stack);

      const refused = requests.entries.filter(({ status }) => status === 429);
      expect(refused).toHaveLength(1);
      for (const { at } of refused) {
        // What was on its way when the refusal was sent still arrives.
        const from = Date.parse(at) + 3_000;
        const to = Date.parse(at) + RETRY_AFTER_SECONDS * 1_000;
        expect(requests.entries.filter(arrivedBetween(from, to))).toEqual([]);
        expect(requests.entries.filter(arrivedBetween(to, Number.POSITIVE_INFINITY)).length).toBeGreaterThan(
          0,
        );
      }
      expect(requests.entries.length).toBeLessThanOrEqual(137 * 3 + 10);
      expect(await activitiesThatTimedOut(stack)).toEqual([]);
    },
    TEST_MS,
  );
});

function arrivedBetween(from: number, to: number): (request: LoggedRequest) => boolean {
  return ({ at }) => Date.parse(at) > from && Date.parse(at) < to;
}
