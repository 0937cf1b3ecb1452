import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type AlertThreshold,
  accrualsAbove,
  alertRuleFault,
  alertTypes,
  marginsBelow,
  spendAbove,
  tenantAlertTypes,
  thresholdUnits,
  unattributedAbove,
} from '../../src/domain/alerts.ts';

const period = '2026-04-01';

describe('a rule', () => {
  const faultOf = (rule: Partial<AlertThreshold>) =>
    alertRuleFault({ type: 'invoice_held', tenantId: null, threshold: null, currency: null, ...rule })?.field;

  it.each<[expected: string | undefined, rule: Partial<AlertThreshold>]>([
    [undefined, { type: 'tenant_margin_below', threshold: '20' }],
    [undefined, { type: 'tenant_margin_below', threshold: '20', tenantId: 'a' }],
    ['threshold', { type: 'tenant_margin_below' }],
    ['currency', { type: 'tenant_margin_below', threshold: '20', currency: 'AUD' }],
    [undefined, { type: 'accrual_above', threshold: '100', currency: 'AUD' }],
    ['currency', { type: 'accrual_above', threshold: '100' }],
    [undefined, { type: 'unattributed_above', threshold: '5' }],
    ['tenant_id', { type: 'unattributed_above', threshold: '5', tenantId: 'a' }],
    [undefined, { type: 'provider_spend_above', threshold: '5', currency: 'USD' }],
    ['tenant_id', { type: 'provider_spend_above', threshold: '5', currency: 'USD', tenantId: 'a' }],
    [undefined, { type: 'invoice_held' }],
    ['threshold', { type: 'invoice_held', threshold: '1' }],
    [undefined, { type: 'period_missed' }],
    ['tenant_id', { type: 'period_missed', tenantId: 'a' }],
    [undefined, { type: 'webhook_disabled' }],
  ])('has a fault in %s: %j', (expected, rule) => {
    expect(faultOf(rule)).toBe(expected);
  });

  it('has for every type exactly one form of threshold that is without fault', () => {
    const forms = [
      [null, null],
      ['1', null],
      ['1', 'AUD'],
      [null, 'AUD'],
    ] as const;
    for (const type of alertTypes) {
      const good = forms.filter(
        ([threshold, currency]) => faultOf({ type, threshold, currency }) === undefined,
      );
      const wanted = { none: [null, null], percent: ['1', null], amount: ['1', 'AUD'] }[thresholdUnits[type]];
      expect([type, good]).toEqual([type, [wanted]]);
    }
    expect(tenantAlertTypes).toEqual(['tenant_margin_below', 'accrual_above']);
  });
});

describe('a margin', () => {
  const of = (revenueCents: number, marginCents: number, percentage: string | null = '10.0') => ({
    tenantId: 'a',
    revenueCents,
    marginCents,
    percentage,
  });
  const below = (figure: ReturnType<typeof of>, threshold: string, tenantId: string | null = null) =>
    marginsBelow([figure], { threshold, tenantId, period }).length === 1;

  it('is compared exactly, not as it is shown', () => {
    expect(below(of(10_000, 999, '10.0'), '10')).toBe(true);
    expect(below(of(10_000, 1_000, '10.0'), '10')).toBe(false);
    expect(below(of(10_000, -500, '-5.0'), '-4.9')).toBe(true);
  });

  it('without revenue is below nothing', () => {
    expect(below(of(0, -100_000, null), '100')).toBe(false);
  });

  it('is looked at for the one tenant of the rule alone', () => {
    expect(below(of(100, 1), '50', 'a')).toBe(true);
    expect(below(of(100, 1), '50', 'b')).toBe(false);
  });

  it('says what it is', () => {
    expect(marginsBelow([of(10_000, 999, '10.0')], { threshold: '10', tenantId: null, period })).toEqual([
      {
        subject: 'a',
        tenantId: 'a',
        value: '10.0',
        message: 'the margin of tenant "a" in 2026-04 is 10.0%, below 10%',
      },
    ]);
  });
});

describe('an accrual', () => {
  const rule = { threshold: '100.00', currency: 'AUD', tenantId: null };
  const of = (tenantId: string, totalCents: number, currency = 'AUD', isKnown = true) => ({
    tenantId,
    currency,
    totalCents,
    isKnown,
  });

  it('is above the threshold from a cent more on, in the same currency alone', () => {
    const found = accrualsAbove([of('at', 10_000), of('above', 10_001), of('other', 99_999, 'USD')], rule);
    expect(found.conditions.map(({ subject, value }) => [subject, value])).toEqual([['above', '100.01']]);
    expect(found.unknown).toEqual([]);
  });

  it('that is not known is neither above nor below', () => {
    expect(accrualsAbove([of('odd', 0, 'AUD', false)], rule)).toEqual({ conditions: [], unknown: ['odd'] });
  });
});

describe('unattributed cost', () => {
  const found = (total: string, unattributed: string, threshold: string) =>
    unattributedAbove([{ provider: 'p', currency: 'USD', total, unattributed }], { threshold, period });

  it('is above the threshold where its exact share is', () => {
    expect(found('100', '5', '5')).toEqual([]);
    expect(found('100', '5.000001', '5')).toMatchObject([{ subject: 'p:USD', value: '5' }]);
  });

  it('of nothing is nothing, as of what a credit outweighs', () => {
    expect(found('0', '0', '0')).toEqual([]);
    expect(found('-10', '5', '5')).toEqual([]);
  });
});

describe('spend', () => {
  it('is compared in the currency of the rule', () => {
    const figures = [
      { provider: 'p', currency: 'USD', amount: '100.01' },
      { provider: 'q', currency: 'EUR', amount: '999' },
      { provider: 'r', currency: 'USD', amount: '100' },
    ];
    const conditions = spendAbove(figures, { threshold: '100', currency: 'USD', period });
    expect(conditions.map(({ subject, value }) => [subject, value])).toEqual([['p', '100.01']]);
  });
});

it('a higher threshold finds no more of what is above, and no less of what is below', () => {
  const cents = fc.integer({ min: -1_000_000, max: 1_000_000 });
  fc.assert(
    fc.property(fc.array(fc.tuple(cents, cents)), cents, fc.nat(1_000_000), (rows, low, more) => {
      const figures = rows.map(([revenueCents, marginCents], index) => ({
        tenantId: `t${index}`,
        revenueCents,
        marginCents,
        percentage: '0.0',
      }));
      const accrued = figures.map(({ tenantId, revenueCents: totalCents }) => ({
        tenantId,
        totalCents,
        currency: 'AUD',
        isKnown: true,
      }));
      const below = (threshold: number) =>
        marginsBelow(figures, { threshold: String(threshold), tenantId: null, period }).map(
          ({ subject }) => subject,
        );
      const above = (threshold: number) =>
        accrualsAbove(accrued, {
          threshold: String(threshold),
          currency: 'AUD',
          tenantId: null,
        }).conditions.map(({ subject }) => subject);
      expect(below(low + more)).toEqual(expect.arrayContaining(below(low)));
      expect(above(low)).toEqual(expect.arrayContaining(above(low + more)));
    }),
  );
});
