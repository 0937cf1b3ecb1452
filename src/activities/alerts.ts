import { cancellationSignal } from '@temporalio/activity';
import { createWebhookClient } from '../integrations/webhookClient.ts';
import { evaluateAlerts } from '../services/alerts/evaluateAlerts.ts';
import {
  type DueDelivery,
  nextDelivery,
  recordDeliveries,
  takeDueDeliveries,
} from '../services/webhooks/dueDeliveries.ts';
import type { DeliveredWebhooks, EvaluateAlertsResult } from '../workflows/messages.ts';
import { type ActivityDependencies, systemEntityManager } from './dependencies.ts';

/** How many are sent at a time, side by side. */
const batchSize = 25;
/** As many rules as an operator reads at a glance. */
const unevaluatedNamed = 20;

export function createAlertActivities(dependencies: ActivityDependencies) {
  const webhooks = dependencies.webhooks ?? createWebhookClient({ allowLoopback: false });
  return {
    /** Looks at the books by every alert rule. Doing it again opens and resolves nothing twice. */
    async evaluateAlertRules(): Promise<EvaluateAlertsResult & { readonly webhooksWait: boolean }> {
      const em = systemEntityManager(dependencies);
      const reportingCurrency = dependencies.reportingCurrency ?? 'AUD';
      const { unevaluated, ...counts } = await evaluateAlerts(em, { now: new Date(), reportingCurrency });
      return {
        ...counts,
        unevaluated: unevaluated.slice(0, unevaluatedNamed),
        webhooksWait: (await nextDelivery(em)) !== null,
      };
    },

    /**
     * Sends the webhooks that are due, a batch of them, and writes down what became of each. Where this is cut short, those that were not
     * written down are sent again, under the same event id.
     */
    async deliverWebhookBatch(): Promise<DeliveredWebhooks> {
      const em = systemEntityManager(dependencies);
      const due = await takeDueDeliveries(em, { now: new Date(), limit: batchSize });
      const signal = cancellationSignal();
      const outcomes = await Promise.all(
        due.map(async (delivery: DueDelivery) => ({
          id: delivery.id,
          attempts: delivery.attempts,
          ...(await webhooks.send(delivery, signal)),
        })),
      );
      const counts = await recordDeliveries(em, outcomes, new Date());
      return { ...counts, next: (await nextDelivery(em))?.toISOString() ?? null };
    },
  };
}
