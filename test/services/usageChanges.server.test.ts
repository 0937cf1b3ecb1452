import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { recordManualUsage } from '../../src/services/recordManualUsage.ts';
import { freezeWorklist } from '../../src/services/rollup/freezeWorklist.ts';
import { beginUsageChange } from '../../src/services/usageChanges.ts';
import { systemSession } from '../../src/session.ts';
import { type Metering, meteringIn } from './meteringWorld.ts';
import { openWorld, type World } from './world.ts';

let world: World;
let meters: Metering;
beforeAll(async () => {
  world = await openWorld();
  meters = meteringIn(world);
});
afterAll(() => world.close());

const rollUp = (period: string) =>
  freezeWorklist(world.em(), {
    period,
    workflowId: 'w',
    runId: 'r',
    force: false,
    graceHours: 72,
    now: new Date('2026-05-01T03:00:00Z'),
  });

/** Resolves once somebody waits for a lock of this name. */
async function somebodyWaits(): Promise<void> {
  for (;;) {
    const [row] = await world.em().execute<{ waiting: number }[]>(
      `select count(*)::int as waiting from pg_locks where locktype = 'advisory' and not granted and database = (
           select oid from pg_database where datname = current_database())`,
    );
    if (row?.waiting === 1) return;
    await delay(20);
  }
}

describe('between a change of usage and the rollup of its month', () => {
  it('the rollup begins only when changes under way are there to be seen', async () => {
    const order: string[] = [];
    let begun: Promise<unknown> = Promise.resolve();
    await world.em().transactional(async (em) => {
      await beginUsageChange(em);
      begun = rollUp('2026-03-01').then(() => order.push('rollup'));
      await somebodyWaits();
      order.push('change');
    });
    await begun;
    expect(order).toEqual(['change', 'rollup']);
  });

  it('a change that comes later sees the rollup, and is noted as late', async () => {
    const deploymentId = await meters.deployment();
    await rollUp('2026-04-01');
    await recordManualUsage(world.em(), {
      deploymentId,
      resourceKind: 'llm_tokens',
      day: '2026-04-10',
      quantity: '1',
      reason: 'test',
      actor: systemSession,
      at: new Date('2026-05-01T03:00:01Z'),
      requestId: 'r',
    });
    expect(await world.em().execute(`select usage_month::text as month from late_usage`)).toEqual([
      { month: '2026-04-01' },
    ]);
  });
});
