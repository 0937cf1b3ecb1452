import type { Day } from '../../../domain/calendar.ts';
import type { FigureLabel } from '../../../domain/margin/figureLabel.ts';
import type { MatchOutcome } from '../../../domain/matching.ts';
import type { MeterKind } from '../../../domain/meters.ts';
import { Decimal, sum, toAmountText } from '../../../domain/money.ts';
import type { Period } from '../../../domain/period.ts';
import type { KeysetPage } from '../../listInventory.ts';

/** Whose a figure is: everybody's where nothing is said, a tenant's, one deployment's, a bucket's, or of one kind. */
export interface Subject {
  readonly tenantId?: string | undefined;
  /** Null for what the tenant has outside of any deployment. */
  readonly deploymentId?: string | null | undefined;
  /** With a tenant it is `shared_spread`: what the tenant bears of the shared cost. */
  readonly bucket?: string | undefined;
  /** Null for what names no kind. */
  readonly kind?: string | null | undefined;
}

/** What each figure is named by. Those of the period are in the reporting currency; `charged_` and `accrued_` ones in their own. */
interface Named {
  margin: OfPeriod;
  revenue: OfSide;
  cogs: OfSide;
  charged_revenue: OfCurrency;
  accrued_revenue: OfCurrency;
  charged_cogs: OfCurrency & {
    readonly invoiceId?: string | undefined;
    readonly estimateId?: string | undefined;
  };
  invoice: { readonly id: string };
  invoice_line: { readonly id: bigint };
  accrued_line: OfDeploymentMonth & { readonly tenantId: string; readonly line: number };
  late_month: OfDeploymentMonth;
  late_line: OfDeploymentMonth & { readonly line: number };
  usage: OfUsage & {
    readonly from: Day;
    /** Exclusive; in the month of `from`, or the next one's first day. */
    readonly until: Day;
  };
  usage_day: OfUsage & { readonly day: Day };
  llm_usage: OfDeploymentMonth;
  provider_invoice: { readonly id: string };
  cost_line: { readonly id: bigint };
}
interface OfPeriod {
  readonly period: Period;
  readonly subject: Subject;
}
interface OfSide extends OfPeriod {
  /** Into which parts everybody's revenue or COGS goes; by owner where it is absent. */
  readonly by?: 'kind' | undefined;
}
interface OfCurrency extends OfPeriod {
  readonly currency: string;
}
interface OfDeploymentMonth {
  readonly period: Period;
  readonly deploymentId: string;
}
interface OfUsage {
  readonly deploymentId: string;
  readonly kind: MeterKind;
}

export const figureNames = [
  'margin',
  'revenue',
  'cogs',
  'charged_revenue',
  'accrued_revenue',
  'charged_cogs',
  'invoice',
  'invoice_line',
  'accrued_line',
  'late_month',
  'late_line',
  'usage',
  'usage_day',
  'llm_usage',
  'provider_invoice',
  'cost_line',
] as const satisfies readonly (keyof Named)[];
export type FigureName = (typeof figureNames)[number];

/** A figure that can be explained. */
export type Figure = { [Name in FigureName]: { readonly name: Name } & Named[Name] }[FigureName];
export type FigureNamed<Name extends FigureName> = Extract<Figure, { readonly name: Name }>;

/** An exact amount of money in units of its currency, or a quantity; decimal texts. */
export type Measure =
  | { readonly amount: string; readonly currency: string }
  | { readonly quantity: string; readonly unit: string };

/** What there is already to look at, beside a step or a part. */
export type Resource =
  | { readonly type: 'invoice' | 'creditNote' | 'deployment' | 'resource'; readonly id: string }
  | { readonly type: 'providerInvoice'; readonly provider: string; readonly invoiceUuid: string }
  | {
      readonly type: 'costLines';
      readonly period: Period;
      readonly invoiceUuid: string;
      readonly version: number;
    }
  | { readonly type: 'estimate'; readonly period: Period }
  | { readonly type: 'plan'; readonly code: string }
  | { readonly type: 'sharedCostPolicies' | 'closure'; readonly period: Period }
  | { readonly type: 'exchangeRates'; readonly from: string; readonly to: string }
  | {
      readonly type: 'usageDays';
      readonly deploymentId: string;
      readonly kind: MeterKind;
      readonly period: Period;
    }
  | { readonly type: 'llmUsage'; readonly deploymentId: string; readonly period: Period };

/** A row of a provider's invoice, as the provider wrote it, with what it was matched to and why. */
export interface ProviderRow {
  readonly provider: string;
  readonly invoiceUuid: string;
  readonly version: number;
  /** 1-based order on the invoice. */
  readonly lineNumber: number;
  readonly product: string;
  readonly groupDescription: string;
  readonly description: string;
  readonly chargeStart: Date;
  readonly chargeEnd: Date;
  readonly lineClass: string;
  readonly kind: string | null;
  readonly resourceId: string | null;
  readonly matchOutcome: MatchOutcome;
  readonly matchReason: string;
}

/** One of what a step is made of. */
export interface Part {
  /** Its place among the parts: the page after it begins there. */
  readonly key: string;
  readonly what: string;
  /** As it counts towards the step: with its sign, in the unit of all parts. */
  readonly counts: Measure;
  readonly label: FigureLabel;
  /** The step that explains it, and what that one says, in its own unit; null for a leaf. */
  readonly next: { readonly figure: Figure; readonly value: Measure } | null;
  readonly resources: readonly Resource[];
}

/** How one figure comes about. */
export interface Step {
  readonly figure: Figure;
  readonly what: string;
  readonly value: Measure;
  readonly label: FigureLabel;
  /** Since when the figure is known as it is. */
  readonly asOf: Date;
  /** In a sentence. */
  readonly how: string;
  /** The provider's row, where the figure is one. */
  readonly row: ProviderRow | null;
  readonly resources: readonly Resource[];
  /** How the parts make `partsTotal`: they are added up, or the largest of them counts. */
  readonly combinedBy: 'sum' | 'max';
  /** What all parts come to, on whatever page; null where there is nothing further down. */
  readonly partsTotal: Measure | null;
  /** A page of them, and one more where there are more. */
  readonly parts: readonly Part[];
}

export type PartsPage = KeysetPage<string>;

/** What a leaf has in place of parts. */
export const noParts = { combinedBy: 'sum', partsTotal: null, parts: [] } as const;

export const money = (amount: Decimal | string, currency: string): Measure => ({
  amount: toAmountText(new Decimal(amount)),
  currency,
});

export const centsOf = (cents: Decimal | string | number, currency: string): Measure =>
  money(new Decimal(cents).dividedBy(100), currency);

export const quantity = (value: Decimal | string | number, unit: string): Measure => ({
  quantity: new Decimal(value).toFixed(),
  unit,
});

/** As it stands in a sentence: `14.05 USD`, `3600 second`. */
export const inWords = (measure: Measure): string =>
  'amount' in measure ? `${measure.amount} ${measure.currency}` : `${measure.quantity} ${measure.unit}`;

const numberOf = (measure: Measure) => new Decimal('amount' in measure ? measure.amount : measure.quantity);

/** The same measure with the sign turned. */
export const negated = (measure: Measure): Measure =>
  'amount' in measure
    ? money(numberOf(measure).negated(), measure.currency)
    : quantity(numberOf(measure).negated(), measure.unit);

/** The sum of parts that are in memory, in the unit of the value. @param like says the unit */
export function totalOf(parts: readonly Part[], like: Measure): Measure {
  const total = sum(parts.map(({ counts }) => numberOf(counts)));
  return 'amount' in like ? money(total, like.currency) : quantity(total, like.unit);
}

/** A page of parts that are all in memory, with one more where there are more. */
export function pageOf(parts: readonly Part[], { after, limit }: PartsPage): Part[] {
  return parts
    .filter(({ key }) => after === undefined || key > after)
    .toSorted((left, right) => (left.key < right.key ? -1 : 1))
    .slice(0, limit + 1);
}

/** A key by which numbers come in their order. */
export const numberKey = (number: number | bigint | string): string => String(number).padStart(20, '0');

/** `2026-04` */
export const month = (period: Period): string => period.slice(0, 7);

/** `Tenant "a"`, `deployment …`, or what else a figure is of. */
export function nameOf(subject: Subject): string {
  const { tenantId, deploymentId, bucket, kind } = subject;
  if (tenantId !== undefined && bucket !== undefined) return `shared cost that tenant "${tenantId}" bears`;
  if (bucket !== undefined) return `bucket ${bucket}`;
  const ofKind = kind === undefined ? '' : kind === null ? 'what names no kind' : `kind ${kind}`;
  if (tenantId === undefined) return ofKind === '' ? 'everybody' : ofKind;
  const place =
    deploymentId === undefined
      ? ''
      : deploymentId === null
        ? ', outside of any deployment'
        : `, deployment ${deploymentId}`;
  return `tenant "${tenantId}"${place}${ofKind === '' ? '' : `, ${ofKind}`}`;
}
