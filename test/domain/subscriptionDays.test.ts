import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addDays, dayOf, daysBetween, daysIn, isAtOrBefore } from '../../src/domain/calendar.ts';
import { nextPeriod, shiftPeriod } from '../../src/domain/period.ts';
import type { PlanTerms } from '../../src/domain/planTerms.ts';
import {
  monthOfSubscription,
  NoVersionInForce,
  type SubscriptionTimeline,
} from '../../src/domain/subscriptionDays.ts';

const plan = (planCode: string): PlanTerms => ({
  planCode,
  version: 1,
  currency: 'AUD',
  basePriceCents: 1000,
  items: [],
});
const addon = { code: 'llm_1m', resourceKind: 'llm_tokens', qty: '1000000', priceCents: 900 } as const;

/** On one plan from 1 January 2026 on, with what a test names. */
function timeline(named: Partial<SubscriptionTimeline> = {}): SubscriptionTimeline {
  return {
    startsOn: '2026-01-01',
    cancelledAt: null,
    trialEndsAt: null,
    versions: [{ startsOn: '2026-01-01', plan: plan('a') }],
    pauses: [],
    addons: [],
    ...named,
  };
}

/** A day of the months that are asked about, or of one beside them. */
const day = fc.integer({ min: -40, max: 100 }).map((offset) => addDays('2026-01-20', offset));
const instant = fc
  .integer({ min: -40 * 48, max: 100 * 48 })
  .map((halfHours) => new Date(Date.parse('2026-01-20T00:00:00Z') + halfHours * 1_800_000).toISOString());
const span = fc.tuple(day, fc.option(fc.nat(40))).map(([startsOn, length]) => ({
  startsOn,
  endsOn: length === null ? null : addDays(startsOn, length),
}));
const arbitraryTimeline: fc.Arbitrary<SubscriptionTimeline> = fc
  .record({
    startsOn: day,
    cancelledAt: fc.option(instant),
    trialEndsAt: fc.option(instant),
    changes: fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 3 }),
    pauses: fc.array(span, { maxLength: 3 }),
    addons: fc.array(
      span.map((days) => ({ ...addon, ...days })),
      { maxLength: 2 },
    ),
  })
  .map(({ changes, ...rest }) => ({
    ...rest,
    versions: [0, ...changes].map((offset) => ({
      startsOn: addDays(rest.startsOn, offset),
      plan: plan(`plan ${offset}`),
    })),
  }));
const period = fc.constantFrom('2026-01-01', '2026-02-01', '2026-03-01', '2026-04-01');

describe("a subscription's month", () => {
  it('has each version with its days, and what is attached on them', () => {
    const month = monthOfSubscription(
      timeline({
        startsOn: '2026-04-03',
        trialEndsAt: '2026-04-05T08:00:00Z',
        cancelledAt: '2026-04-28T10:00:00Z',
        versions: [
          { startsOn: '2026-04-21', plan: plan('b') },
          { startsOn: '2026-04-03', plan: plan('a') },
        ],
        pauses: [{ startsOn: '2026-04-20', endsOn: '2026-04-23' }],
        addons: [{ ...addon, startsOn: '2026-04-10', endsOn: '2026-04-23' }],
      }),
      '2026-04-01',
    );
    expect(month).toEqual({
      month: 30,
      subscribed: 24,
      versions: [
        {
          plan: plan('a'),
          from: '2026-04-03',
          until: '2026-04-21',
          days: { month: 30, subscribed: 24, recurring: 15, usage: 16 },
          usageFrom: '2026-04-05',
          usageUntil: '2026-04-21',
          addons: [{ ...addon, days: 10 }],
        },
        {
          plan: plan('b'),
          from: '2026-04-21',
          until: '2026-04-29',
          days: { month: 30, subscribed: 24, recurring: 6, usage: 8 },
          usageFrom: '2026-04-21',
          usageUntil: '2026-04-29',
          addons: [{ ...addon, days: 1 }],
        },
      ],
    });
  });

  it('leaves out addons without a day of their own, and what else is said of them', () => {
    const attached = { ...addon, startsOn: '2026-04-30', endsOn: null, currency: 'AUD' };
    const gone = { ...addon, code: 'gone', startsOn: '2026-01-01', endsOn: '2026-03-31' };
    const month = monthOfSubscription(timeline({ addons: [attached, gone] }), '2026-04-01');
    expect(month?.versions[0]?.addons).toEqual([{ ...addon, days: 1 }]);
  });

  it('is not there without a subscribed day', () => {
    expect(monthOfSubscription(timeline(), '2025-12-01')).toBeNull();
    expect(monthOfSubscription(timeline({ cancelledAt: '2026-03-31T23:59:59Z' }), '2026-04-01')).toBeNull();
    expect(monthOfSubscription(timeline({ startsOn: '2026-05-01' }), '2026-04-01')).toBeNull();
  });

  it('has no versions where every subscribed day is a trial day', () => {
    expect(monthOfSubscription(timeline({ trialEndsAt: '2026-05-01T00:00:00Z' }), '2026-04-01')).toEqual({
      month: 30,
      subscribed: 0,
      versions: [],
    });
  });

  it('gives a day to the version that begins on it, the later of two', () => {
    const versions = [plan('first'), plan('later')].map((terms, index) => ({
      startsOn: `2026-04-0${index + 1}`,
      plan: terms,
    }));
    const month = monthOfSubscription(timeline({ startsOn: '2026-04-01', versions }), '2026-04-01');
    expect(month?.versions.map((version) => [version.plan.planCode, version.days.usage])).toEqual([
      ['first', 1],
      ['later', 29],
    ]);
  });

  it('refuses a subscribed day without a version, naming it', () => {
    const versions = [{ startsOn: '2026-04-03', plan: plan('late') }];
    const late = () => monthOfSubscription(timeline({ startsOn: '2026-04-02', versions }), '2026-04-01');
    expect(late).toThrow(NoVersionInForce);
    expect(late).toThrow(
      expect.objectContaining({
        code: 'no_version_in_force',
        message:
          'no plan version is in force on 2026-04-02: expected one from the start of the subscription, 2026-04-02, on',
        context: { day: '2026-04-02', starts_on: '2026-04-02' },
      }),
    );
  });

  it('is what asking of each day by itself gives', () => {
    fc.assert(
      fc.property(arbitraryTimeline, period, (given, asked) => {
        const states = daysIn(asked).flatMap((one) => stateOf(given, one) ?? []);
        const month = monthOfSubscription(given, asked);
        if (states.length === 0) {
          expect(month).toBeNull();
          return;
        }
        const charged = states.filter((state) => !state.isTrial);
        expect(month?.subscribed).toBe(charged.length);
        const codes = [...new Set(charged.map((state) => state.planCode))];
        expect(month?.versions.map((version) => version.plan.planCode)).toEqual(codes);
        for (const version of month?.versions ?? []) {
          const own = states.filter((state) => state.planCode === version.plan.planCode);
          const usage = own.filter((state) => !state.isTrial);
          const recurring = usage.filter((state) => !state.isPaused);
          expect(version.days).toEqual({
            month: daysIn(asked).length,
            subscribed: charged.length,
            usage: usage.length,
            recurring: recurring.length,
          });
          expect([version.from, version.until]).toEqual([own[0]?.day, addDays(own.at(-1)?.day ?? '', 1)]);
          expect([version.usageFrom, version.usageUntil]).toEqual([
            usage[0]?.day,
            addDays(usage.at(-1)?.day ?? '', 1),
          ]);
          // The days that usage counts on have no gap.
          expect(daysBetween(version.usageFrom, version.usageUntil)).toBe(version.days.usage);
          const attachedDays = given.addons
            .map(
              ({ startsOn, endsOn }) =>
                recurring.filter((state) => startsOn <= state.day && state.day <= (endsOn ?? '9999')).length,
            )
            .filter((days) => days > 0);
          expect(version.addons.map((one) => one.days)).toEqual(attachedDays);
        }
      }),
    );
  });

  it('is the same in whatever order versions and pauses are given', () => {
    fc.assert(
      fc.property(arbitraryTimeline, period, (given, asked) => {
        const turned = { ...given, versions: given.versions.toReversed(), pauses: given.pauses.toReversed() };
        expect(monthOfSubscription(turned, asked)).toEqual(monthOfSubscription(given, asked));
      }),
    );
  });

  it('shares out the whole life: its months have every day once', () => {
    const lives = fc
      .tuple(day, fc.nat(70))
      .map(([startsOn, length]) => ({ startsOn, lastDay: addDays(startsOn, length) }));
    fc.assert(
      fc.property(lives, ({ startsOn, lastDay }) => {
        const life = timeline({
          startsOn,
          cancelledAt: `${lastDay}T12:00:00Z`,
          versions: [{ startsOn, plan: plan('a') }],
        });
        let days = 0;
        for (let asked = '2025-11-01'; asked < '2026-09-01'; asked = nextPeriod(asked)) {
          days += monthOfSubscription(life, asked)?.subscribed ?? 0;
        }
        expect(days).toBe(daysBetween(startsOn, lastDay) + 1);
        expect(monthOfSubscription(life, shiftPeriod('2026-09-01', 12))).toBeNull();
      }),
    );
  });
});

/** The state in force just before the end of a day, or before the cancel where it is the cancel day; undefined where it is not subscribed. */
function stateOf(given: SubscriptionTimeline, one: string) {
  const { cancelledAt, trialEndsAt } = given;
  if (one < given.startsOn) return undefined;
  if (cancelledAt !== null && one > dayOf(cancelledAt)) return undefined;
  const isCancelDay = cancelledAt !== null && one === dayOf(cancelledAt);
  const end = isCancelDay ? cancelledAt : `${addDays(one, 1)}T00:00:00Z`;
  const version = given.versions
    .filter(({ startsOn }) => startsOn <= one)
    .toSorted((left, right) => (left.startsOn < right.startsOn ? -1 : 1));
  return {
    day: one,
    planCode: version.at(-1)?.plan.planCode,
    isTrial: trialEndsAt !== null && isAtOrBefore(end, trialEndsAt),
    isPaused: given.pauses.some(({ startsOn, endsOn }) => startsOn <= one && one < (endsOn ?? '9999')),
  };
}
