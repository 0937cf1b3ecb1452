import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { nextPeriod, type Period, periodBounds, shiftPeriod } from '../../src/domain/period.ts';
import { missingPeriods } from '../../src/services/rollup/periodLedger.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { billingWorld } from '../services/rollup/billingWorld.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTimeSkippingWorker, type TimeSkippingWorker } from '../support/timeSkippingWorker.ts';

let database: TestDatabase;
let worker: TimeSkippingWorker;

beforeAll(async () => {
  database = await createTestDatabase();
  worker = await startTimeSkippingWorker(database.appUrl);
}, 300_000);
afterAll(async () => {
  await worker?.stop();
  await database?.drop();
});

const hourMs = 3_600_000;
/** The time of the rollup's schedule, and that at which the grace time after it is over. */
const rollUpTime = (period: Period) => periodBounds(period).end.getTime() + 3 * hourMs;
const issueTime = (period: Period) => rollUpTime(period) + 72 * hourMs;

async function passUntil(time: number): Promise<void> {
  const left = time - (await worker.now()).getTime();
  if (left > 0) await worker.pass(left);
}

const rollUp = (period: Period) =>
  worker.client.workflow.execute('rollUpPeriod', {
    workflowId: workflowIds.rollUpPeriod(period),
    taskQueue: taskQueues.billing,
    args: [{ period }],
  });
const issue = (period: Period) => worker.client.workflow.getHandle(workflowIds.issuePeriod(period));

const invoices = () =>
  worker
    .em()
    .execute<{ period: string; status: string; total: string }[]>(
      `select period_start::text as period, status, total_cents::text as total from tenant_invoices order by period_start`,
    );

it('13 months are rolled up and issued one after the other as time goes by, a missed one found by the ledger and made up for', async () => {
  const first: Period = `${(await worker.now()).toISOString().slice(0, 7)}-01`;
  const months = Array.from({ length: 13 }, (_, index) => shiftPeriod(first, index));
  const [, , missed = first] = months;
  const billing = billingWorld((sql, parameters) => worker.em().execute(sql, parameters));
  await billing.seedCatalog();
  await billing.deployment({ tenantId: 'loyal', plan: 'studio', startsOn: first });
  for (const month of months) await billing.closeMonth(month);

  for (const period of months.filter((month) => month !== missed)) {
    await passUntil(rollUpTime(period));
    expect(await rollUp(period)).toMatchObject({ invoiced: 1, failed: 0 });
    await passUntil(issueTime(period) - hourMs);
    expect((await invoices()).at(-1)).toEqual({ period, status: 'draft', total: '5500' });
    await passUntil(issueTime(period));
    expect(await issue(period).result()).toMatchObject({ issued: 1, held: 0 });
  }
  const last = months.at(-1) ?? first;
  expect(await missingPeriods(worker.em(), periodBounds(nextPeriod(last)).start)).toEqual([missed]);

  // Its grace time is long over.
  await rollUp(missed);
  await issue(missed).result();
  expect(await missingPeriods(worker.em(), periodBounds(nextPeriod(last)).start)).toEqual([]);
  expect(await invoices()).toEqual(months.map((period) => ({ period, status: 'issued', total: '5500' })));
  expect(
    await worker.em().execute(`select state, count(*)::int as months from period_ledger group by state`),
  ).toEqual([{ state: 'issued', months: 13 }]);
}, 300_000);
