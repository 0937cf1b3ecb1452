import type { EntityManager } from '@mikro-orm/postgresql';
import { creditInvoice } from '../../src/services/creditInvoice.ts';
import { recordPayment } from '../../src/services/recordPayment.ts';
import { admin } from './invoiceWorld.ts';

let references = 0;

/** Pays a part of an invoice under a reference of its own. */
export async function pay(
  em: EntityManager,
  invoiceId: string,
  amountCents: number,
  changes: {
    readonly paidOn?: string;
    readonly now?: string;
    readonly reference?: string;
    readonly currency?: string;
  } = {},
) {
  references += 1;
  const {
    paidOn = '2026-07-10',
    now = '2026-07-10T12:00:00Z',
    reference = `bank ${references}`,
    currency,
  } = changes;
  const recorded = await recordPayment(em, {
    invoiceId,
    amountCents,
    currency,
    paidOn,
    reference,
    source: 'operator',
    now: new Date(now),
    actor: admin,
  });
  if (recorded === undefined) throw new Error('no such invoice');
  return recorded;
}

/** Credits a part of an invoice, before tax. */
export async function credit(
  em: EntityManager,
  invoiceId: string,
  amountCents: number,
  now = '2026-07-11T12:00:00Z',
) {
  const credited = await creditInvoice(em, {
    invoiceId,
    amountCents,
    reason: 'an outage',
    now: new Date(now),
    actor: admin,
  });
  if (credited === undefined) throw new Error('no such invoice');
  return credited;
}
