/** The published versions of FOCUS that are read; each adds columns, and 1.4 takes two away. */
export const focusVersions = ['1.0', '1.1', '1.2', '1.3', '1.4'] as const;
export type FocusVersion = (typeof focusVersions)[number];

/** What a file holds one row of: a charge, a line of an issued invoice, or a billing period. The latter two are new in 1.4. */
export const focusDatasets = ['cost_and_usage', 'invoice_detail', 'billing_period'] as const;
export type FocusDataset = (typeof focusDatasets)[number];

export type ColumnType =
  | 'text'
  | 'decimal'
  /** A decimal that is added up. */
  | 'money'
  | 'instant'
  | 'currency'
  | 'json'
  /** One of a list. Where `open`, later versions may add to it, so that another value is noted and not refused. */
  | { readonly oneOf: readonly string[]; readonly open?: true };

export interface FocusColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly since: FocusVersion;
  /** The last version that has it. */
  readonly until: FocusVersion;
  readonly isMandatory: boolean;
  /**
   * What a null means: `refused` where the books need the value; `noted` where the specification forbids it, but real files have
   * it and no sum depends on it.
   */
  readonly nulls: 'allowed' | 'noted' | 'refused';
}

const chargeCategory = { oneOf: ['Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment'] } as const;
const usedOrUnused = { oneOf: ['Used', 'Unused'] } as const;
const serviceCategory = {
  oneOf: [
    'AI and Machine Learning',
    'Analytics',
    'Business Applications',
    'Compute',
    'Databases',
    'Developer Tools',
    'Multicloud',
    'Identity',
    'Integration',
    'Internet of Things',
    'Management and Governance',
    'Media',
    'Migration',
    'Mobile',
    'Networking',
    'Security',
    'Storage',
    'Web',
    'Other',
  ],
  open: true,
} as const;

const mandatory = { isMandatory: true, since: '1.0', until: '1.4' } as const;
const optional = { isMandatory: false, nulls: 'allowed', until: '1.4' } as const;

const costAndUsage = [
  ...columns(
    { ...mandatory, nulls: 'refused' },
    {
      BilledCost: 'money',
      BillingAccountId: 'text',
      BillingCurrency: 'currency',
      BillingPeriodEnd: 'instant',
      BillingPeriodStart: 'instant',
      ChargeCategory: chargeCategory,
      ChargePeriodEnd: 'instant',
      ChargePeriodStart: 'instant',
      InvoiceIssuerName: 'text',
      ServiceName: 'text',
    },
  ),
  ...columns(
    { ...mandatory, nulls: 'noted' },
    {
      ContractedCost: 'decimal',
      EffectiveCost: 'decimal',
      ListCost: 'decimal',
      ServiceCategory: serviceCategory,
    },
  ),
  ...columns({ ...mandatory, nulls: 'noted', until: '1.3' }, { ProviderName: 'text', PublisherName: 'text' }),
  ...columns(
    { ...mandatory, nulls: 'noted', since: '1.3' },
    { HostProviderName: 'text', ServiceProviderName: 'text' },
  ),
  ...columns(
    { ...mandatory, nulls: 'allowed' },
    {
      BillingAccountName: 'text',
      ChargeClass: { oneOf: ['Correction'] },
      ChargeDescription: 'text',
      PricingQuantity: 'decimal',
      PricingUnit: 'text',
    },
  ),
  ...columns(
    { ...optional, since: '1.0' },
    {
      AvailabilityZone: 'text',
      ChargeFrequency: { oneOf: ['One-Time', 'Recurring', 'Usage-Based'] },
      CommitmentDiscountCategory: { oneOf: ['Spend', 'Usage'] },
      CommitmentDiscountId: 'text',
      CommitmentDiscountName: 'text',
      CommitmentDiscountStatus: usedOrUnused,
      CommitmentDiscountType: 'text',
      ConsumedQuantity: 'decimal',
      ConsumedUnit: 'text',
      ContractedUnitPrice: 'decimal',
      ListUnitPrice: 'decimal',
      PricingCategory: { oneOf: ['Standard', 'Dynamic', 'Committed', 'Other'] },
      RegionId: 'text',
      RegionName: 'text',
      ResourceId: 'text',
      ResourceName: 'text',
      ResourceType: 'text',
      SkuId: 'text',
      SkuPriceId: 'text',
      SubAccountId: 'text',
      SubAccountName: 'text',
      Tags: 'json',
    },
  ),
  ...columns(
    { ...optional, since: '1.1' },
    {
      CapacityReservationId: 'text',
      CapacityReservationStatus: usedOrUnused,
      CommitmentDiscountQuantity: 'decimal',
      CommitmentDiscountUnit: 'text',
      ServiceSubcategory: 'text',
      SkuMeter: 'text',
      SkuPriceDetails: 'json',
    },
  ),
  ...columns(
    { ...optional, since: '1.2' },
    {
      BillingAccountType: 'text',
      InvoiceId: 'text',
      PricingCurrency: 'text',
      PricingCurrencyContractedUnitPrice: 'decimal',
      PricingCurrencyEffectiveCost: 'decimal',
      PricingCurrencyListUnitPrice: 'decimal',
      SubAccountType: 'text',
    },
  ),
  ...columns(
    { ...optional, since: '1.3' },
    {
      AllocatedMethodDetails: 'json',
      AllocatedMethodId: 'text',
      AllocatedResourceId: 'text',
      AllocatedResourceName: 'text',
      AllocatedTags: 'json',
      ContractApplied: 'json',
    },
  ),
  ...columns(
    { ...optional, since: '1.4' },
    { CommitmentProgramEligibilityDetails: 'json', InvoiceDetailId: 'text' },
  ),
];

const invoiceDetail = [
  ...columns(
    { ...mandatory, since: '1.4', nulls: 'refused' },
    {
      BilledCost: 'money',
      BillingAccountId: 'text',
      BillingCurrency: 'currency',
      BillingPeriodEnd: 'instant',
      BillingPeriodStart: 'instant',
      ChargeCategory: chargeCategory,
      InvoiceDetailId: 'text',
      InvoiceId: 'text',
      InvoiceIssueStatus: { oneOf: ['Open', 'Issued', 'Voided'] },
      InvoiceIssuerName: 'text',
    },
  ),
  ...columns(
    { ...mandatory, since: '1.4', nulls: 'noted' },
    {
      InvoiceDetailCreated: 'instant',
      InvoiceDetailLastUpdated: 'instant',
      PaymentTerms: 'text',
      ReferenceInvoiceId: 'text',
    },
  ),
  ...columns(
    { ...mandatory, since: '1.4', nulls: 'allowed' },
    {
      InvoiceDetailDescription: 'text',
      InvoiceDetailGrain: 'json',
      InvoiceIssueDate: 'instant',
      PaymentDueDate: 'instant',
    },
  ),
  ...columns(
    { ...optional, since: '1.4' },
    {
      PaymentCurrency: 'text',
      PaymentCurrencyBilledCost: 'decimal',
      PaymentCurrencyInvoiceDetailId: 'text',
      PurchaseOrderNumber: 'text',
    },
  ),
];

const billingPeriod = [
  ...columns(
    { ...mandatory, since: '1.4', nulls: 'refused' },
    {
      BillingPeriodEnd: 'instant',
      BillingPeriodStart: 'instant',
      BillingPeriodStatus: { oneOf: ['Open', 'Closed'] },
      InvoiceIssuerName: 'text',
    },
  ),
  ...columns(
    { ...mandatory, since: '1.4', nulls: 'noted' },
    { BillingPeriodCreated: 'instant', BillingPeriodLastUpdated: 'instant' },
  ),
];

/** The columns of each dataset, over all versions. Taken from the specification's dataset tables; see docs/flows/focusFiles.md. */
export const focusColumns: Readonly<Record<FocusDataset, readonly FocusColumn[]>> = {
  cost_and_usage: costAndUsage,
  invoice_detail: invoiceDetail,
  billing_period: billingPeriod,
};

/** Whether a version has a column. */
export function isIn(column: FocusColumn, version: FocusVersion): boolean {
  return column.since <= version && version <= column.until;
}

function columns(
  shared: Omit<FocusColumn, 'name' | 'type'>,
  types: Readonly<Record<string, ColumnType>>,
): FocusColumn[] {
  return Object.entries(types).map(([name, type]) => ({ ...shared, name, type }));
}
