import type { MeterKind, OverageUnit } from './meters.ts';

/** What a plan version promises and charges; plain JSON, as it is stored with an invoice. Prices exclude tax. */
export interface PlanTerms {
  readonly planCode: string;
  readonly version: number;
  readonly currency: string;
  /** A month's fee. */
  readonly basePriceCents: number;
  readonly items: readonly PlanItemTerms[];
}

/** What a plan version says of one kind; at most one item a kind. */
export interface PlanItemTerms {
  readonly resourceKind: MeterKind;
  /** A month's allowance, in base units. */
  readonly includedQty: string;
  /** The kind's own (`meterKinds`). */
  readonly overageUnit: OverageUnit;
  /** Of one overage unit; may be a fraction of a cent. */
  readonly overagePriceCents: string;
  /** The most overage that is charged, in base units: 0 charges none, null has no cap. */
  readonly hardCapQty: string | null;
}

/** An addon as it was when it was attached. */
export interface AddonTerms {
  readonly code: string;
  readonly resourceKind: MeterKind;
  /** A month's allowance, in base units. */
  readonly qty: string;
  readonly priceCents: number;
}

/** The price of one unit of a kind that the plan has no item for. */
export interface ResourcePriceTerms {
  readonly unit: OverageUnit;
  /** Of one unit; may be a fraction of a cent. */
  readonly priceCents: string;
  /** The first day that it is in force on. */
  readonly effectiveFrom: string;
}
