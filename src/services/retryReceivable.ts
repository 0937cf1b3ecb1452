import type { EntityManager } from '@mikro-orm/postgresql';
import { Conflict } from '../domain/errors.ts';
import type { ReceivableState } from '../entities/receivable.ts';
import type { Session } from '../session.ts';
import { recordChange } from './recordChange.ts';

/** Only what was refused waits for an operator; the rest goes on by itself. */
export class ReceivableNotFailed extends Conflict {
  constructor(state: ReceivableState) {
    super(
      'receivable_not_failed',
      `this receivable is ${state}: only one that the finance system refused is tried again by hand`,
      { context: { state } },
    );
  }
}

/**
 * Puts a receivable that was refused back among those to be pushed, with an audit row.
 * @returns false where there is none
 * @throws ReceivableNotFailed
 */
export function retryReceivable(
  em: EntityManager,
  request: {
    readonly invoiceId: string;
    readonly reason: string;
    readonly actor: Session;
    readonly now: Date;
    readonly requestId: string;
  },
): Promise<boolean> {
  return em.transactional(async (transaction) => {
    const [row] = await transaction.execute<{ state: ReceivableState; last_error: string | null }[]>(
      `select state, last_error from receivables where invoice_id = ? for update`,
      [request.invoiceId],
    );
    if (row === undefined) return false;
    if (row.state !== 'failed') throw new ReceivableNotFailed(row.state);
    await transaction.execute(
      `update receivables set state = 'pending', next_attempt_at = ? where invoice_id = ?`,
      [request.now, request.invoiceId],
    );
    await recordChange(transaction, request, {
      action: 'receivable.retry',
      subjectId: request.invoiceId,
      before: { state: row.state, last_error: row.last_error },
      after: { state: 'pending' },
    });
    return true;
  });
}
