import type { Day } from './calendar.ts';
import type { JsonValue } from './errors.ts';
import { addCents, Decimal, roundHalfUpToCents, sumCents } from './money.ts';
import type { Period } from './period.ts';
import { type QuoteInput, quoteVersion } from './quote.ts';
import { taxOn } from './tax.ts';

/** Everything that an invoice's lines follow from: plain JSON, stored with it as it is, and priced again to prove it. */
export interface InvoiceInputs {
  readonly schema: 1;
  readonly tenantId: string;
  readonly period: Period;
  readonly currency: string;
  /** In force on the period's last day. A name of null is no tax (an export): no line. */
  readonly tax: { readonly name: string | null; readonly country: string; readonly rate: string };
  /** In the order in which the invoice lists them. */
  readonly deployments: readonly DeploymentInputs[];
  readonly llm: readonly LlmInputs[];
  readonly late: readonly LateUsageInputs[];
  /** Manual lines. */
  readonly adjustments: readonly AdjustmentInputs[];
  /** On an invoice made after a void one: what other non-void invoices billed for the period, by deployment; else empty. */
  readonly billedElsewhere: readonly BilledElsewhereInputs[];
}

export interface DeploymentInputs {
  readonly deploymentId: string;
  readonly slug: string;
  readonly versions: readonly { readonly from: Day; readonly until: Day; readonly quote: QuoteInput }[];
}

/** A deployment's gateway charges of one month. */
export interface LlmInputs {
  readonly deploymentId: string;
  readonly usageMonth: Period;
  /** The exact sum of all charges of the month, in units of the currency: `12.3456`. */
  readonly charge: string;
  /** What its `llm_usage` lines on other non-void invoices billed. */
  readonly billedCents: number;
}

/** A month of a deployment whose usage changed after its invoice. */
export interface LateUsageInputs {
  readonly deploymentId: string;
  readonly usageMonth: Period;
  /** `priceUsageMonth` of the month's inputs with the usage as it is now. */
  readonly shouldBeCents: number;
  /** Recurring, overage and adjustments of other non-void invoices for that month. */
  readonly billedCents: number;
}

export interface AdjustmentInputs {
  readonly id: string;
  /** Null for the whole tenant. */
  readonly deploymentId: string | null;
  readonly description: string;
  readonly amountCents: number;
  readonly reason: string;
}

export interface BilledElsewhereInputs {
  readonly deploymentId: string;
  readonly billedCents: number;
}

export const invoiceLineTypes = ['plan_base', 'addon', 'overage', 'llm_usage', 'adjustment', 'tax'] as const;
export type InvoiceLineType = (typeof invoiceLineTypes)[number];

/** amount = qty × unit price, rounded once, half up, away from zero. */
export interface InvoiceLine {
  readonly type: InvoiceLineType;
  readonly deploymentId: string | null;
  readonly resourceKind: string | null;
  readonly description: string;
  readonly qty: string;
  readonly unit: string;
  readonly unitPriceCents: string;
  readonly amountCents: number;
  /** The month that the line is for. */
  readonly servicePeriod: Period;
  readonly meta: Readonly<Record<string, JsonValue>>;
}

export interface PricedInvoice {
  /** In the order of the invoice; the tax line is last, where a tax applies. */
  readonly lines: readonly InvoiceLine[];
  readonly subtotalCents: number;
  readonly taxCents: number;
  readonly totalCents: number;
}

/**
 * Prices a whole invoice: what each deployment is quoted for its days and usage, gateway charges, late usage, manual lines, and the
 * tax once on the rounded subtotal. Adjustments of nothing leave no line.
 * @throws UnpricedUsage, AmountTooLarge
 */
export function priceInvoice(inputs: InvoiceInputs): PricedInvoice {
  const lines = [
    ...inputs.deployments.flatMap((deployment) => quotedLines(deployment, inputs.period)),
    ...inputs.llm.flatMap(llmLines),
    ...inputs.late.flatMap(lateLines),
    ...inputs.billedElsewhere.flatMap((billed) => billedElsewhereLines(billed, inputs.period)),
    ...inputs.adjustments.map((adjustment) => manualLine(adjustment, inputs.period)),
  ];
  const subtotalCents = sumCents(lines.map((line) => line.amountCents));
  const tax = taxLines(inputs, subtotalCents);
  const taxCents = sumCents(tax.map((line) => line.amountCents));
  return {
    lines: [...lines, ...tax],
    subtotalCents,
    taxCents,
    totalCents: addCents(subtotalCents, taxCents),
  };
}

/** Recurring and overage of one deployment in one month, before tax. @throws UnpricedUsage, AmountTooLarge */
export function priceUsageMonth(deployment: Pick<DeploymentInputs, 'versions'>): number {
  return sumCents(
    deployment.versions.flatMap(({ quote }) => quoteVersion(quote)).map((line) => line.amountCents),
  );
}

function quotedLines(deployment: DeploymentInputs, period: Period): InvoiceLine[] {
  return deployment.versions.flatMap(({ from, until, quote }) =>
    quoteVersion(quote).map(({ kind, meta, ...line }) => ({
      type: kind,
      deploymentId: deployment.deploymentId,
      ...line,
      servicePeriod: period,
      meta: { ...meta, from, until },
    })),
  );
}

/** A month's charges are rounded once, whatever was billed of them already. */
function llmLines({ deploymentId, usageMonth, charge, billedCents }: LlmInputs): InvoiceLine[] {
  const chargedCents = roundHalfUpToCents(new Decimal(charge).times(100));
  const meta = { charge, charged_cents: chargedCents, billed_cents: billedCents };
  const line = amountLine('llm_usage', chargedCents - billedCents, usageMonth, meta);
  return unlessZero({ ...line, deploymentId, description: `LLM usage ${month(usageMonth)}` });
}

function lateLines({ deploymentId, usageMonth, shouldBeCents, billedCents }: LateUsageInputs): InvoiceLine[] {
  const meta = { should_be_cents: shouldBeCents, billed_cents: billedCents };
  const line = amountLine('adjustment', shouldBeCents - billedCents, usageMonth, meta);
  return unlessZero({
    ...line,
    deploymentId,
    description: `Late or corrected usage of ${month(usageMonth)}`,
  });
}

function billedElsewhereLines(
  { deploymentId, billedCents }: BilledElsewhereInputs,
  period: Period,
): InvoiceLine[] {
  const line = amountLine('adjustment', -billedCents, period, { billed_cents: billedCents });
  return unlessZero({ ...line, deploymentId, description: `Billed for ${month(period)} by other invoices` });
}

function manualLine(adjustment: AdjustmentInputs, period: Period): InvoiceLine {
  const { id, deploymentId, description, amountCents, reason } = adjustment;
  const line = amountLine('adjustment', amountCents, period, { adjustment_id: id, reason });
  return { ...line, deploymentId, description };
}

function taxLines({ tax, period }: InvoiceInputs, subtotalCents: number): InvoiceLine[] {
  const { name, country, rate } = tax;
  if (name === null) return [];
  const meta = { country, rate, taxable_cents: subtotalCents };
  const line = amountLine('tax', taxOn(subtotalCents, rate), period, meta);
  return [{ ...line, description: `${name} ${new Decimal(rate).times(100).toFixed()}%` }];
}

/** A line that is an amount: one of it. */
function amountLine(
  type: InvoiceLineType,
  amountCents: number,
  servicePeriod: Period,
  meta: InvoiceLine['meta'],
) {
  return {
    type,
    deploymentId: null,
    resourceKind: null,
    qty: '1',
    unit: 'each',
    unitPriceCents: String(amountCents),
    amountCents,
    servicePeriod,
    meta,
  };
}

const unlessZero = (line: InvoiceLine): InvoiceLine[] => (line.amountCents === 0 ? [] : [line]);

/** `2026-04` */
const month = (period: Period): string => period.slice(0, 7);
