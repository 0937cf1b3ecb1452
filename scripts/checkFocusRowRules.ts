import { type FocusVersion, focusVersions } from '../src/domain/focusColumns.ts';
import { Decimal } from '../src/domain/money.ts';
import { subcategories } from './checkFocusServices.ts';

/** A row by column; every value has its column's type by the time that these rules read it. */
export type Row = Readonly<Record<string, string | null>>;

/** A rule between the columns of one row. */
export interface FocusRowRule {
  /** In our words, positive: what every row of a good file does. */
  readonly says: string;
  readonly versions: readonly FocusVersion[];
  readonly holds: (row: Row) => boolean;
}

const has = (row: Row, column: string) => (row[column] ?? null) !== null;
const isUsage = (row: Row) => row['ChargeCategory'] === 'Usage';
const isTax = (row: Row) => row['ChargeCategory'] === 'Tax';
const isCredit = (row: Row) => row['ChargeCategory'] === 'Credit';
const isCorrection = (row: Row) => row['ChargeClass'] === 'Correction';
/** Of usage and purchases much is asked, unless they correct an earlier period. */
const isPriced = (row: Row) => (isUsage(row) || row['ChargeCategory'] === 'Purchase') && !isCorrection(row);

const isEarlier = (row: Row) => time(row, 'ChargePeriodEnd') <= time(row, 'BillingPeriodStart');
const isTakenBack = (row: Row) =>
  !isUsage(row) && row['ChargeCategory'] !== 'Purchase' && new Decimal(row['BilledCost'] ?? 0).lte(0);

const in1_4: readonly FocusVersion[] = ['1.4'];

function rule(
  says: string,
  holds: FocusRowRule['holds'],
  versions: readonly FocusVersion[] = focusVersions,
): FocusRowRule {
  return { says, versions, holds };
}

const both = (one: string, other: string) =>
  rule(`${one} and ${other} are null together`, (row) => has(row, one) === has(row, other));
const onlyWith = (one: string, other: string, versions?: readonly FocusVersion[]) =>
  rule(`${one} is null where ${other} is`, (row) => has(row, other) || !has(row, one), versions);
const pricedAlways = (column: string) => [
  rule(`${column} is null for a tax`, (row) => !isTax(row) || !has(row, column)),
  rule(`${column} is not null for usage and purchases`, (row) => !isPriced(row) || has(row, column)),
];
const sameAsBilled = (column: string, says: string, applies: (row: Row) => boolean) =>
  rule(says, (row) => !applies(row) || equal(row, column, 'BilledCost'));
const product = (price: string, cost: string) => [
  rule(`${price} is null for a tax`, (row) => !isTax(row) || !has(row, price)),
  rule(
    `${price} is not null for usage and purchases, where there is the column`,
    (row) => row[price] === undefined || !isPriced(row) || has(row, price),
  ),
  rule(`${price} is not negative`, (row) => !has(row, price) || !new Decimal(row[price] ?? 0).isNegative()),
  rule(`${price} × PricingQuantity is ${cost}`, (row) => {
    if (isCorrection(row) || !has(row, price) || !has(row, 'PricingQuantity')) return true;
    return new Decimal(row[price] ?? 0).times(row['PricingQuantity'] ?? 0).equals(row[cost] ?? 0);
  }),
];

export const focusRowRules: readonly FocusRowRule[] = [
  rule('BillingCurrency is an ISO 4217 code', (row) => /^[A-Z]{3}$/.test(row['BillingCurrency'] ?? '')),
  rule('the billing period ends after it starts', (row) =>
    before(row, 'BillingPeriodStart', 'BillingPeriodEnd'),
  ),
  rule('the charge period ends after it starts', (row) =>
    before(row, 'ChargePeriodStart', 'ChargePeriodEnd'),
  ),
  rule(
    'what is charged for a period before the billing period is a correction',
    (row) => !isEarlier(row) || isCorrection(row),
  ),
  rule(
    'a correction is of a period before the billing period, or takes back a part of an invoice',
    (row) => !isCorrection(row) || isEarlier(row) || isTakenBack(row),
  ),
  rule(
    'a purchase is not charged by usage',
    (row) => row['ChargeCategory'] !== 'Purchase' || row['ChargeFrequency'] !== 'Usage-Based',
  ),
  rule(
    'ConsumedQuantity is null for what is not usage',
    (row) => isUsage(row) || !has(row, 'ConsumedQuantity'),
  ),
  rule(
    'ConsumedQuantity is not null for usage, unused commitments apart',
    (row) =>
      !isUsage(row) ||
      isCorrection(row) ||
      (row['CommitmentDiscountStatus'] === 'Unused') !== has(row, 'ConsumedQuantity'),
  ),
  both('ConsumedQuantity', 'ConsumedUnit'),
  ...['PricingQuantity', 'PricingCategory', 'SkuId', 'SkuPriceId'].flatMap(pricedAlways),
  both('PricingQuantity', 'PricingUnit'),
  onlyWith('PricingQuantity', 'SkuPriceId', in1_4),
  onlyWith('ConsumedQuantity', 'SkuPriceId', in1_4),
  onlyWith('SkuMeter', 'SkuId'),
  onlyWith('SkuPriceDetails', 'SkuPriceId'),
  ...product('ListUnitPrice', 'ListCost'),
  ...product('ContractedUnitPrice', 'ContractedCost'),
  sameAsBilled('ListCost', 'a credit has its billed cost as list cost', isCredit),
  sameAsBilled('ContractedCost', 'a credit has its billed cost as contracted cost', isCredit),
  sameAsBilled('EffectiveCost', 'a credit has its billed cost as effective cost', isCredit),
  sameAsBilled(
    'EffectiveCost',
    'without a commitment, the effective cost is the billed cost',
    (row) => !has(row, 'CommitmentDiscountId') && row['ChargeCategory'] !== 'Purchase',
  ),
  both('RegionId', 'RegionName'),
  both('SubAccountId', 'SubAccountName'),
  both('ResourceId', 'ResourceType'),
  onlyWith('ResourceName', 'ResourceId'),
  onlyWith('CommitmentDiscountStatus', 'CommitmentDiscountId'),
  onlyWith('CapacityReservationStatus', 'CapacityReservationId'),
  rule('ServiceSubcategory is one of its ServiceCategory', (row) =>
    (subcategories.get(row['ServiceCategory'] ?? '') ?? []).includes(row['ServiceSubcategory'] ?? ''),
  ),
  rule('the values of Tags are no objects and no lists', (row) =>
    Object.values(JSON.parse(row['Tags'] ?? '{}')).every(
      (value) => typeof value !== 'object' || value === null,
    ),
  ),
  rule(
    'what another party than the provider invoices costs nothing here',
    (row) => row['ProviderName'] === row['InvoiceIssuerName'] || new Decimal(row['BilledCost'] ?? 0).isZero(),
    ['1.2'],
  ),
  rule(
    'InvoiceDetailId and InvoiceId are null together',
    (row) => has(row, 'InvoiceDetailId') === has(row, 'InvoiceId'),
    in1_4,
  ),
];

function equal(row: Row, one: string, other: string): boolean {
  return new Decimal(row[one] ?? 0).equals(row[other] ?? 0);
}

const time = (row: Row, column: string) => Date.parse(row[column] ?? '');
const before = (row: Row, one: string, other: string) => time(row, one) < time(row, other);
