import { Decimal, toAmountText } from './money.ts';

/** What an operator can be told of when it goes beyond a threshold, or when it happens. */
export const alertTypes = [
  'tenant_margin_below',
  'accrual_above',
  'unattributed_above',
  'provider_spend_above',
  'invoice_held',
  'period_missed',
  'webhook_disabled',
] as const;
export type AlertType = (typeof alertTypes)[number];

/** What the threshold of a type is: a share in percent, an amount of money, or nothing, where the fact itself is the alert. */
export const thresholdUnits: Readonly<Record<AlertType, 'percent' | 'amount' | 'none'>> = {
  tenant_margin_below: 'percent',
  accrual_above: 'amount',
  unattributed_above: 'percent',
  provider_spend_above: 'amount',
  invoice_held: 'none',
  period_missed: 'none',
  webhook_disabled: 'none',
};

/** The types that look at one tenant at a time, and so may be of one alone. */
export const tenantAlertTypes: readonly AlertType[] = ['tenant_margin_below', 'accrual_above'];

/** What is written of a rule: its type, and what it is measured against. */
export interface AlertThreshold {
  readonly type: AlertType;
  readonly tenantId: string | null;
  /** A decimal string: percent, or units of `currency`. */
  readonly threshold: string | null;
  readonly currency: string | null;
}

/** Why a rule makes no sense as it is, with the field at fault; null where it does. */
export function alertRuleFault(rule: AlertThreshold): { field: string; message: string } | null {
  const unit = thresholdUnits[rule.type];
  if (unit === 'none' && rule.threshold !== null) {
    return { field: 'threshold', message: `${rule.type} has no threshold` };
  }
  if (unit !== 'none' && rule.threshold === null) {
    return { field: 'threshold', message: `${rule.type} needs a threshold` };
  }
  if (unit === 'amount' && rule.currency === null) {
    return { field: 'currency', message: `${rule.type} needs the currency of its threshold` };
  }
  if (unit !== 'amount' && rule.currency !== null) {
    return { field: 'currency', message: `${rule.type} has no currency` };
  }
  if (rule.tenantId !== null && !tenantAlertTypes.includes(rule.type)) {
    return { field: 'tenant_id', message: `${rule.type} is not of one tenant` };
  }
  return null;
}

/** Something that a rule found: at most one alert of it is open at a time. */
export interface AlertCondition {
  /** What it is about, for good: a tenant, a provider, an invoice, a period or an endpoint. */
  readonly subject: string;
  readonly tenantId: string | null;
  /** What was measured, a decimal string in the threshold's unit; null where nothing is. */
  readonly value: string | null;
  readonly message: string;
}

/**
 * What a look at the books says of one rule. What could not be measured is neither there nor gone: its alerts stay as they are.
 */
export interface AlertFinding {
  readonly conditions: readonly AlertCondition[];
  readonly unknown: 'nothing' | 'everything' | readonly string[];
}

/** One tenant's side of a margin, in cents of one currency. */
export interface TenantMarginFigure {
  readonly tenantId: string;
  readonly revenueCents: number;
  readonly marginCents: number;
  /** To one decimal, as it is shown; null without revenue. */
  readonly percentage: string | null;
}

/** Tenants whose margin is below the threshold, compared exactly. One without revenue has no percentage, and is never below. */
export function marginsBelow(
  tenants: readonly TenantMarginFigure[],
  rule: { readonly threshold: string; readonly tenantId: string | null; readonly period: string },
): AlertCondition[] {
  return tenants
    .filter(({ tenantId }) => rule.tenantId === null || rule.tenantId === tenantId)
    .filter(
      ({ revenueCents, marginCents }) =>
        revenueCents > 0 &&
        new Decimal(marginCents).times(100).lessThan(new Decimal(rule.threshold).times(revenueCents)),
    )
    .map(({ tenantId, percentage }) => ({
      subject: tenantId,
      tenantId,
      value: percentage,
      message: `the margin of tenant "${tenantId}" in ${rule.period.slice(0, 7)} is ${percentage}%, below ${rule.threshold}%`,
    }));
}

/** What one tenant's running month comes to so far. */
export interface AccrualFigure {
  readonly tenantId: string;
  readonly currency: string | null;
  readonly totalCents: number;
  /** Whether it could be priced. */
  readonly isKnown: boolean;
}

/** Tenants whose accrual, in the rule's currency, is above the threshold; one that can't be priced is unknown. */
export function accrualsAbove(
  tenants: readonly AccrualFigure[],
  rule: { readonly threshold: string; readonly currency: string; readonly tenantId: string | null },
): AlertFinding {
  const looked = tenants.filter(({ tenantId }) => rule.tenantId === null || rule.tenantId === tenantId);
  const limit = new Decimal(rule.threshold).times(100);
  return {
    conditions: looked
      .filter(({ isKnown, currency }) => isKnown && currency === rule.currency)
      .filter(({ totalCents }) => new Decimal(totalCents).greaterThan(limit))
      .map(({ tenantId, totalCents }) => {
        const value = toAmountText(new Decimal(totalCents).dividedBy(100));
        return {
          subject: tenantId,
          tenantId,
          value,
          message: `the accrual of tenant "${tenantId}" is ${value} ${rule.currency}, above ${rule.threshold} ${rule.currency}`,
        };
      }),
    unknown: looked.filter(({ isKnown }) => !isKnown).map(({ tenantId }) => tenantId),
  };
}

/** What a provider's invoices of a period come to in one currency, and how much of it nobody is known for; decimal strings. */
export interface UnattributedFigure {
  readonly provider: string;
  readonly currency: string;
  readonly total: string;
  readonly unattributed: string;
}

/** Providers of which more than the threshold's percent of a period's COGS is unattributed. Without any COGS nothing is. */
export function unattributedAbove(
  figures: readonly UnattributedFigure[],
  rule: { readonly threshold: string; readonly period: string },
): AlertCondition[] {
  return figures.flatMap(({ provider, currency, total, unattributed }) => {
    const [whole, part] = [new Decimal(total), new Decimal(unattributed)];
    if (whole.lessThanOrEqualTo(0)) return [];
    if (part.times(100).lessThanOrEqualTo(whole.times(rule.threshold))) return [];
    const value = part.times(100).dividedBy(whole).toDecimalPlaces(1).toFixed();
    return [
      {
        subject: `${provider}:${currency}`,
        tenantId: null,
        value,
        message: `of what ${provider} invoiced for ${rule.period.slice(0, 7)}, ${value}% is unattributed: ${unattributed} of ${total} ${currency}, above ${rule.threshold}%`,
      },
    ];
  });
}

/** What a provider says that the running month has cost so far; a decimal string. */
export interface SpendFigure {
  readonly provider: string;
  readonly currency: string;
  readonly amount: string;
}

/** Providers whose running month costs more than the threshold, in the rule's currency. */
export function spendAbove(
  figures: readonly SpendFigure[],
  rule: { readonly threshold: string; readonly currency: string; readonly period: string },
): AlertCondition[] {
  return figures
    .filter(
      ({ currency, amount }) => currency === rule.currency && new Decimal(amount).greaterThan(rule.threshold),
    )
    .map(({ provider, amount }) => ({
      subject: provider,
      tenantId: null,
      value: amount,
      message: `${provider} has cost ${amount} ${rule.currency} in ${rule.period.slice(0, 7)} so far, above ${rule.threshold} ${rule.currency}`,
    }));
}
