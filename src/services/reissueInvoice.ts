import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Conflict } from '../domain/errors.ts';
import { InvoiceConflict } from '../domain/invoiceStanding.ts';
import { type AdjustmentInputs, priceInvoice } from '../domain/tenantInvoice.ts';
import { InvoiceAdjustment } from '../entities/invoiceAdjustment.ts';
import { TenantInvoice } from '../entities/tenantInvoice.ts';
import { type ReasonedRequest, recordChange } from './recordChange.ts';
import { loadInvoiceInputs } from './rollup/loadInvoiceInputs.ts';
import { isFault } from './rollup/tenantFault.ts';
import { writeDrafts } from './rollup/writeDrafts.ts';

export interface ReissueInvoice extends ReasonedRequest {
  readonly invoiceId: string;
}

/**
 * Makes the draft that stands in for a void invoice: of the same tenant and month, from all of its usage, with the gateway charges, the
 * earlier months and the manual lines that the void one carried, less what other invoices billed for the month meanwhile.
 * @returns the draft; undefined where there is no such invoice
 * @throws InvoiceConflict unless it is void, Conflict `invoice_already_reissued`, and with the tenant's fault where it can't be priced
 */
export function reissueInvoice(
  em: EntityManager,
  request: ReissueInvoice,
): Promise<TenantInvoice | undefined> {
  return em.transactional(async (transaction) => {
    const replaced = await transaction.findOne(
      TenantInvoice,
      { id: request.invoiceId },
      { lockMode: LockMode.PESSIMISTIC_WRITE },
    );
    if (replaced === null) return undefined;
    await refuseUnlessLast(transaction, replaced);
    const { tenantId, periodStart: period } = replaced;
    const loaded = await loadInvoiceInputs(transaction, {
      period,
      requests: [{ tenantId, inPlaceOf: replaced.id }],
      lock: true,
    });
    const tenant = loaded.get(tenantId);
    if (tenant === undefined) throw new Error(`no inputs were loaded for tenant ${tenantId}`);
    if (isFault(tenant)) throw new Conflict(tenant.code, tenant.message);
    const id = crypto.randomUUID();
    const adjustments = tenant.inputs.adjustments.map((line) => ({ ...line, id: crypto.randomUUID() }));
    const inputs = { ...tenant.inputs, adjustments };
    const draft = {
      ...tenant,
      inputs,
      id,
      priced: priceInvoice(inputs),
      isThere: false,
      replaces: replaced.id,
    };
    await writeDrafts(transaction, { period, drafts: [draft], now: request.now });
    await keepManualLines(transaction, { id, tenantId }, adjustments, request);
    await recordChange(transaction, request, {
      action: 'tenant_invoice.reissue',
      subjectId: id,
      after: {
        replaces_invoice_id: replaced.id,
        replaces_number: replaced.number ?? null,
        total_cents: draft.priced.totalCents,
        currency: inputs.currency,
      },
    });
    return transaction.findOneOrFail(TenantInvoice, { id });
  });
}

/** @throws InvoiceConflict unless it is void, Conflict where there is one in its place */
async function refuseUnlessLast(em: EntityManager, invoice: TenantInvoice): Promise<void> {
  if (invoice.status !== 'void') {
    throw new InvoiceConflict(
      'invoice_not_void',
      `this invoice is ${invoice.status}: only a void one is reissued`,
      invoice.status,
    );
  }
  const replacement = await em.findOne(TenantInvoice, {
    tenantId: invoice.tenantId,
    $or: [{ replacesInvoiceId: invoice.id }, { periodStart: invoice.periodStart, status: { $ne: 'void' } }],
  });
  if (replacement === null) return;
  throw new Conflict(
    'invoice_already_reissued',
    `this invoice was reissued: the invoice ${replacement.id} (${replacement.number ?? replacement.status}) stands in for it`,
    { context: { invoice_id: replacement.id, status: replacement.status } },
  );
}

/** The void invoice keeps its own; these are the draft's, to be removed or added to. */
async function keepManualLines(
  em: EntityManager,
  invoice: { readonly id: string; readonly tenantId: string },
  adjustments: readonly AdjustmentInputs[],
  request: ReissueInvoice,
): Promise<void> {
  if (adjustments.length === 0) return;
  await em.insertMany(
    InvoiceAdjustment,
    adjustments.map((line) => ({
      id: line.id,
      invoice: invoice.id,
      tenantId: invoice.tenantId,
      deployment: line.deploymentId,
      description: line.description,
      amountCents: line.amountCents,
      reason: line.reason,
      actor: request.actor.subject,
      createdAt: request.now,
    })),
  );
}
