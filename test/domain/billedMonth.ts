import { addDays, type Day } from '../../src/domain/calendar.ts';
import { type MeterKind, meterKindNames, meterKinds, toBaseQuantity } from '../../src/domain/meters.ts';
import { Decimal, sum } from '../../src/domain/money.ts';
import type { Period } from '../../src/domain/period.ts';
import type { PlanTerms, ResourcePriceTerms } from '../../src/domain/planTerms.ts';
import type { UsageSlice, UsageTerms } from '../../src/domain/quote.ts';
import { priceSpans } from '../../src/domain/resourcePrices.ts';
import { monthOfSubscription, type SubscriptionTimeline } from '../../src/domain/subscriptionDays.ts';
import type { DeploymentInputs, InvoiceInputs } from '../../src/domain/tenantInvoice.ts';

/** Usage of every day of `[from, until)`, in the kind's metered unit; entries of one day add up. */
export interface DailyUsage {
  readonly kind: MeterKind;
  readonly from: Day;
  readonly until: Day;
  readonly perDay: string;
}

export interface BilledMonth {
  readonly period: Period;
  readonly timeline: SubscriptionTimeline;
  readonly usage: readonly DailyUsage[];
  readonly prices: (kind: MeterKind) => readonly ResourcePriceTerms[];
  readonly adjustments?: InvoiceInputs['adjustments'];
}

/** The inputs of an invoice with one deployment, made of its timeline and daily usage; null where it was not there. */
export function inputsOf(billed: BilledMonth): InvoiceInputs | null {
  const month = monthOfSubscription(billed.timeline, billed.period);
  if (month === null) return null;
  const deployment: DeploymentInputs = {
    deploymentId: 'deployment',
    slug: 'deployment',
    versions: month.versions.map(({ plan, days, addons, from, until, usageFrom, usageUntil }) => ({
      from,
      until,
      quote: { plan, addons, days, usage: usageTerms(billed, plan, usageFrom, usageUntil) },
    })),
  };
  return {
    schema: 1,
    tenantId: 'tenant',
    period: billed.period,
    currency: 'AUD',
    tax: { name: 'GST', country: 'AU', rate: '0.10' },
    deployments: [deployment],
    llm: [],
    late: [],
    adjustments: billed.adjustments ?? [],
    billedElsewhere: [],
  };
}

function usageTerms(billed: BilledMonth, plan: PlanTerms, from: Day, until: Day): UsageTerms[] {
  return meterKindNames.flatMap((kind) => {
    if (!billed.usage.some((entry) => entry.kind === kind)) return [];
    const isPlanned = plan.items.some((item) => item.resourceKind === kind);
    const spans = priceSpans(isPlanned ? [] : billed.prices(kind), from, until);
    const slices = spans.map(
      (span): UsageSlice => ({
        qty: toBaseQuantity(
          kind,
          meteredIn(billed.usage, kind, span.from, span.until),
          billed.period,
        ).toFixed(),
        days: span.days,
        price: span.price,
      }),
    );
    return { resourceKind: kind, slices };
  });
}

function meteredIn(usage: readonly DailyUsage[], kind: MeterKind, from: Day, until: Day): Decimal {
  const perDay: Decimal[] = [];
  for (let day = from; day < until; day = addDays(day, 1)) {
    const today = usage.filter((entry) => entry.kind === kind && entry.from <= day && day < entry.until);
    perDay.push(sum(today.map((entry) => new Decimal(entry.perDay))));
  }
  return meterKinds[kind].aggregation === 'sum' ? sum(perDay) : Decimal.max(0, ...perDay);
}
