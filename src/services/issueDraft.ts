import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Conflict } from '../domain/errors.ts';
import { assertDraft } from '../domain/invoiceStanding.ts';
import { RollupWorklist } from '../entities/rollupWorklist.ts';
import { TenantInvoice } from '../entities/tenantInvoice.ts';
import type { Session } from '../session.ts';
import { issueInvoices } from './issueInvoices.ts';
import { checkInvoices } from './rollup/checkInvoices.ts';

export interface IssueDraft {
  readonly invoiceId: string;
  readonly now: Date;
  readonly actor: Session;
  readonly requestId?: string;
}

/**
 * Issues one draft before its grace time ends, under the conditions of the run that issues the others: the rollup has no exception of its
 * tenant, and it is what its stored inputs price it at. Usage that comes later goes on the next invoice.
 * @returns whether there is such an invoice
 * @throws InvoiceConflict unless it is a draft, Conflict `invoice_not_ready`, `invoice_differs_from_inputs`
 */
export function issueDraft(em: EntityManager, request: IssueDraft): Promise<boolean> {
  return em.transactional(async (transaction) => {
    const invoice = await transaction.findOne(
      TenantInvoice,
      { id: request.invoiceId },
      { lockMode: LockMode.PESSIMISTIC_WRITE },
    );
    if (invoice === null) return false;
    assertDraft(invoice.status);
    await refuseException(transaction, invoice);
    await refuseDifference(transaction, invoice);
    await issueInvoices(transaction, { ...request, invoiceIds: [invoice.id] });
    return true;
  });
}

/** A tenant that the rollup could not price again, or has still to do, would be billed wrong. */
async function refuseException(em: EntityManager, { tenantId, periodStart }: TenantInvoice): Promise<void> {
  const work = await em.findOne(RollupWorklist, {
    tenantId,
    periodStart,
    state: { $in: ['failed', 'pending'] },
  });
  if (work === null) return;
  throw new Conflict(
    'invoice_not_ready',
    work.state === 'pending'
      ? `the rollup of ${periodStart} has still to compute this draft`
      : `the rollup of ${periodStart} could not compute this draft: ${work.message ?? work.problem ?? 'no reason was noted'}`,
    { context: { state: work.state, problem: work.problem ?? null } },
  );
}

async function refuseDifference(em: EntityManager, { tenantId, periodStart }: TenantInvoice): Promise<void> {
  const { differing, differences } = await checkInvoices(em, {
    period: periodStart,
    part: { tenantIds: [tenantId] },
  });
  const [first] = differences;
  if (first === undefined) return;
  throw new Conflict(
    'invoice_differs_from_inputs',
    `this draft is not what its stored inputs price it at: ${first.field} is ${JSON.stringify(first.stored)}, expected ${JSON.stringify(first.computed)}; compute it anew by a forced rollup`,
    { context: { differing, line_number: first.lineNumber, field: first.field } },
  );
}
