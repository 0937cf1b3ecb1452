import type { EntityManager } from '@mikro-orm/postgresql';
import { parseDecimal } from '../domain/money.ts';
import { recordAudit } from './recordAudit.ts';

/** An operator's word that an invoice is to be taken although it disagrees with itself; amounts as decimal strings. */
export interface Acceptance {
  /** Which places disagree (src/domain/invoiceFaults.ts), and what the other one says. */
  readonly code: string;
  readonly found: string;
  /** Stated − lines. */
  readonly difference: string;
  readonly reason: string;
  readonly actor: string;
  readonly requestId: string | null;
  readonly workflowId: string;
}

/** Whether the accepted difference is a line: where only the items or the summary disagreed, there is nothing to book. */
export function booksUnexplained(accepted: Acceptance | null): accepted is Acceptance {
  return accepted !== null && !parseDecimal(accepted.difference).isZero();
}

/** Books the accepted difference as one `unexplained` line, and writes down who accepted it and why. */
export async function bookAcceptance(
  em: EntityManager,
  booking: {
    readonly invoice: { readonly id: string; readonly periodStart: string; readonly currency: string };
    readonly versionId: string;
    readonly lineNumber: number;
    readonly accepted: Acceptance;
    readonly now: Date;
  },
): Promise<void> {
  const { invoice, versionId, lineNumber, accepted, now } = booking;
  if (booksUnexplained(accepted)) {
    await em.execute(
      `insert into cloud_cost_lines (invoice_id, version_id, line_number, period_start, product, group_description, description,
         charge_start, charge_end, billed_cost, currency, line_class, match_outcome, match_reason, extra)
       values (?, ?, ?, ?, 'Unexplained', '', ?, ?::timestamp at time zone 'UTC',
         (?::timestamp + interval '1 month') at time zone 'UTC', ?, ?, 'unexplained', 'unexplained',
         'the difference that an operator accepted', '{}')`,
      [
        invoice.id,
        versionId,
        lineNumber,
        invoice.periodStart,
        accepted.reason,
        invoice.periodStart,
        invoice.periodStart,
        accepted.difference,
        invoice.currency,
      ],
    );
  }
  await recordAudit(
    em,
    { role: 'platform_admin', tenantId: '', subject: accepted.actor },
    {
      occurredAt: now,
      action: 'cloud_invoice.book_difference',
      subjectType: 'cloud_invoice',
      subjectId: invoice.id,
      reason: accepted.reason,
      after: {
        code: accepted.code,
        found: accepted.found,
        difference: accepted.difference,
        currency: invoice.currency,
      },
      requestId: accepted.requestId ?? undefined,
      workflowId: accepted.workflowId,
    },
  );
}
