/** The versions of the FinOps Open Cost and Usage Specification (FOCUS) that we write. */
export const focusVersions = ['1.2', '1.4'] as const;
export type FocusVersion = (typeof focusVersions)[number];

/**
 * `owners`: the lines with who bears them, a row for each owner of a line, and what an invoice states beyond its lines. `none`: the
 * lines as the provider billed them.
 */
export const focusAllocations = ['owners', 'none'] as const;
export type FocusAllocation = (typeof focusAllocations)[number];

/** How a value is written: a plain decimal, a UTC second with `T` and `Z`, text as it is, or a JSON object. */
export type FocusType = 'decimal' | 'dateTime' | 'text' | 'json';

export interface FocusColumn {
  readonly name: string;
  readonly type: FocusType;
  readonly versions: readonly FocusVersion[];
  /**
   * `always`: the specification demands or recommends it, or DigitalOcean has what it is about. `kept`: what it is about
   * (price lists, commitment discounts, capacity reservations, …) exists in none of our own invoices, so it is written only where
   * an ingested FOCUS file brought it along; a column of nulls would break its own null rules. CommitmentDiscountStatus is
   * written always: the rules for consumed quantities are worded by it, and null is right where there is no discount. `split`: as
   * `kept`, and in every export that splits lines among their owners.
   */
  readonly presence: 'always' | 'kept' | 'split';
}

type Row = readonly [
  name: string,
  type: FocusType,
  presence?: FocusColumn['presence'],
  versions?: readonly FocusVersion[],
];

/** In alphabetical order, as the specification lists them; the order means nothing to a reader. */
const rows: readonly Row[] = [
  ['AllocatedMethodDetails', 'json', 'split', ['1.4']],
  ['AllocatedMethodId', 'text', 'split', ['1.4']],
  ['AllocatedResourceId', 'text', 'split', ['1.4']],
  ['AllocatedResourceName', 'text', 'split', ['1.4']],
  ['AllocatedTags', 'json', 'split', ['1.4']],
  ['AvailabilityZone', 'text', 'kept'],
  ['BilledCost', 'decimal'],
  ['BillingAccountId', 'text'],
  ['BillingAccountName', 'text'],
  ['BillingAccountType', 'text', 'kept'],
  ['BillingCurrency', 'text'],
  ['BillingPeriodEnd', 'dateTime'],
  ['BillingPeriodStart', 'dateTime'],
  ['CapacityReservationId', 'text', 'kept'],
  ['CapacityReservationStatus', 'text', 'kept'],
  ['ChargeCategory', 'text'],
  ['ChargeClass', 'text'],
  ['ChargeDescription', 'text'],
  ['ChargeFrequency', 'text'],
  ['ChargePeriodEnd', 'dateTime'],
  ['ChargePeriodStart', 'dateTime'],
  ['CommitmentDiscountCategory', 'text', 'kept'],
  ['CommitmentDiscountId', 'text', 'kept'],
  ['CommitmentDiscountName', 'text', 'kept'],
  ['CommitmentDiscountQuantity', 'decimal', 'kept'],
  ['CommitmentDiscountStatus', 'text'],
  ['CommitmentDiscountType', 'text', 'kept'],
  ['CommitmentDiscountUnit', 'text', 'kept'],
  ['CommitmentProgramEligibilityDetails', 'json', 'kept', ['1.4']],
  ['ConsumedQuantity', 'decimal'],
  ['ConsumedUnit', 'text'],
  ['ContractApplied', 'json', 'kept', ['1.4']],
  ['ContractedCost', 'decimal'],
  ['ContractedUnitPrice', 'decimal', 'kept'],
  ['EffectiveCost', 'decimal'],
  ['HostProviderName', 'text', 'always', ['1.4']],
  ['InvoiceDetailId', 'text', 'always', ['1.4']],
  ['InvoiceId', 'text'],
  ['InvoiceIssuerName', 'text'],
  ['ListCost', 'decimal'],
  ['ListUnitPrice', 'decimal', 'kept'],
  ['PricingCategory', 'text'],
  ['PricingCurrency', 'text', 'kept'],
  ['PricingCurrencyContractedUnitPrice', 'decimal', 'kept'],
  ['PricingCurrencyEffectiveCost', 'decimal', 'kept'],
  ['PricingCurrencyListUnitPrice', 'decimal', 'kept'],
  ['PricingQuantity', 'decimal'],
  ['PricingUnit', 'text'],
  ['ProviderName', 'text', 'always', ['1.2']],
  ['PublisherName', 'text', 'always', ['1.2']],
  ['RegionId', 'text'],
  ['RegionName', 'text'],
  ['ResourceId', 'text'],
  ['ResourceName', 'text'],
  ['ResourceType', 'text'],
  ['ServiceCategory', 'text'],
  ['ServiceName', 'text'],
  ['ServiceProviderName', 'text', 'always', ['1.4']],
  ['ServiceSubcategory', 'text'],
  ['SkuId', 'text'],
  ['SkuMeter', 'text'],
  ['SkuPriceDetails', 'json'],
  ['SkuPriceId', 'text'],
  ['SubAccountId', 'text'],
  ['SubAccountName', 'text'],
  ['SubAccountType', 'text', 'kept'],
  ['Tags', 'json'],
];

const columns: readonly FocusColumn[] = rows.map(
  ([name, type, presence = 'always', versions = focusVersions]) => ({ name, type, presence, versions }),
);
const byName: ReadonlyMap<string, FocusColumn> = new Map(columns.map((column) => [column.name, column]));

/** Columns that 1.3 deprecated and 1.4 no longer has; what they said is in its provider columns. */
const replaced: ReadonlySet<string> = new Set([
  'ProviderName',
  'PublisherName',
  'HostProviderName',
  'ServiceProviderName',
]);

/**
 * Who bears a row, in every export by owners; docs/flows/focusExport.md has their meaning. 1.2 has no InvoiceDetailId, by which the
 * rows of one line are known.
 */
const ownerColumns: readonly Row[] = [
  ['x_TenantId', 'text'],
  ['x_DeploymentId', 'text'],
  ['x_DeploymentName', 'text'],
  ['x_AllocationBucket', 'text'],
  ['x_AllocationReason', 'text'],
  ['x_AllocationShare', 'decimal'],
  ['x_InvoiceDetailId', 'text', 'always', ['1.2']],
];

/** One column of an export: its name there, how it is written, and the name under which cost lines keep it. */
export interface ExportColumn {
  readonly name: string;
  readonly type: FocusType;
  /** Of a column that is not of this version of the specification: its name in the cost line's `extra`. */
  readonly customKey: string | null;
  /** It says what we know: nothing that a file brought stands in it. */
  readonly isOurs?: true;
}

/**
 * The columns of an export.
 * @param keptNames the names in the `extra` of the exported cost lines. Those that this version of the specification doesn't know
 *   become custom columns, which have the prefix `x_` and stand behind the others. One with the name of an owner's column makes way
 *   for it, with the prefix `x_Ingested`.
 */
export function exportColumns(
  version: FocusVersion,
  keptNames: Iterable<string>,
  allocation: FocusAllocation = 'none',
): ExportColumn[] {
  const kept = new Set(keptNames);
  const isOfOwners = allocation === 'owners';
  const focus = columns
    .filter(
      ({ name, versions, presence }) =>
        versions.includes(version) &&
        (presence === 'always' || kept.has(name) || (isOfOwners && presence === 'split')),
    )
    .map(({ name, type }): ExportColumn => ({ name, type, customKey: null }));
  const ours = ownerColumns
    .filter(([, , , versions = focusVersions]) => isOfOwners && versions.includes(version))
    .map(([name, type]): ExportColumn => ({ name, type, customKey: null, isOurs: true }));
  // Many readers know columns whatever the case of their names.
  const taken = new Set(ours.map(({ name }) => name.toLowerCase()));
  const custom = new Map<string, ExportColumn>();
  for (const key of [...kept].sort()) {
    if (byName.get(key)?.versions.includes(version) === true || replaced.has(key)) continue;
    const wanted = customName(key);
    const isTaken = taken.has(wanted.toLowerCase());
    // A column of the specification that is ours by another name is said there.
    if (isTaken && byName.has(key)) continue;
    const name = isTaken ? `x_Ingested${wanted.slice(2)}` : wanted;
    // A name that is custom already wins over one that only becomes so.
    if (!custom.has(name) || name === key) custom.set(name, { name, type: 'text', customKey: key });
  }
  // Not in the order in which a database happens to find them: the same lines are the same file.
  const inOrder = [...custom.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  return [...focus, ...ours, ...inOrder];
}

function customName(key: string): string {
  const name = key.replaceAll(/[^A-Za-z0-9_]+/g, '_');
  return name.startsWith('x_') ? name : `x_${name}`;
}
