import type { ExportColumn } from './focusColumns.ts';
import { type ExportLine, focusFields, toDecimalText } from './focusRow.ts';
import { Decimal, sum, toAmountText } from './money.ts';
import { type Period, periodBounds } from './period.ts';

/** Who bears a cost line, or how much of it. */
export interface LineOwner {
  /** `attributed`, `shared`, `tax`, `credit` or `unattributed`. */
  readonly bucket: string;
  /** Why nobody bears it; else how the line was matched. */
  readonly reason: string;
  readonly tenantId: string | null;
  readonly deploymentId: string | null;
  readonly deploymentName: string | null;
  /** A decimal string; the amounts of all owners of a line are what it bills. */
  readonly amount: string;
  /** For how long it had the resource while the line ran; null where no resource was matched. */
  readonly seconds: string | null;
}

/** What an invoice states that none of its exported lines says. */
export interface Unitemised {
  readonly provider: string;
  readonly invoiceUuid: string;
  readonly period: Period;
  readonly currency: string;
  readonly bucket: string;
  readonly reason: string;
  /** A decimal string. */
  readonly amount: string;
}

/** Writes rows that say who bears them; the fields are in the order of the columns. */
export interface AllocatedRows {
  /** A row for each owner; together they are the line. */
  readonly ofLine: (line: ExportLine, owners: readonly LineOwner[]) => (string | null)[][];
  readonly ofUnitemised: (rest: Unitemised) => (string | null)[];
}

/** The rule by which lines are split, as the export's documentation names it. */
const splitMethod = 'resource-seconds';
const sharePlaces = 9;
/** Quantities are split at their own last decimal, at the sixth at least. */
const quantityPlaces = 6;

export function allocatedRows(columns: readonly ExportColumn[]): AllocatedRows {
  const positions = new Map(
    columns.flatMap(({ name, customKey }, index) => (customKey === null ? [[name, index] as const] : [])),
  );
  const put = (fields: (string | null)[], values: Readonly<Record<string, string | null>>) => {
    for (const [name, value] of Object.entries(values)) {
      const position = positions.get(name);
      if (position !== undefined) fields[position] = value;
    }
    return fields;
  };

  function ofLine(line: ExportLine, owners: readonly LineOwner[]): (string | null)[][] {
    const fields = focusFields(line, columns);
    if (owners.length === 1) {
      return owners.map((owner) => put(fields, { ...ownerOf(owner), x_AllocationShare: '1.0' }));
    }
    const field = (name: string) => fields[positions.get(name) ?? -1] ?? null;
    const seconds = owners.map((owner) => new Decimal(owner.seconds ?? 0));
    const metrics = splitMetrics(field, owners, seconds);
    const shares = splitBy(new Decimal(1), seconds, sharePlaces).map(toDecimalText);
    // A provider's own split of the charge is a fact about the whole of it.
    const isSplitAlready = field('AllocatedMethodId') !== null;
    return owners.map((owner, index) => {
      const share = shares[index] ?? '';
      return put([...fields], {
        ...ownerOf(owner),
        ...Object.fromEntries(Object.entries(metrics).map(([name, parts]) => [name, parts[index] ?? null])),
        x_AllocationShare: share,
        ...(isSplitAlready ? { AllocatedMethodDetails: null } : splitOf(owner, share)),
      });
    });
  }

  function ofUnitemised(rest: Unitemised): (string | null)[] {
    const owner = { ...rest, tenantId: null, deploymentId: null, deploymentName: null, seconds: null };
    const [fields = []] = ofLine(asLine(rest), [owner]);
    // The invoice has no number yet where our own id of it, `<account>:<month>`, stands in for one.
    const hasNumber = !rest.invoiceUuid.endsWith(`:${rest.period.slice(0, 7)}`);
    const detailId = hasNumber ? rest.reason : null;
    return put(fields, {
      InvoiceId: hasNumber ? rest.invoiceUuid : null,
      InvoiceDetailId: detailId,
      x_InvoiceDetailId: detailId,
    });
  }

  return { ofLine, ofUnitemised };
}

const ownerOf = ({ tenantId, deploymentId, deploymentName, bucket, reason }: LineOwner) => ({
  x_TenantId: tenantId,
  x_DeploymentId: deploymentId,
  x_DeploymentName: deploymentName,
  x_AllocationBucket: bucket,
  x_AllocationReason: reason,
});

/** What 1.4 has for a charge that the writer of a file split: the object that bears the part. Nobody's part is the unallocated one. */
function splitOf({ tenantId, deploymentId, deploymentName, seconds }: LineOwner, share: string) {
  const element = {
    AllocatedRatio: Number(share),
    UsageUnit: 'Seconds',
    UsageQuantity: Number(seconds ?? 0),
  };
  return {
    AllocatedMethodId: splitMethod,
    AllocatedMethodDetails: JSON.stringify({ Elements: [element] }),
    AllocatedResourceId: deploymentId ?? tenantId,
    AllocatedResourceName: deploymentId === null ? tenantId : (deploymentName ?? deploymentId),
  };
}

const quantities = ['ConsumedQuantity', 'PricingQuantity', 'CommitmentDiscountQuantity'] as const;
/** Costs, and the price by which each is a product with the quantity that is priced. */
const costs = [
  ['ListCost', 'ListUnitPrice'],
  ['ContractedCost', 'ContractedUnitPrice'],
  ['EffectiveCost', null],
  ['PricingCurrencyEffectiveCost', null],
] as const;

/** Everything of a row that adds up, by column, with a part for each owner; the parts are the whole, to the last decimal. */
function splitMetrics(
  field: (name: string) => string | null,
  owners: readonly LineOwner[],
  seconds: readonly Decimal[],
): Readonly<Record<string, readonly string[]>> {
  const decimal = (name: string | null) => {
    const text = name === null ? null : field(name);
    return text === null ? null : new Decimal(text);
  };
  const parts = new Map<string, readonly Decimal[]>();
  const billed = decimal('BilledCost');
  parts.set(
    'BilledCost',
    owners.map((owner) => new Decimal(owner.amount)),
  );
  for (const name of quantities) {
    const whole = decimal(name);
    if (whole !== null) parts.set(name, splitBy(whole, seconds, quantityPlaces));
  }
  const priced = decimal('PricingQuantity');
  for (const [name, priceName] of costs) {
    const whole = decimal(name);
    if (whole === null) continue;
    const price = decimal(priceName);
    // Each row keeps the rules that the line kept: a cost is price × quantity, or is the billed cost.
    if (price !== null && priced !== null && price.times(priced).equals(whole)) {
      parts.set(name, parts.get('PricingQuantity')?.map((quantity) => quantity.times(price)) ?? []);
    } else if (billed?.equals(whole) === true) {
      parts.set(name, parts.get('BilledCost') ?? []);
    } else {
      parts.set(name, splitBy(whole, seconds, 2));
    }
  }
  return Object.fromEntries(
    [...parts].map(([name, amounts]) => [
      name,
      amounts.map(quantities.some((quantity) => quantity === name) ? toDecimalText : toAmountText),
    ]),
  );
}

/**
 * Splits a whole by weight, at its own last decimal or at `places` where it has fewer, as costs are split among owners: each part is
 * cut down, and what is left goes one unit each to the largest remainders, between equal ones to the earlier part.
 */
function splitBy(whole: Decimal, weights: readonly Decimal[], places: number): Decimal[] {
  const unit = new Decimal(10).pow(Math.max(places, whole.decimalPlaces()));
  const units = whole.times(unit);
  const total = sum(weights);
  const cut = weights.map((weight, position) => {
    const product = units.times(weight);
    const part = product.dividedBy(total).floor();
    return { position, part, remainder: product.minus(part.times(total)) };
  });
  const left = Number(units.minus(sum(cut.map(({ part }) => part))));
  const parts = cut.map(({ part }) => part);
  const byRemainder = cut.toSorted((one, other) => other.remainder.comparedTo(one.remainder));
  for (const { position, part } of byRemainder.slice(0, left)) parts[position] = part.plus(1);
  return parts.map((part) => part.dividedBy(unit));
}

const restTold: Readonly<Record<string, string>> = {
  held: 'The whole invoice: it does not add up, and is held',
  not_ingested: 'The whole invoice: its lines are not read yet',
  restated: 'What the restated invoice differs from the lines that are read',
};

function asLine({ provider, invoiceUuid, period, currency, amount, reason }: Unitemised): ExportLine {
  const { start, end } = periodBounds(period);
  return {
    provider,
    invoiceUuid,
    period,
    lineNumber: 0,
    product: 'Not itemised',
    groupDescription: '',
    description: restTold[reason] ?? reason,
    hours: null,
    chargeStart: start,
    chargeEnd: end,
    billedCost: amount,
    currency,
    projectName: null,
    projectId: null,
    category: null,
    lineClass: 'unexplained',
    kind: null,
    resourceName: null,
    providerResourceId: null,
    resource: null,
    extra: {},
  };
}
