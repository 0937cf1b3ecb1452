import type { EntityManager } from '@mikro-orm/postgresql';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { TranslateFailures } from '../../src/activities/failures.ts';
import { createActivities } from '../../src/activities/index.ts';
import { KeepAlive } from '../../src/activities/keepAlive.ts';
import type { FinanceClient } from '../../src/integrations/financeClient.ts';
import type { WebhookClient } from '../../src/integrations/webhookClient.ts';
import { startOrm } from '../../src/orm.ts';
import type { Provider } from '../../src/providers/provider.ts';
import type { RevertSettings } from '../../src/services/drift/approveRevert.ts';
import type { SecretEncryption } from '../../src/services/webhooks/secretEncryption.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { ensureNamespace } from '../../src/temporalSetup/namespace.ts';
import { ensureSearchAttributes } from '../../src/temporalSetup/searchAttributes.ts';
import { searchAttributeTypes } from '../../src/workflows/searchAttributes.ts';
import { allTaskQueues, type TaskQueue } from '../../src/workflows/taskQueues.ts';
import { testTemporalAddress } from './addresses.ts';
import { testEncryption } from './encryption.ts';
import { quiet, workflowBundle } from './workflowBundle.ts';

export interface TestWorkerOptions {
  readonly appUrl: string;
  readonly providers: readonly Provider[];
  /** Of this test file alone, since the queues have fixed names; made where it is missing. */
  readonly namespace: string;
  /** All unless given. */
  readonly queues?: readonly TaskQueue[];
  /** The folder that is watched for FOCUS files. */
  readonly focusFolder?: string;
  /** The finance system; none unless given. */
  readonly finance?: FinanceClient;
  /** How webhooks are sent; to public addresses alone unless given. */
  readonly webhooks?: WebhookClient;
  /** What the secrets of webhooks are encrypted with; that of tests unless given. */
  readonly encryption?: SecretEncryption;
  /** Limits and time limit of reverts; those of production unless given. */
  readonly driftReverts?: RevertSettings;
}

export interface TestWorker {
  readonly client: Client;
  readonly namespace: string;
  /** A fresh EntityManager that sees what the service's own workers see. */
  em(): EntityManager;
  stop(): Promise<void>;
}

/** The worker as `src/worker.ts` puts it together, in this process, over the given providers. */
export async function startTestWorker(options: TestWorkerOptions): Promise<TestWorker> {
  const { namespace, providers, queues = allTaskQueues } = options;
  installQuietRuntime();
  const address = testTemporalAddress();
  const connection = await Connection.connect({ address });
  await ensureNamespace(connection, namespace);
  await ensureSearchAttributes(connection, namespace, searchAttributeTypes);
  const orm = await startOrm({ url: options.appUrl, poolSize: 20 });
  const activities = createActivities({
    orm,
    pool: await orm.em.getConnection().getNativeClient(),
    providers: new Map(providers.map((provider) => [provider.name, provider])),
    focusFolder: options.focusFolder,
    finance: options.finance,
    webhooks: options.webhooks,
    encryption: options.encryption ?? testEncryption,
    driftReverts: options.driftReverts,
  });
  const native = await NativeConnection.connect({ address });
  const bundle = await workflowBundle();
  const workers = await Promise.all(
    queues.map((taskQueue) =>
      Worker.create({
        connection: native,
        namespace,
        taskQueue,
        workflowBundle: bundle,
        activities,
        interceptors: {
          activity: [() => ({ inbound: new TranslateFailures() }), () => ({ inbound: new KeepAlive() })],
        },
        // A cancel comes with the answer to a heartbeat.
        maxHeartbeatThrottleInterval: '1 second',
        maxConcurrentActivityTaskExecutions: 10,
      }),
    ),
  );
  const running = Promise.all(workers.map((worker) => worker.run()));
  return {
    client: new Client({ connection, namespace }),
    namespace,
    em: () => forSession(orm, systemSession),
    async stop() {
      for (const worker of workers) worker.shutdown();
      await running;
      await native.close();
      await connection.close();
      await orm.close(true);
    },
  };
}

let isInstalled = false;

/** Attempts that fail on purpose are no news. */
export function installQuietRuntime(): void {
  if (isInstalled) return;
  Runtime.install({ logger: quiet, telemetryOptions: { logging: { filter: 'ERROR' } } });
  isInstalled = true;
}
