import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it } from '@jest/globals';
import { shiftPeriod } from '../../src/domain/period.ts';
import { schedulesFor } from '../../src/schedules.ts';
import { ensureSchedules } from '../../src/temporalSetup/schedules.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import { type KillableStack, startKillableStack } from '../support/killableStack.ts';
import { until } from '../support/killableWait.ts';

const TEST_MS = 400_000;
let stack: KillableStack | undefined;

afterEach(async () => {
  await stack?.stop();
  stack = undefined;
}, TEST_MS);

it(
  'a rollup that was due while the Temporal server was down runs exactly once when it is back, for the month before its due time',
  async () => {
    const running = await startKillableStack();
    stack = running;
    const [definition] = schedulesFor('digitalocean').filter(({ id }) => id === 'rollup');
    if (definition === undefined) throw new Error('there is no schedule of the rollup');
    const due = new Date(Math.ceil((Date.now() + 20_000) / 60_000) * 60_000);
    const period = shiftPeriod(`${due.toISOString().slice(0, 7)}-01`, -1);
    await running.withTemporal((client) =>
      ensureSchedules(client, [
        {
          ...definition,
          at: { minute: due.getUTCMinutes(), hour: due.getUTCHours(), dayOfMonth: due.getUTCDate() },
        },
      ]),
    );
    // A worker gives up after a minute without its server, and is started again by whoever runs it.
    await running.worker.stop();
    await running.temporal.end('SIGTERM');
    await delay(due.getTime() - Date.now() + 15_000);
    await running.temporal.start();
    await running.worker.start();
    await until('the ledger has the month', async () => {
      const [row] = await running.query(
        `select 1 from period_ledger where period_start = $1 and state in ('rolled_up', 'issued')`,
        [period],
      );
      return row;
    });
    // Whatever else would come is there by now.
    await delay(10_000);
    const runs = await running.withTemporal(async (client) => {
      const found: string[] = [];
      for await (const { workflowId, type } of client.workflow.list()) {
        if (type === 'rollUpPeriod' || type === 'launchRollUp') found.push(`${type} ${workflowId}`);
      }
      return found.toSorted();
    });
    expect(runs).toEqual([
      `launchRollUp launch:roll-up-${due.toISOString().replace('.000Z', 'Z')}`,
      `rollUpPeriod ${workflowIds.rollUpPeriod(period)}`,
    ]);
  },
  TEST_MS,
);
