import { cancellationSignal } from '@temporalio/activity';
import { backOffSeconds } from '../domain/backOff.ts';
import { FinanceError } from '../integrations/financeClient.ts';
import { receivablesLeft, takeDueReceivables } from '../services/dueReceivables.ts';
import { postponeReceivables, recordPushedReceivables } from '../services/recordPushedReceivables.ts';
import type { PushedReceivables } from '../workflows/messages.ts';
import { type ActivityDependencies, systemEntityManager } from './dependencies.ts';

/** How many are handed over in one request. */
const batchSize = 100;

export function createReceivableActivities(dependencies: ActivityDependencies) {
  return {
    /**
     * Hands over the receivables that are due, a batch of them, and writes down what was said of each. A finance system that can't
     * answer now postpones them; one that refuses the request as a whole fails the activity, and they stay as they are.
     * @throws FinanceError `finance_refused`
     */
    async pushReceivableBatch(input: { tries: number }): Promise<PushedReceivables> {
      const em = systemEntityManager(dependencies);
      const none = { acknowledged: 0, refused: 0, postponed: 0, problem: null };
      const { finance } = dependencies;
      if (finance === undefined) return { ...none, problem: 'finance_not_configured', next: null, failed: 0 };
      const due = await takeDueReceivables(em, { now: new Date(), limit: batchSize });
      const pushed = due.length === 0 ? none : await push(due);
      const { nextAttemptAt, failed } = await receivablesLeft(em);
      return { ...pushed, next: nextAttemptAt?.toISOString() ?? null, failed };

      async function push(documents: typeof due) {
        const answers = await answersOf(documents);
        if (answers instanceof FinanceError) {
          const seconds = backOffSeconds(input.tries, answers.retryAfterSeconds);
          await postponeReceivables(em, {
            invoiceIds: documents.map(({ invoice_id }) => invoice_id),
            error: answers.message,
            nextAttemptAt: new Date(Date.now() + seconds * 1000),
          });
          return { ...none, postponed: documents.length, problem: answers.code };
        }
        await recordPushedReceivables(em, { answers, now: new Date() });
        const acknowledged = answers.filter(({ isAccepted }) => isAccepted).length;
        return { ...none, acknowledged, refused: answers.length - acknowledged };
      }

      async function answersOf(documents: typeof due) {
        try {
          return (await finance?.pushReceivables(documents, cancellationSignal())) ?? [];
        } catch (error) {
          if (error instanceof FinanceError && error.retryable) return error;
          throw error;
        }
      }
    },
  };
}
