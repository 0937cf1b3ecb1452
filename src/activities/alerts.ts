import { activityInfo, cancellationSignal } from '@temporalio/activity';
import { createWebhookClient } from '../integrations/webhookClient.ts';
import { evaluateAlerts } from '../services/alerts/evaluateAlerts.ts';
import { deliverDue } from '../services/webhooks/deliverDue.ts';
import { type WaitingEndpoint, waitingEndpoints } from '../services/webhooks/dueDeliveries.ts';
import { removeOldDeliveries } from '../services/webhooks/removeOldDeliveries.ts';
import { createSecretEncryption } from '../services/webhooks/secretEncryption.ts';
import { encryptSecrets } from '../services/webhooks/webhookSecrets.ts';
import type { DeliveredWebhooks, EvaluateAlertsResult, SweptWebhooks } from '../workflows/messages.ts';
import { type ActivityDependencies, systemEntityManager } from './dependencies.ts';

/** As many rules as an operator reads at a glance. */
const unevaluatedNamed = 20;
/** As many endpoints as one evaluation starts processes for; the next one starts the others. */
const endpointsAtOnce = 500;
/** How many deliveries are removed by a statement, and how often in one run: a million a day. */
const removedAtOnce = 1_000;
const mostRemovals = 50;
/** How many secrets are encrypted in one run. */
const encryptedAtOnce = 500;

const dayMs = 86_400_000;

export function createAlertActivities(dependencies: ActivityDependencies) {
  const {
    webhooks: client = createWebhookClient({ allowLoopback: false }),
    encryption = createSecretEncryption([]),
    webhookDisableAfterDays: disableAfterDays = 5,
    webhookLogDays = 90,
  } = dependencies;
  return {
    /** Looks at the books by every alert rule. Doing it again opens and resolves nothing twice. */
    async evaluateAlertRules(): Promise<EvaluateAlertsResult & { readonly webhooksWait: boolean }> {
      const em = systemEntityManager(dependencies);
      const reportingCurrency = dependencies.reportingCurrency ?? 'AUD';
      const { unevaluated, ...counts } = await evaluateAlerts(em, { now: new Date(), reportingCurrency });
      return {
        ...counts,
        unevaluated: unevaluated.slice(0, unevaluatedNamed),
        webhooksWait: (await waitingEndpoints(em, 1)).length > 0,
      };
    },

    /** The endpoints that are to be told something, the longest waiting first. */
    listWaitingEndpoints(): Promise<readonly WaitingEndpoint[]> {
      return waitingEndpoints(systemEntityManager(dependencies), endpointsAtOnce);
    },

    /**
     * Sends an endpoint the webhooks that are due, a batch of them, and writes down what became of each. Where this is cut short, those that
     * were not written down are sent again, under the same event id. A run of before each endpoint had one of its own names none: it ends,
     * and what waits is for those.
     */
    async deliverWebhookBatch(input?: {
      readonly endpointId?: string | undefined;
    }): Promise<DeliveredWebhooks> {
      if (input?.endpointId === undefined) {
        return { delivered: 0, postponed: 0, failed: 0, disabled: null, next: null };
      }
      const { next, ...counts } = await deliverDue(systemEntityManager(dependencies), input.endpointId, {
        client,
        encryption,
        disableAfterDays,
        clock: () => new Date(),
        signal: cancellationSignal(),
        workflowId: activityInfo().workflowExecution?.workflowId,
      });
      return { ...counts, next: next?.toISOString() ?? null };
    },

    /** Removes deliveries that are over and old, and encrypts secrets with the key of today. What it does not get to, the next run does. */
    async sweepWebhooks(): Promise<SweptWebhooks> {
      const em = systemEntityManager(dependencies);
      const now = new Date();
      const before = new Date(now.getTime() - webhookLogDays * dayMs);
      let removed = 0;
      for (let turn = 0; turn < mostRemovals; turn += 1) {
        const count = await removeOldDeliveries(em, { before, limit: removedAtOnce });
        removed += count;
        if (count < removedAtOnce) break;
      }
      const { encrypted, unreadable } = await encryptSecrets(em, { encryption, now, limit: encryptedAtOnce });
      return { removed, encrypted, unreadable };
    },
  };
}
