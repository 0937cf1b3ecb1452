import { expect, it } from '@jest/globals';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { timeSkippingExecutable } from '../support/temporal.ts';

it('lets 13 months pass in seconds on the Temporal test server', async () => {
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: await timeSkippingExecutable() },
  });
  try {
    const startedAt = performance.now();
    const before = await environment.currentTimeMs();
    await environment.sleep('395 days');
    expect((await environment.currentTimeMs()) - before).toBeGreaterThanOrEqual(395 * 24 * 3_600_000);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  } finally {
    await environment.teardown();
  }
}, 300_000);
