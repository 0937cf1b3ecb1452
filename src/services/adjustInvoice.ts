import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Unprocessable } from '../domain/errors.ts';
import { assertDraft } from '../domain/invoiceStanding.ts';
import { type InvoiceInputs, priceInvoice } from '../domain/tenantInvoice.ts';
import { CloudDeployment } from '../entities/cloudDeployment.ts';
import { InvoiceAdjustment } from '../entities/invoiceAdjustment.ts';
import { TenantInvoice } from '../entities/tenantInvoice.ts';
import { TenantInvoiceInputs } from '../entities/tenantInvoiceInputs.ts';
import { type ReasonedRequest, recordChange } from './recordChange.ts';
import { writeDrafts } from './rollup/writeDrafts.ts';

interface ChangeOfDraft extends ReasonedRequest {
  readonly invoiceId: string;
}

export interface AddInvoiceLine extends ChangeOfDraft {
  /** Of the invoice's tenant; null for the tenant as a whole. */
  readonly deploymentId: string | null;
  readonly description: string;
  /** Before tax, in cents of the invoice's currency; negative is in the tenant's favour. */
  readonly amountCents: number;
}

export interface RemoveInvoiceLine extends ChangeOfDraft {
  readonly lineId: string;
}

/** A line names a deployment that the invoice's tenant does not have. */
export class ForeignDeployment extends Unprocessable {
  constructor(deploymentId: string) {
    super(
      'deployment_not_of_tenant',
      `the deployment ${deploymentId} is none of this invoice's tenant: expected one of its own, or none`,
      { context: { deployment_id: deploymentId } },
    );
  }
}

/**
 * Puts a manual line on a draft, with its reason. The draft is priced anew from its stored inputs, to which the line then belongs: so
 * lines, tax, totals and inputs agree. Each such change is a revision of the draft.
 * @returns the line; undefined where there is no such invoice
 * @throws InvoiceConflict unless it is a draft, ForeignDeployment, AmountTooLarge
 */
export function addInvoiceLine(
  em: EntityManager,
  request: AddInvoiceLine,
): Promise<InvoiceAdjustment | undefined> {
  return em.transactional(async (transaction) => {
    const invoice = await lockDraft(transaction, request.invoiceId);
    if (invoice === null) return undefined;
    await refuseForeignDeployment(transaction, request.deploymentId, invoice.tenantId);
    const adjustment = transaction.create(InvoiceAdjustment, {
      id: crypto.randomUUID(),
      invoice: invoice.id,
      tenantId: invoice.tenantId,
      deployment: request.deploymentId,
      description: request.description,
      amountCents: request.amountCents,
      reason: request.reason,
      actor: request.actor.subject,
      createdAt: request.now,
    });
    transaction.persist(adjustment);
    await transaction.flush();
    await priceAnew(transaction, invoice, request.now);
    await audit(transaction, request, 'tenant_invoice.add_line', invoice, adjustment);
    return adjustment;
  });
}

/**
 * Takes a manual line from a draft, which is priced anew.
 * @returns undefined where there is no such invoice, or no such manual line on it
 * @throws InvoiceConflict unless it is a draft
 */
export function removeInvoiceLine(
  em: EntityManager,
  request: RemoveInvoiceLine,
): Promise<InvoiceAdjustment | undefined> {
  return em.transactional(async (transaction) => {
    const invoice = await lockDraft(transaction, request.invoiceId);
    if (invoice === null) return undefined;
    const adjustment = await transaction.findOne(InvoiceAdjustment, {
      id: request.lineId,
      invoice: invoice.id,
    });
    if (adjustment === null) return undefined;
    await transaction.nativeDelete(InvoiceAdjustment, { id: adjustment.id });
    await priceAnew(transaction, invoice, request.now);
    await audit(transaction, request, 'tenant_invoice.remove_line', invoice, adjustment);
    return adjustment;
  });
}

async function lockDraft(em: EntityManager, id: string): Promise<TenantInvoice | null> {
  const invoice = await em.findOne(TenantInvoice, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  if (invoice !== null) assertDraft(invoice.status);
  return invoice;
}

async function refuseForeignDeployment(
  em: EntityManager,
  deploymentId: string | null,
  tenantId: string,
): Promise<void> {
  if (deploymentId === null) return;
  const own = await em.count(CloudDeployment, { id: deploymentId, tenantId });
  if (own === 0) throw new ForeignDeployment(deploymentId);
}

/** Only the manual lines of the stored inputs change: usage that came in meanwhile is the rollup's to take up. */
async function priceAnew(em: EntityManager, invoice: TenantInvoice, now: Date): Promise<void> {
  const stored = await em.findOneOrFail(TenantInvoiceInputs, { invoice: invoice.id });
  const adjustments = await em.find(
    InvoiceAdjustment,
    { invoice: invoice.id },
    { orderBy: { createdAt: 'asc', id: 'asc' } },
  );
  const inputs: InvoiceInputs = {
    ...(stored.inputs as unknown as InvoiceInputs),
    adjustments: adjustments.map((adjustment) => ({
      id: adjustment.id,
      deploymentId: adjustment.deployment ?? null,
      description: adjustment.description,
      amountCents: adjustment.amountCents,
      reason: adjustment.reason,
    })),
  };
  const draft = {
    id: invoice.id,
    inputs,
    priced: priceInvoice(inputs),
    isThere: true,
    settles: [],
    replaces: invoice.replacesInvoiceId ?? null,
  };
  await writeDrafts(em, { period: invoice.periodStart, drafts: [draft], now });
}

async function audit(
  em: EntityManager,
  request: ChangeOfDraft,
  action: string,
  invoice: TenantInvoice,
  adjustment: InvoiceAdjustment,
): Promise<void> {
  await recordChange(em, request, {
    action,
    subjectId: invoice.id,
    after: {
      line_id: adjustment.id,
      description: adjustment.description,
      amount_cents: adjustment.amountCents,
      currency: invoice.currency,
    },
  });
}
