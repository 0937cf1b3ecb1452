import { addDays, type Day, dayOf, daysIn, isAtOrBefore } from './calendar.ts';
import { ArcadiaError } from './errors.ts';
import type { Period } from './period.ts';
import type { AddonTerms, PlanTerms } from './planTerms.ts';
import type { QuotedAddon, VersionDays } from './quote.ts';

/** All that decides which days of a subscription cost what. Days are UTC; lists may come in any order. */
export interface SubscriptionTimeline {
  /** The first day; it counts. */
  readonly startsOn: Day;
  /** RFC 3339. The day that it lies in is the last that counts, with the states just before it. */
  readonly cancelledAt: string | null;
  /** RFC 3339, exclusive: a day at whose end (or cancel) the trial is still on is a trial day. */
  readonly trialEndsAt: string | null;
  /** In force from the day on, to the next one's; the first is there from `startsOn` at the latest. */
  readonly versions: readonly { readonly startsOn: Day; readonly plan: PlanTerms }[];
  /** Paused on the days of `[startsOn, endsOn)`; still paused where `endsOn` is null. A cancel does not end a pause. */
  readonly pauses: readonly { readonly startsOn: Day; readonly endsOn: Day | null }[];
  /** Attached on the days of `[startsOn, endsOn]`: both count. */
  readonly addons: readonly (AddonTerms & { readonly startsOn: Day; readonly endsOn: Day | null })[];
}

/** One month of a subscription, cut by plan version. */
export interface MonthOfSubscription {
  /** M: the days of the month. */
  readonly month: number;
  /** D: the subscribed days that are not trial days; 0 where there are trial days only. */
  readonly subscribed: number;
  /** In day order; only versions with a U day, so none where D is 0. */
  readonly versions: readonly VersionOfMonth[];
}

export interface VersionOfMonth {
  readonly plan: PlanTerms;
  /** The version's subscribed days in the month, `[from, until)`, trial days included. */
  readonly from: Day;
  readonly until: Day;
  readonly days: VersionDays;
  /** Its U days, whose usage it is billed for: `[usageFrom, usageUntil)`. */
  readonly usageFrom: Day;
  readonly usageUntil: Day;
  /** Those with a day of their own among the R days. */
  readonly addons: readonly QuotedAddon[];
}

/** A subscribed day that no plan version is in force on: it could only be billed as nothing. */
export class NoVersionInForce extends ArcadiaError {
  constructor(day: Day, startsOn: Day) {
    super(
      'no_version_in_force',
      `no plan version is in force on ${day}: expected one from the start of the subscription, ${startsOn}, on`,
      { context: { day, starts_on: startsOn } },
    );
  }
}

/**
 * Which days of a month cost what.
 * @returns null where the subscription has no day in the period
 * @throws NoVersionInForce
 */
export function monthOfSubscription(
  timeline: SubscriptionTimeline,
  period: Period,
): MonthOfSubscription | null {
  const monthDays = daysIn(period);
  const lastDay = timeline.cancelledAt === null ? null : dayOf(timeline.cancelledAt);
  const subscribedDays = monthDays.filter(
    (day) => day >= timeline.startsOn && (lastDay === null || day <= lastDay),
  );
  if (subscribedDays.length === 0) return null;
  const isTrial = trialDays(timeline);
  const subscribed = subscribedDays.filter((day) => !isTrial(day)).length;

  const versions = byVersion(timeline, subscribedDays).flatMap(({ version, days }): VersionOfMonth[] => {
    const usageDays = days.filter((day) => !isTrial(day));
    const recurringDays = usageDays.filter((day) => !timeline.pauses.some((pause) => isPausedOn(pause, day)));
    const [from, usageFrom, last] = [days[0], usageDays[0], days.at(-1)];
    if (from === undefined || usageFrom === undefined || last === undefined) return [];
    const until = addDays(last, 1);
    return [
      {
        plan: version.plan,
        from,
        until,
        days: {
          month: monthDays.length,
          subscribed,
          recurring: recurringDays.length,
          usage: usageDays.length,
        },
        usageFrom,
        usageUntil: until,
        addons: addonsOn(recurringDays, timeline.addons),
      },
    ];
  });
  return { month: monthDays.length, subscribed, versions };
}

function addonsOn(days: readonly Day[], addons: SubscriptionTimeline['addons']): QuotedAddon[] {
  return addons.flatMap(({ code, resourceKind, qty, priceCents, startsOn, endsOn }) => {
    const own = days.filter((day) => startsOn <= day && (endsOn === null || day <= endsOn)).length;
    return own === 0 ? [] : [{ code, resourceKind, qty, priceCents, days: own }];
  });
}

interface VersionSpan {
  readonly version: SubscriptionTimeline['versions'][number];
  readonly days: Day[];
}

/** The version in force at a day's end is the last that began by then. */
function byVersion(timeline: SubscriptionTimeline, days: readonly Day[]): VersionSpan[] {
  const latestFirst = timeline.versions.toSorted((left, right) => (left.startsOn < right.startsOn ? 1 : -1));
  const spans: VersionSpan[] = [];
  for (const day of days) {
    const version = latestFirst.find(({ startsOn }) => startsOn <= day);
    if (version === undefined) throw new NoVersionInForce(day, timeline.startsOn);
    const span = spans.at(-1);
    if (span?.version === version) span.days.push(day);
    else spans.push({ version, days: [day] });
  }
  return spans;
}

/** A trial is on until just before its end, so a day that it outlasts or ends with is a trial day; so is a cancel day that it outlasts. */
function trialDays({ trialEndsAt, cancelledAt }: SubscriptionTimeline): (day: Day) => boolean {
  if (trialEndsAt === null) return () => false;
  if (cancelledAt !== null && isAtOrBefore(cancelledAt, trialEndsAt)) return () => true;
  const firstDayAfter = dayOf(trialEndsAt);
  return (day) => day < firstDayAfter;
}

const isPausedOn = (pause: SubscriptionTimeline['pauses'][number], day: Day): boolean =>
  pause.startsOn <= day && (pause.endsOn === null || day < pause.endsOn);
