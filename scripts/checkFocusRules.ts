import type { FocusVersion } from '../src/domain/focusColumns.ts';
import { Decimal } from '../src/domain/money.ts';
import { focusRowRules, type Row } from './checkFocusRowRules.ts';
import { subcategories } from './checkFocusServices.ts';

/**
 * What FOCUS 1.2 and 1.4 ask of the Cost and Usage dataset, as far as a file alone can show it: the columns, their types, what may be
 * null, the allowed values and the rules between columns. Written from the published texts (docs/flows/focusExport.md names them),
 * not from the export's own tables, so that one can be wrong without the other.
 */
type Type = 'decimal' | 'dateTime' | 'text' | 'json' | readonly string[];

interface ColumnRule {
  readonly type: Type;
  readonly nulls: 'never' | 'allowed';
  /** `must`: mandatory, or its condition holds for DigitalOcean's invoices. */
  readonly presence: 'must' | 'may';
}

const never = (type: Type): ColumnRule => ({ type, nulls: 'never', presence: 'must' });
const nullable = (type: Type): ColumnRule => ({ type, nulls: 'allowed', presence: 'must' });
const conditional = (type: Type): ColumnRule => ({ type, nulls: 'allowed', presence: 'may' });

const usedOrUnused = ['Used', 'Unused'];
const common: Readonly<Record<string, ColumnRule>> = {
  AvailabilityZone: conditional('text'),
  BilledCost: never('decimal'),
  BillingAccountId: never('text'),
  BillingAccountName: nullable('text'),
  BillingAccountType: conditional('text'),
  BillingCurrency: never('text'),
  BillingPeriodEnd: never('dateTime'),
  BillingPeriodStart: never('dateTime'),
  CapacityReservationId: conditional('text'),
  CapacityReservationStatus: conditional(usedOrUnused),
  ChargeCategory: never(['Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment']),
  ChargeClass: nullable(['Correction']),
  ChargeDescription: nullable('text'),
  ChargeFrequency: never(['One-Time', 'Recurring', 'Usage-Based']),
  ChargePeriodEnd: never('dateTime'),
  ChargePeriodStart: never('dateTime'),
  CommitmentDiscountCategory: conditional(['Spend', 'Usage']),
  CommitmentDiscountId: conditional('text'),
  CommitmentDiscountName: conditional('text'),
  CommitmentDiscountQuantity: conditional('decimal'),
  CommitmentDiscountStatus: conditional(usedOrUnused),
  CommitmentDiscountType: conditional('text'),
  CommitmentDiscountUnit: conditional('text'),
  ConsumedQuantity: nullable('decimal'),
  ConsumedUnit: nullable('text'),
  ContractedCost: never('decimal'),
  ContractedUnitPrice: conditional('decimal'),
  EffectiveCost: never('decimal'),
  InvoiceId: nullable('text'),
  InvoiceIssuerName: never('text'),
  ListCost: never('decimal'),
  ListUnitPrice: conditional('decimal'),
  PricingCategory: nullable(['Standard', 'Dynamic', 'Committed', 'Other']),
  PricingCurrency: conditional('text'),
  PricingCurrencyContractedUnitPrice: conditional('decimal'),
  PricingCurrencyEffectiveCost: conditional('decimal'),
  PricingCurrencyListUnitPrice: conditional('decimal'),
  PricingQuantity: nullable('decimal'),
  PricingUnit: nullable('text'),
  RegionId: nullable('text'),
  RegionName: nullable('text'),
  ResourceId: nullable('text'),
  ResourceName: nullable('text'),
  ResourceType: nullable('text'),
  ServiceCategory: never([...subcategories.keys()]),
  ServiceName: never('text'),
  ServiceSubcategory: never([...subcategories.values()].flat()),
  SkuId: nullable('text'),
  SkuMeter: nullable('text'),
  SkuPriceDetails: nullable('json'),
  SkuPriceId: nullable('text'),
  SubAccountId: nullable('text'),
  SubAccountName: nullable('text'),
  SubAccountType: conditional('text'),
  Tags: nullable('json'),
};

const columnRules: Readonly<Record<FocusVersion, Readonly<Record<string, ColumnRule>>>> = {
  '1.2': { ...common, ProviderName: never('text'), PublisherName: never('text') },
  '1.4': {
    ...common,
    AllocatedMethodDetails: conditional('json'),
    AllocatedMethodId: conditional('text'),
    AllocatedResourceId: conditional('text'),
    AllocatedResourceName: conditional('text'),
    AllocatedTags: conditional('json'),
    CommitmentProgramEligibilityDetails: conditional('json'),
    ContractApplied: conditional('json'),
    HostProviderName: never('text'),
    InvoiceDetailId: nullable('text'),
    ServiceProviderName: never('text'),
  },
};

/** Reads a file row by row and says where it breaks a rule. */
export interface FocusCheck {
  /** How many rules are looked at, the columns' own and those between columns. */
  readonly rules: number;
  row(fields: readonly (string | null)[]): void;
  /** What was found, each once with its first place. Rows are counted from 1, the header not counted. */
  finish(): string[];
}

export function checkFocus(version: FocusVersion, header: readonly string[]): FocusCheck {
  const rules = columnRules[version];
  const rowRules = focusRowRules.filter((rule) => rule.versions.includes(version));
  const faults = new Map<string, string>();
  const note = (rule: string, place: string) => {
    if (!faults.has(rule)) faults.set(rule, `${rule}: ${place}`);
  };
  for (const fault of headerFaults(rules, header)) note(fault, 'header');
  const dataset = checkDataset(version, note);
  let rows = 0;
  return {
    rules: Object.keys(rules).length * 3 + rowRules.length + dataset.rules + 2,
    row(fields) {
      rows += 1;
      const row: Row = Object.fromEntries(header.map((name, index) => [name, fields[index] ?? null]));
      let isReadable = fields.length === header.length;
      if (!isReadable) note('each row has a field for each column', `row ${rows}`);
      for (const name of header) {
        const rule = rules[name];
        if (rule === undefined) continue;
        const value = row[name] ?? null;
        if (value === null) {
          if (rule.nulls === 'never') note(`${name} is not null`, `row ${rows}`);
        } else if (!isOf(rule.type, value)) {
          isReadable = false;
          note(`${name} is ${describe(rule.type)}`, `row ${rows}, "${value}"`);
        }
      }
      if (!isReadable) return;
      for (const rule of rowRules) {
        if (!rule.holds(row)) note(rule.says, `row ${rows}`);
      }
      dataset.row(row, rows);
    },
    finish() {
      dataset.finish();
      return [...faults.values()];
    },
  };
}

function headerFaults(rules: Readonly<Record<string, ColumnRule>>, header: readonly string[]): string[] {
  const missing = Object.entries(rules)
    .filter(([name, rule]) => rule.presence === 'must' && !header.includes(name))
    .map(([name]) => `${name} is present`);
  const foreign = header
    .filter((name) => rules[name] === undefined && !/^x_[A-Za-z0-9_]+$/.test(name))
    .map((name) => `${name} is a column of this version, or has the prefix x_`);
  const firstCustom = header.findIndex((name) => name.startsWith('x_'));
  const mixed =
    firstCustom >= 0 && header.slice(firstCustom).some((name) => !name.startsWith('x_'))
      ? ['custom columns stand behind the others']
      : [];
  const twice = new Set(header).size === header.length ? [] : ['each column is there once'];
  return [...missing, ...foreign, ...mixed, ...twice];
}

/** What only many rows together can break. */
function checkDataset(version: FocusVersion, note: (rule: string, place: string) => void) {
  const parents = new Map<string, string | null>();
  /** Of each, whether it was that of a part of a split charge: the parts share the number of the charge on its invoice. */
  const details = new Map<string, boolean>();
  let billed: Decimal = new Decimal(0);
  let effective: Decimal = new Decimal(0);
  const oneParent = (child: string, parent: string, row: Row, place: string) => {
    const value = row[child] ?? null;
    if (value === null) return;
    const key = JSON.stringify([child, value, row['InvoiceIssuerName']]);
    const known = parents.get(key);
    if (known === undefined) parents.set(key, row[parent] ?? null);
    else if (known !== row[parent]) note(`each ${child} has one ${parent}`, place);
  };
  return {
    rules: 3 + (version === '1.4' ? 1 : 0),
    row(row: Row, number: number) {
      const place = `row ${number}`;
      oneParent('SkuPriceId', 'SkuId', row, place);
      oneParent('ServiceName', 'ServiceCategory', row, place);
      billed = billed.plus(row['BilledCost'] ?? 0);
      effective = effective.plus(row['EffectiveCost'] ?? 0);
      if (version !== '1.4' || (row['InvoiceDetailId'] ?? null) === null) return;
      const detail = JSON.stringify([row['InvoiceIssuerName'], row['InvoiceId'], row['InvoiceDetailId']]);
      const isPart = (row['AllocatedMethodId'] ?? null) !== null;
      if (details.has(detail) && !(isPart && details.get(detail) === true)) {
        note('InvoiceDetailId is unique on its invoice, but for the parts of a split charge', place);
      }
      details.set(detail, isPart);
    },
    finish() {
      // There is no purchase here that covers the usage of another row.
      if (!billed.equals(effective)) {
        note('EffectiveCost adds up to BilledCost', `${effective.toFixed()} and ${billed.toFixed()}`);
      }
    },
  };
}

const numeric = /^-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE]-?\d+)?$/;
const dateTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/;

function isOf(type: Type, value: string): boolean {
  if (typeof type !== 'string') return type.includes(value);
  if (type === 'decimal') return numeric.test(value);
  if (type === 'dateTime') return dateTime.test(value) && !Number.isNaN(Date.parse(value));
  if (type === 'json') return isKeyValue(value);
  return value.trim() !== '' && value !== 'NULL';
}

function describe(type: Type): string {
  if (typeof type !== 'string') return `one of ${type.join(', ')}`;
  return { decimal: 'a plain number', dateTime: 'a UTC time', json: 'a JSON object', text: 'text' }[type];
}

function isKeyValue(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
