import { IsolationLevel } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { BillingProfile } from '../entities/billingProfile.ts';
import { CloudDeployment } from '../entities/cloudDeployment.ts';
import { CreditNote } from '../entities/creditNote.ts';
import { Payment } from '../entities/payment.ts';
import { type BillTo, TenantInvoice } from '../entities/tenantInvoice.ts';
import { TenantInvoiceLine } from '../entities/tenantInvoiceLine.ts';

/** An invoice with all that belongs to it, read at one moment. */
export interface ReadTenantInvoice {
  readonly invoice: TenantInvoice;
  readonly lines: readonly TenantInvoiceLine[];
  readonly payments: readonly Payment[];
  readonly creditNotes: readonly CreditNote[];
  /** The one that was made in place of it after it was voided. */
  readonly replacedBy: string | null;
}

/** One invoice, undefined where there is none or the session doesn't see it. */
export function readTenantInvoice(em: EntityManager, id: string): Promise<ReadTenantInvoice | undefined> {
  return em.transactional(
    async (transaction) => {
      const invoice = await transaction.findOne(TenantInvoice, { id });
      if (invoice === null) return undefined;
      const replacement = await transaction.findOne(TenantInvoice, {
        replacesInvoiceId: id,
        tenantId: invoice.tenantId,
      });
      return {
        invoice,
        lines: await transaction.find(TenantInvoiceLine, { invoice: id }, { orderBy: { lineNumber: 'asc' } }),
        payments: await transaction.find(Payment, { invoice: id }, { orderBy: { paidOn: 'asc', id: 'asc' } }),
        creditNotes: await transaction.find(
          CreditNote,
          { invoice: id },
          { orderBy: { issuedAt: 'asc', id: 'asc' } },
        ),
        replacedBy: replacement?.id ?? null,
      };
    },
    // What a write of the same request has loaded may be older than its SQL.
    { isolationLevel: IsolationLevel.REPEATABLE_READ, readOnly: true, clear: true },
  );
}

/** A credit note with its invoice, undefined where there is none or the session doesn't see it. */
export async function readCreditNote(
  em: EntityManager,
  id: string,
): Promise<{ note: CreditNote; invoice: TenantInvoice } | undefined> {
  const note = await em.findOne(CreditNote, { id });
  if (note === null) return undefined;
  return { note, invoice: await em.findOneOrFail(TenantInvoice, { id: note.invoice }) };
}

/** Whom an invoice is made out to: as it was written down at its issue, and for a draft as the billing profile says now. */
export async function readBillTo(em: EntityManager, invoice: TenantInvoice): Promise<BillTo> {
  if (invoice.billTo != null) return invoice.billTo;
  const profile = await em.findOne(BillingProfile, { tenantId: invoice.tenantId });
  return {
    legal_name: profile?.legalName ?? null,
    tax_number: profile?.taxNumber ?? null,
    address: profile?.address ?? null,
    email: profile?.email ?? null,
    country: profile?.country ?? 'AU',
  };
}

/** What the deployments on an invoice are called, by id. */
export async function readDeploymentNames(
  em: EntityManager,
  lines: readonly TenantInvoiceLine[],
): Promise<ReadonlyMap<string, string>> {
  const ids = new Set(lines.flatMap((line) => line.deploymentId ?? []));
  if (ids.size === 0) return new Map();
  const deployments = await em.find(CloudDeployment, { id: { $in: [...ids] } });
  return new Map(deployments.map((deployment) => [deployment.id, deployment.displayName]));
}
