import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { Command, InvalidArgumentError } from 'commander';
import { TranslateFailures } from './activities/failures.ts';
import { createActivities } from './activities/index.ts';
import { KeepAlive } from './activities/keepAlive.ts';
import { InvalidConfiguration, readWorkerConfig, type WorkerConfig } from './config.ts';
import { ArcadiaError } from './domain/errors.ts';
import { createFinanceClient, type FinanceClient } from './integrations/financeClient.ts';
import { createWebhookClient } from './integrations/webhookClient.ts';
import { createLog } from './logging.ts';
import { startOrm } from './orm.ts';
import { configuredProviders } from './providers/configuredProviders.ts';
import { refuseUnsafeDatabaseRole } from './services/refuseUnsafeDatabaseRole.ts';
import { createSecretEncryption } from './services/webhooks/secretEncryption.ts';
import { temporalConnection } from './temporalClient.ts';
import { bundleWorkflows } from './workflowBundle.ts';
import { allTaskQueues, type TaskQueue, taskQueues } from './workflows/taskQueues.ts';

/** Serves task queues until SIGINT or SIGTERM; what is in hand is finished first, or tried again elsewhere. */
async function main(): Promise<void> {
  const program = new Command()
    .name('worker')
    .description('Runs the workflows and activities of some or all task queues.')
    .option('--queues <names>', `comma-separated; all unless given: ${allTaskQueues.join(', ')}`, parseQueues)
    .parse();
  const { queues = allTaskQueues } = program.opts<{ queues?: readonly TaskQueue[] }>();
  const config = readWorkerConfig();
  const log = createLog(config.LOG_LEVEL);

  const temporalLog = new DefaultLogger('WARN', (entry) =>
    log.warn({ ...entry.meta, temporal: entry.level }, entry.message),
  );
  Runtime.install({
    logger: temporalLog,
    telemetryOptions: {
      metrics: {
        prometheus: {
          bindAddress: `${config.METRICS_HOST}:${config.WORKER_METRICS_PORT}`,
          countersTotalSuffix: true,
          unitSuffix: true,
          useSecondsForDurations: true,
        },
      },
    },
  });

  const orm = await startOrm({ url: config.DATABASE_URL, poolSize: config.DATABASE_POOL_SIZE });
  await refuseUnsafeDatabaseRole(orm);
  const pool = await orm.em.getConnection().getNativeClient();
  const { connectionOptions, namespace } = temporalConnection(config);
  const connection = await NativeConnection.connect(connectionOptions);
  const workflowBundle = await bundleWorkflows(temporalLog);
  const activities = createActivities({
    orm,
    pool,
    providers: configuredProviders(config, pool, log),
    finance: configuredFinance(config),
    webhooks: createWebhookClient({ allowLoopback: config.WEBHOOK_ALLOW_LOOPBACK }),
    encryption: createSecretEncryption(config.ENCRYPTION_KEYS),
    webhookLogDays: config.WEBHOOK_LOG_DAYS,
    webhookDisableAfterDays: config.WEBHOOK_DISABLE_AFTER_DAYS,
    reportingCurrency: config.REPORTING_CURRENCY,
    invoiceGraceHours: config.INVOICE_GRACE_HOURS,
    dunning: {
      pauseAfterDays: config.DUNNING_PAUSE_AFTER_DAYS,
      suspendAfterDays: config.DUNNING_SUSPEND_AFTER_DAYS,
    },
    driftReverts: {
      atOnce: config.DRIFT_REVERTS_AT_ONCE,
      budgetMonthly: config.DRIFT_REVERT_BUDGET_MONTHLY,
      approvalHours: config.DRIFT_APPROVAL_HOURS,
    },
    focusFolder: config.FOCUS_FOLDER,
    focusFileLimit: config.FOCUS_FILE_MAX_BYTES,
  });
  const workers = await Promise.all(
    queues.map((taskQueue) =>
      Worker.create({
        connection,
        namespace,
        taskQueue,
        workflowBundle,
        activities,
        interceptors: {
          activity: [() => ({ inbound: new TranslateFailures() }), () => ({ inbound: new KeepAlive() })],
        },
        // The default, 0.8 of the heartbeat time-out, leaves a busy machine too little of it.
        maxHeartbeatThrottleInterval: '10 seconds',
        // Each activity may hold a connection; the rest of the pool is for the limiter and for those that hold two. One that waits
        // for an endpoint holds none.
        maxConcurrentActivityTaskExecutions:
          taskQueue === taskQueues.webhooks ? 100 : Math.max(2, Math.floor(config.DATABASE_POOL_SIZE / 2)),
        shutdownGraceTime: '20 seconds',
        shutdownForceTime: '40 seconds',
      }),
    ),
  );
  log.info({ queues, namespace }, 'worker ready');
  try {
    await Promise.all(workers.map((worker) => worker.run()));
  } finally {
    await connection.close();
    await orm.close(true);
  }
  log.info('worker stopped');
}

function configuredFinance(config: WorkerConfig): FinanceClient | undefined {
  const { FINANCE_URL: url, FINANCE_WEBHOOK_SECRET: secrets } = config;
  const [secret] = secrets;
  if (url === undefined && secret === undefined) return undefined;
  if (url === undefined)
    throw new InvalidConfiguration(['FINANCE_URL: is required with FINANCE_WEBHOOK_SECRET']);
  if (secret === undefined) {
    throw new InvalidConfiguration(['FINANCE_WEBHOOK_SECRET: is required with FINANCE_URL']);
  }
  return createFinanceClient({ url: url.replace(/\/+$/, ''), secret });
}

function parseQueues(text: string): TaskQueue[] {
  return text.split(',').map((name) => {
    const queue = allTaskQueues.find((known) => known === name.trim());
    if (queue === undefined) {
      throw new InvalidArgumentError(`"${name}" is no task queue; there are ${allTaskQueues.join(', ')}`);
    }
    return queue;
  });
}

try {
  await main();
} catch (error) {
  console.error(error instanceof ArcadiaError ? error.message : error);
  process.exitCode = 1;
}
