import type { EntityManager } from '@mikro-orm/postgresql';
import { addDays, type Day } from '../../../domain/calendar.ts';
import { ArcadiaError } from '../../../domain/errors.ts';
import { type MeterKind, meterKinds, toBaseQuantity } from '../../../domain/meters.ts';
import { Decimal } from '../../../domain/money.ts';
import { usedInSlice } from '../../../domain/overage.ts';
import type { UsageSlice } from '../../../domain/quote.ts';
import type { DeploymentInputs, InvoiceInputs, InvoiceLine } from '../../../domain/tenantInvoice.ts';
import { repriceMonth } from './lateMonth.ts';
import { chargesNow, labelOfCharges } from './llmUsage.ts';
import {
  centsOf,
  inWords,
  type Measure,
  money,
  month,
  noParts,
  type Part,
  quantity,
  type Resource,
  type Step,
} from './step.ts';
import { readUsage } from './usage.ts';

/** How a line was computed, and what of it leads further down. */
export interface LineExplanation extends Pick<Step, 'how' | 'combinedBy' | 'partsTotal' | 'resources'> {
  readonly parts: readonly Part[];
}

/**
 * How a line came about, from the inputs that it was priced from and what it says of itself. What is known of its usage, charges or
 * earlier month now is compared with what was priced; the difference is a part of its own.
 * @param inputs null where there are none, of an invoice older than its inputs
 */
export async function explainLine(
  em: EntityManager,
  priced: { readonly line: InvoiceLine; readonly currency: string; readonly inputs: InvoiceInputs | null },
  now: Date,
): Promise<LineExplanation> {
  const { line, currency, inputs } = priced;
  const resources: Resource[] =
    line.deploymentId === null ? [] : [{ type: 'deployment', id: line.deploymentId }];
  const amount = centsOf(line.amountCents, currency);
  switch (line.type) {
    case 'plan_base':
    case 'addon':
      return {
        ...noParts,
        how: recurring(line, amount, currency),
        resources:
          line.type === 'addon' ? resources : [...resources, { type: 'plan', code: text(line, 'plan_code') }],
      };
    case 'overage':
      return { resources, ...(await overage(em, line, currency, inputs, now)) };
    case 'llm_usage':
      return { resources, ...(await gatewayCharges(em, line, currency, now)) };
    case 'adjustment':
      return { resources, ...(await adjustment(em, line, currency)) };
    case 'tax':
      return {
        ...noParts,
        how: `${new Decimal(text(line, 'rate')).times(100).toFixed()}% (${text(line, 'country')}) of the subtotal, ${inWords(centsOf(text(line, 'taxable_cents'), currency))}, rounded half up once: ${inWords(amount)}.`,
        resources,
      };
  }
}

/** A value of the line's `meta`. @throws ArcadiaError where it is not there: the line is none that was priced */
function text({ meta, description }: InvoiceLine, key: string): string {
  const value = meta[key];
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw new ArcadiaError(
    'line_not_explained',
    `the line "${description}" does not say its ${key}, so that nobody can tell what it follows from`,
  );
}

function recurring(line: InvoiceLine, amount: Measure, currency: string): string {
  const what =
    line.type === 'addon'
      ? `Addon ${text(line, 'addon_code')}`
      : `Plan ${text(line, 'plan_code')}, version ${text(line, 'plan_version')}`;
  const full = inWords(centsOf(text(line, 'full_price_cents'), currency));
  return `${what}: ${full} for a whole month × ${text(line, 'day_fraction')} of its days, rounded half up once: ${inWords(amount)}.`;
}

type Explained = Omit<LineExplanation, 'resources'>;

async function overage(
  em: EntityManager,
  line: InvoiceLine,
  currency: string,
  inputs: InvoiceInputs | null,
  now: Date,
): Promise<Explained> {
  const kind = line.resourceKind as MeterKind;
  const { baseUnit, aggregation, meteredUnit } = meterKinds[kind];
  const base = (name: string) => quantity(text(line, name), baseUnit);
  const slice = usedSlice(line, kind, inputs);
  const range = { deploymentId: line.deploymentId ?? '', kind, from: slice.from, until: slice.until };
  const usage = await readUsage(em, range, now);
  const metered = usage?.metered ?? '0';
  const usedNow = usedInSlice(
    { ...slice.terms, qty: toBaseQuantity(kind, metered, line.servicePeriod).toFixed() },
    aggregation,
    slice.subscribedDays,
  );
  const changed = new Decimal(text(line, 'used')).minus(usedNow);
  const negative = (name: string) => quantity(new Decimal(text(line, name)).negated(), baseUnit);
  const isCapped = new Decimal(text(line, 'above_cap')).greaterThan(0);
  const share =
    aggregation === 'max' ? ` × ${slice.terms.days} of ${slice.subscribedDays} subscribed days` : '';
  return {
    how: `${inWords(base('used'))} used − ${text(line, 'allowance')} included − ${text(line, 'above_cap')} above the cap = ${inWords(base('overage'))} charged: ${line.qty} ${line.unit} at ${inWords(centsOf(line.unitPriceCents, currency))} each, rounded half up once: ${inWords(centsOf(line.amountCents, currency))}.`,
    combinedBy: 'sum',
    partsTotal: base('overage'),
    parts: [
      {
        key: '1',
        what: `Usage of ${kind} from ${range.from} to ${addDays(range.until, -1)}, as it is known now: ${metered} ${meteredUnit}${share}, rounded once to six decimals`,
        counts: quantity(usedNow, baseUnit),
        label: usage?.label ?? 'reconciled',
        next: { figure: { name: 'usage', ...range }, value: quantity(metered, meteredUnit) },
        resources: [],
      },
      ...(changed.isZero()
        ? []
        : [
            leaf(
              '2',
              'Metered or corrected otherwise when this was priced',
              quantity(changed, baseUnit),
              'adjusted',
            ),
          ]),
      leaf('3', 'Included by the plan and its addons', negative('allowance')),
      ...(isCapped ? [leaf('4', 'Above the most that the plan charges: free', negative('above_cap'))] : []),
    ],
  };
}

interface UsedSlice {
  readonly from: Day;
  readonly until: Day;
  readonly terms: UsageSlice;
  /** D of the month. */
  readonly subscribedDays: number;
}

/** The days that an overage line was priced from. @throws ArcadiaError where its inputs name no such usage */
function usedSlice(line: InvoiceLine, kind: MeterKind, inputs: InvoiceInputs | null): UsedSlice {
  const from = text(line, 'from');
  const until = text(line, 'until');
  const version = deploymentOf(inputs, line.deploymentId)?.versions.find(
    (one) => one.from === from && one.until === until,
  );
  const slices = version?.quote.usage.find(({ resourceKind }) => resourceKind === kind)?.slices ?? [];
  const effectiveFrom = line.meta['price_effective_from'];
  const index =
    effectiveFrom === undefined
      ? 0
      : slices.findIndex(({ price }) => (price?.effectiveFrom ?? null) === effectiveFrom);
  const terms = slices[index];
  if (version === undefined || terms === undefined) {
    throw new ArcadiaError(
      'line_not_explained',
      `the inputs of the line "${line.description}" name no usage of ${kind} from ${from} to before ${until}`,
    );
  }
  // Trial days come first, so those that count are the last ones.
  const usageFrom = addDays(until, -version.quote.days.usage);
  const daysBefore = slices.slice(0, index).reduce((days, slice) => days + slice.days, 0);
  const sliceFrom = addDays(usageFrom, daysBefore);
  return {
    from: sliceFrom,
    until: addDays(sliceFrom, terms.days),
    terms,
    subscribedDays: version.quote.days.subscribed,
  };
}

const deploymentOf = (
  inputs: InvoiceInputs | null,
  deploymentId: string | null,
): DeploymentInputs | undefined => inputs?.deployments.find((one) => one.deploymentId === deploymentId);

const leaf = (key: string, what: string, counts: Measure, label: Part['label'] = 'reconciled'): Part => ({
  key,
  what,
  counts,
  label,
  next: null,
  resources: [],
});

/** What other invoices of the same month had billed is taken off. */
const billedBefore = (line: InvoiceLine, currency: string): Part[] => {
  const billed = new Decimal(text(line, 'billed_cents'));
  return billed.isZero() ? [] : [leaf('3', 'Billed by other invoices', centsOf(billed.negated(), currency))];
};

/** What is known now less what was priced, where that is not nothing. */
const changedSince = (cents: Decimal, currency: string): Part[] =>
  cents.isZero()
    ? []
    : [leaf('2', 'Known otherwise when this was priced', centsOf(cents, currency), 'adjusted')];

async function gatewayCharges(
  em: EntityManager,
  line: InvoiceLine,
  currency: string,
  now: Date,
): Promise<Explained> {
  const { servicePeriod: period } = line;
  const deploymentId = line.deploymentId ?? '';
  const charge = await chargesNow(em, deploymentId, period);
  const centsNow = new Decimal(charge).times(100).toDecimalPlaces(0);
  const charged = text(line, 'charged_cents');
  const amount = centsOf(line.amountCents, currency);
  return {
    how: `Gateway charges of ${month(period)}, ${text(line, 'charge')} ${currency}, rounded half up once to ${inWords(centsOf(charged, currency))}, less ${inWords(centsOf(text(line, 'billed_cents'), currency))} that other invoices billed: ${inWords(amount)}.`,
    combinedBy: 'sum',
    partsTotal: amount,
    parts: [
      {
        key: '1',
        what: `Gateway charges of ${month(period)}, as they are known now, rounded half up once`,
        counts: centsOf(centsNow, currency),
        label: labelOfCharges(period, now),
        next: { figure: { name: 'llm_usage', deploymentId, period }, value: money(charge, currency) },
        resources: [],
      },
      ...changedSince(new Decimal(charged).minus(centsNow), currency),
      ...billedBefore(line, currency),
    ],
  };
}

async function adjustment(em: EntityManager, line: InvoiceLine, currency: string): Promise<Explained> {
  const amount = centsOf(line.amountCents, currency);
  if (line.meta['adjustment_id'] !== undefined) {
    return { ...noParts, how: `An operator put it on the draft: ${text(line, 'reason')}.` };
  }
  const billed = inWords(centsOf(text(line, 'billed_cents'), currency));
  if (line.meta['should_be_cents'] === undefined) {
    return {
      ...noParts,
      how: `What other invoices billed for ${month(line.servicePeriod)}, ${billed}, is taken off.`,
    };
  }
  const shouldBe = new Decimal(text(line, 'should_be_cents'));
  const deploymentId = line.deploymentId ?? '';
  const repriced = await repriceMonth(em, { deploymentId, period: line.servicePeriod });
  const centsNow = new Decimal(repriced?.cents ?? 0);
  return {
    how: `${month(line.servicePeriod)} priced again with its usage comes to ${inWords(centsOf(shouldBe, currency))}; ${billed} were billed for it.`,
    combinedBy: 'sum',
    partsTotal: amount,
    parts: [
      {
        key: '1',
        what: `${month(line.servicePeriod)} priced again with its usage as it is known now`,
        counts: centsOf(centsNow, currency),
        label: 'adjusted',
        next:
          repriced === undefined
            ? null
            : {
                figure: { name: 'late_month', deploymentId, period: line.servicePeriod },
                value: centsOf(centsNow, currency),
              },
        resources: [],
      },
      ...changedSince(shouldBe.minus(centsNow), currency),
      ...billedBefore(line, currency),
    ],
  };
}
