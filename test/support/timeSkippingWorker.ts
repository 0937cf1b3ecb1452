import { setTimeout } from 'node:timers/promises';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Client } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { TranslateFailures } from '../../src/activities/failures.ts';
import { createActivities } from '../../src/activities/index.ts';
import { KeepAlive } from '../../src/activities/keepAlive.ts';
import { startOrm } from '../../src/orm.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { searchAttributeTypes } from '../../src/workflows/searchAttributes.ts';
import { allTaskQueues } from '../../src/workflows/taskQueues.ts';
import { timeSkippingExecutable } from './temporal.ts';
import { installQuietRuntime } from './worker.ts';
import { workflowBundle } from './workflowBundle.ts';

/** A worker whose workflows live in a time of their own, which a test lets pass. */
export interface TimeSkippingWorker {
  readonly client: Client;
  /** What workflows take for now. */
  now(): Promise<Date>;
  /** Lets time pass, once no activity runs any more: `1 day`, or milliseconds. */
  pass(duration: string | number): Promise<void>;
  /** A fresh EntityManager that sees what the service's own workers see. */
  em(): EntityManager;
  stop(): Promise<void>;
}

/** Serves every queue on a Temporal test server of its own, which has no schedules; without providers. */
export async function startTimeSkippingWorker(appUrl: string): Promise<TimeSkippingWorker> {
  installQuietRuntime();
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: await timeSkippingExecutable() },
  });
  const namespace = environment.namespace ?? 'default';
  // It does not list them: they can't be ensured, only added.
  await environment.connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(Object.keys(searchAttributeTypes).map((name) => [name, keyword])),
  });
  const orm = await startOrm({ url: appUrl, poolSize: 20 });
  const activities = createActivities({
    orm,
    pool: await orm.em.getConnection().getNativeClient(),
    providers: new Map(),
  });
  const bundle = await workflowBundle();
  const workers = await Promise.all(
    allTaskQueues.map((taskQueue) =>
      Worker.create({
        connection: environment.nativeConnection,
        namespace,
        taskQueue,
        workflowBundle: bundle,
        activities,
        interceptors: {
          activity: [() => ({ inbound: new TranslateFailures() }), () => ({ inbound: new KeepAlive() })],
        },
      }),
    ),
  );
  const running = Promise.all(workers.map((worker) => worker.run()));
  return {
    client: new Client({ connection: environment.connection, namespace }),
    now: async () => new Date(await environment.currentTimeMs()),
    pass: (duration) => letPass(environment, duration),
    em: () => forSession(orm, systemSession),
    async stop() {
      for (const worker of workers) worker.shutdown();
      await running;
      await orm.close(true);
      await environment.teardown();
    },
  };
}

const lookAgainMs = 500;

/**
 * The server holds its time for a child workflow that ends until its parent was told, and for ever where the parent was over before
 * (temporalio/sdk-typescript#1101). Time that stands still is let go until it moves.
 */
async function letPass(environment: TestWorkflowEnvironment, duration: string | number): Promise<void> {
  let hasPassed = false;
  const passing = environment.sleep(duration as Parameters<typeof environment.sleep>[0]).finally(() => {
    hasPassed = true;
  });
  for (;;) {
    const before = await environment.currentTimeMs();
    await Promise.race([passing, setTimeout(lookAgainMs)]);
    if (hasPassed) return passing;
    const moved = (await environment.currentTimeMs()) - before;
    if (moved < 2 * lookAgainMs) await environment.connection.testService?.unlockTimeSkipping({});
  }
}

/** Temporal's number of the type. */
const keyword = 2;
