import { afterEach, describe, expect, it } from '@jest/globals';
import type { Account } from '../../dev/simulator/account.ts';
import { goldenAccount } from '../../dev/simulator/goldenAccount.ts';
import {
  countIngested,
  expectUnderWay,
  expectWholeBooks,
  expectWholeDiscovery,
  untilIngested,
} from '../support/killableBooks.ts';
import { holdStores, untilWorkerIsForgotten } from '../support/killableLocks.ts';
import { type StallingProxy, startStallingProxy } from '../support/killableProxy.ts';
import {
  type KillableStack,
  type KillableStackOptions,
  startKillableStack,
} from '../support/killableStack.ts';
import { until } from '../support/killableWait.ts';

const TEST_MS = 300_000;
const STORES_AT_ONCE = 3;

describe('each invoice gets exactly one version, whole, when the worker is killed', () => {
  let stack: KillableStack | undefined;
  let proxy: StallingProxy | undefined;

  async function start(options?: KillableStackOptions): Promise<KillableStack> {
    stack = await startKillableStack(options);
    return stack;
  }

  afterEach(async () => {
    await stack?.stop();
    await proxy?.close();
    stack = undefined;
    proxy = undefined;
  }, TEST_MS);

  it(
    'in the middle of a CSV whose lines stream into COPY',
    async () => {
      const { account, csvPath } = accountWithLongInvoice();
      const running = await start({
        account,
        async throughProxy(simulatorUrl) {
          proxy = await startStallingProxy(simulatorUrl, csvPath);
          return proxy.url;
        },
      });
      await running.startDiscovery();
      await proxy?.stalled;
      await until('a thousand lines are in the COPY', async () => {
        const [copy] = await running.query(
          `select pid from pg_stat_progress_copy where relid = 'cloud_cost_line_stage'::regclass and tuples_processed > 500`,
        );
        return copy;
      });
      await running.worker.end('SIGKILL');
      await untilWorkerIsForgotten(running);
      expect(await countIngested(running)).toBeLessThan(137);

      await running.worker.start();
      await expectWholeDiscovery(running);
      await expectWholeBooks(running);
    },
    TEST_MS,
  );

  it(
    'in the middle of the transaction that stores the lines, of which nothing is kept',
    async () => {
      const running = await start();
      await running.startDiscovery();
      await untilIngested(running, 20);
      const hold = await holdStores(running, 'before_lines');
      await hold.untilWaiting(STORES_AT_ONCE);
      const before = await countIngested(running);
      expectUnderWay(before);
      await running.worker.end('SIGKILL');
      await hold.release();
      await untilWorkerIsForgotten(running);
      expect(await countIngested(running)).toBe(before);

      await running.worker.start();
      await expectWholeDiscovery(running);
      await expectWholeBooks(running);
    },
    TEST_MS,
  );

  it(
    'after the lines are committed and before the workflow knows it',
    async () => {
      const running = await start();
      await running.startDiscovery();
      await untilIngested(running, 20);
      const hold = await holdStores(running, 'in_commit');
      const committing = await hold.untilWaiting(STORES_AT_ONCE);
      const before = await countIngested(running);
      expectUnderWay(before);
      await running.worker.end('SIGKILL');
      await hold.release();
      await untilWorkerIsForgotten(running);
      expect(await countIngested(running)).toBeGreaterThanOrEqual(before + committing);

      await running.worker.start();
      await expectWholeDiscovery(running);
      await expectWholeBooks(running);
    },
    TEST_MS,
  );
});

/** The newest invoice has 3,000 lines more, that come to nothing in sum: enough to stream for a while. */
function accountWithLongInvoice(): { account: Account; csvPath: string } {
  const account = goldenAccount();
  const [newest] = account.invoices;
  const model = newest?.lines[0];
  if (newest === undefined || model === undefined) throw new Error('the golden account has no lines');
  for (let index = 0; index < 3_000; index += 1) {
    newest.lines.push({
      ...model,
      description: `burst-${index} (s-1vcpu-1gb)`,
      amountCents: index % 2 === 0 ? 100 : -100,
    });
  }
  return { account, csvPath: `/v2/customers/my/invoices/${newest.uuid}/csv` };
}
