import type { EntityManager } from '@mikro-orm/postgresql';
import { dueDay, type InvoiceStatus } from '../domain/invoiceStanding.ts';
import { safeCents } from '../domain/money.ts';
import type { Session } from '../session.ts';
import { arrayLiteral } from './arrayLiteral.ts';
import { documentNumberSql, takeDocumentNumbers } from './documentNumbers.ts';

export interface IssueInvoices {
  readonly invoiceIds: readonly string[];
  readonly now: Date;
  readonly actor: Session;
  readonly requestId?: string;
  readonly workflowId?: string;
}

export interface IssuedInvoice {
  readonly id: string;
  readonly tenantId: string;
  /** `INV-000001` */
  readonly number: string;
  readonly status: 'issued' | 'paid';
  readonly totalCents: number;
  readonly currency: string;
}

export interface IssuedInvoices {
  /** In the order of their numbers. */
  readonly issued: readonly IssuedInvoice[];
  /** Those that are no drafts any more, with what they are; nothing was done to them. */
  readonly passedOver: readonly { readonly id: string; readonly status: InvoiceStatus }[];
}

interface LockedInvoice {
  id: string;
  status: InvoiceStatus;
}

/**
 * Issues drafts, all or none, in one transaction and a fixed number of statements, however many they are. Their numbers follow one
 * another without a gap, in the order of tenant id. An invoice is due 14 days after its day of issue; one with nothing due is paid at
 * once. Whom it is made out to is written down with it. Where there is something to pay, its receivable goes out: nothing to collect,
 * nothing to push. Asked again, it passes over what is issued already.
 */
export function issueInvoices(em: EntityManager, request: IssueInvoices): Promise<IssuedInvoices> {
  return em.transactional(async (transaction) => {
    const found = await transaction.execute<LockedInvoice[]>(
      `select id, status from tenant_invoices
       where id = any(?::uuid[])
       order by tenant_id collate "C", period_start, id
       for update`,
      [arrayLiteral(request.invoiceIds)],
    );
    const drafts = found.filter(({ status }) => status === 'draft').map(({ id }) => id);
    const passedOver = found.filter(({ status }) => status !== 'draft');
    if (drafts.length === 0) return { issued: [], passedOver };
    const before = await takeDocumentNumbers(transaction, 'INV', drafts.length);
    return { issued: await issueDrafts(transaction, request, drafts, before), passedOver };
  });
}

async function issueDrafts(
  em: EntityManager,
  { now, actor, requestId, workflowId }: IssueInvoices,
  drafts: readonly string[],
  before: number,
): Promise<IssuedInvoice[]> {
  const rows = await em.execute<(Omit<IssuedInvoice, 'totalCents'> & { total: string })[]>(
    `with numbered as (
       select id, position from jsonb_array_elements_text(?::jsonb) with ordinality as drafts (id, position)
     ), issued as (
       update tenant_invoices invoice set
         number = ${documentNumberSql('INV', '?::bigint + numbered.position')},
         status = case when invoice.due_cents <= 0 then 'paid' else 'issued' end,
         issued_at = ?, due_on = ?::date,
         paid_at = case when invoice.due_cents <= 0 then ?::timestamptz end,
         bill_to = jsonb_build_object('legal_name', profile.legal_name, 'tax_number', profile.tax_number,
           'address', profile.address, 'email', profile.email, 'country', coalesce(profile.country, 'AU')),
         updated_at = ?
       from numbered
       join tenant_invoices draft on draft.id = numbered.id::uuid
       left join billing_profiles profile on profile.tenant_id = draft.tenant_id
       where invoice.id = draft.id
       returning invoice.*, numbered.position
     ), pushed as (
       insert into receivables (invoice_id, tenant_id, next_attempt_at, created_at)
       select id, tenant_id, ?, ? from issued where total_cents > 0
     ), audited as (
       insert into audit_log (occurred_at, actor, role, action, subject_type, subject_id, before, after, request_id, workflow_id)
       select ?, ?, ?, 'tenant_invoice.issue', 'tenant_invoice', id, jsonb_build_object('status', 'draft'),
         jsonb_build_object('status', status, 'number', number, 'total_cents', total_cents, 'currency', currency), ?, ?
       from issued order by position
     )
     select id, tenant_id as "tenantId", number, status, total_cents::text as total, currency from issued order by position`,
    [
      JSON.stringify(drafts),
      before,
      before,
      now,
      dueDay(now),
      now,
      now,
      now,
      now,
      now,
      actor.subject,
      actor.role,
      requestId ?? null,
      workflowId ?? null,
    ],
  );
  return rows.map(({ total, ...invoice }) => ({ ...invoice, totalCents: safeCents(total) }));
}
