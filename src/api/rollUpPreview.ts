import { z } from 'zod';
import type { PreviewedInvoice } from '../services/rollup/previewRollUp.ts';
import { currency, json, period } from './schemas.ts';

const cents = z.int().meta({ description: 'Whole cents of the currency.' });
const previewedLine = z.strictObject({
  type: z.string(),
  deployment_id: z.string().nullable(),
  resource_kind: z.string().nullable(),
  description: z.string(),
  qty: z.string(),
  unit: z.string(),
  unit_price_cents: z.string(),
  amount_cents: cents,
  service_period: period,
  meta: z.record(z.string(), json),
});
const previewedInvoice = z.strictObject({
  tenant_id: z.string(),
  currency: currency.nullable(),
  subtotal_cents: cents.nullable(),
  tax_cents: cents.nullable(),
  total_cents: cents.nullable(),
  problem: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  lines: z.array(previewedLine),
});
export const preview = z
  .strictObject({
    period,
    tenants: z.int().meta({ description: 'How many tenants a rollup would take.' }),
    invoices: z.array(previewedInvoice),
  })
  .meta({ id: 'RollUpPreview' });

export const toPreviewed = ({ tenantId: tenant, currency: code, invoice, problem }: PreviewedInvoice) => ({
  tenant_id: tenant,
  currency: code,
  subtotal_cents: invoice?.subtotalCents ?? null,
  tax_cents: invoice?.taxCents ?? null,
  total_cents: invoice?.totalCents ?? null,
  problem,
  lines: (invoice?.lines ?? []).map((line) => ({
    type: line.type,
    deployment_id: line.deploymentId,
    resource_kind: line.resourceKind,
    description: line.description,
    qty: line.qty,
    unit: line.unit,
    unit_price_cents: line.unitPriceCents,
    amount_cents: line.amountCents,
    service_period: line.servicePeriod,
    meta: { ...line.meta },
  })),
});
