import type { EntityManager } from '@mikro-orm/postgresql';
import type { ReceivableAnswer } from '../integrations/financeClient.ts';
import { arrayLiteral } from './arrayLiteral.ts';

/**
 * Writes down what the finance system said: accepted ones are done, refused ones wait for an operator. What it was told of an invoice that
 * has changed since is not the end of it: that one is told anew.
 */
export async function recordPushedReceivables(
  em: EntityManager,
  { answers, now }: { readonly answers: readonly ReceivableAnswer[]; readonly now: Date },
): Promise<void> {
  const rows = answers.map((answer) => ({
    invoice_id: answer.invoiceId,
    version: answer.version,
    external_id: answer.isAccepted ? answer.externalId : null,
    problem: answer.isAccepted ? null : answer.problem,
  }));
  await em.execute(
    `update receivables receivable set
       state = case when receivable.version <> said.version then 'pending'
                    when said.external_id is null then 'failed' else 'acknowledged' end,
       external_id = coalesce(said.external_id, receivable.external_id), last_error = said.problem,
       acknowledged_at = case when said.external_id is null then receivable.acknowledged_at else ?::timestamptz end
     from jsonb_to_recordset(?::jsonb) as said (invoice_id uuid, version int, external_id text, problem text)
     where receivable.invoice_id = said.invoice_id and receivable.state <> 'acknowledged'`,
    [now, JSON.stringify(rows)],
  );
}

/** After a try that came to nothing, for whatever reason: the whole batch waits until `nextAttemptAt`. */
export async function postponeReceivables(
  em: EntityManager,
  postponed: {
    readonly invoiceIds: readonly string[];
    readonly error: string;
    readonly nextAttemptAt: Date;
  },
): Promise<void> {
  await em.execute(
    `update receivables set last_error = ?, next_attempt_at = ?
     where state = 'pending' and invoice_id = any(?::uuid[])`,
    [postponed.error, postponed.nextAttemptAt, arrayLiteral(postponed.invoiceIds)],
  );
}
