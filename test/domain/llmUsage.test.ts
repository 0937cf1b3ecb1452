import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalText, faultOfTime, type LlmUsage } from '../../src/domain/llmUsage.ts';

const event = (changes: Partial<LlmUsage> = {}): LlmUsage => ({
  gatewayRequestId: 'request-1',
  tenantId: 'acme',
  deploymentId: 'pilot',
  model: 'some-model',
  tokens: 12,
  charge: '1.5',
  currency: 'AUD',
  occurredAt: new Date('2026-04-01T00:00:00Z'),
  ...changes,
});

const content = fc.record({
  gatewayRequestId: fc.string(),
  tenantId: fc.string(),
  deploymentId: fc.string(),
  model: fc.string(),
  tokens: fc.maxSafeNat(),
  charge: fc.tuple(fc.bigInt(0n, 10n ** 12n), fc.nat(10 ** 6)).map(([whole, part]) => `${whole}.${part}`),
  currency: fc.constantFrom('AUD', 'USD'),
  occurredAt: fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }),
});

describe('the canonical text of an event', () => {
  it('is the same for the same amount and instant, however they are written', () => {
    const texts = [
      event(),
      event({ charge: '1.50' }),
      event({ charge: '01.500000000000000000' }),
      event({ occurredAt: new Date('2026-04-01T10:00:00+10:00') }),
    ].map(canonicalText);
    expect(new Set(texts).size).toBe(1);
  });

  it('keeps every digit of the charge', () => {
    const charges = [
      '0',
      '0.000000000000000001',
      '999999999999.999999999999999999',
      '999999999999.999999999999999998',
    ];
    expect(new Set(charges.map((charge) => canonicalText(event({ charge })))).size).toBe(charges.length);
  });

  it('differs wherever the content differs, also where text moves from one field into the next', () => {
    fc.assert(
      fc.property(content, content, (left, right) => {
        const isSame = JSON.stringify(normal(left)) === JSON.stringify(normal(right));
        expect(canonicalText(left) === canonicalText(right)).toBe(isSame);
      }),
    );
    const moved = [
      event({ tenantId: 'a', deploymentId: 'b","c' }),
      event({ tenantId: 'a","b', deploymentId: 'c' }),
    ];
    expect(new Set(moved.map(canonicalText)).size).toBe(2);
  });

  it('differs by any one field', () => {
    fc.assert(
      fc.property(content, fc.constantFrom(...fields), (sent, field) => {
        expect(canonicalText(other(sent, field))).not.toBe(canonicalText(sent));
      }),
    );
  });
});

const fields = [
  'gatewayRequestId',
  'tenantId',
  'deploymentId',
  'model',
  'tokens',
  'charge',
  'currency',
  'occurredAt',
] as const satisfies readonly (keyof LlmUsage)[];

const normal = (sent: LlmUsage) => ({ ...sent, charge: sent.charge.replace(/\.?0*$/, '') });

function other(sent: LlmUsage, field: (typeof fields)[number]): LlmUsage {
  switch (field) {
    case 'tokens':
      return { ...sent, tokens: sent.tokens + 1 };
    case 'charge':
      return { ...sent, charge: `${sent.charge}1` };
    case 'occurredAt':
      return { ...sent, occurredAt: new Date(sent.occurredAt.getTime() + 1) };
    default:
      return { ...sent, [field]: `${sent[field]}x` };
  }
}

describe('the time of an event', () => {
  const now = new Date('2026-05-01T00:00:00Z');
  it.each([
    ['2000-01-01T00:00:00Z', true],
    ['1999-12-31T23:59:59.999Z', false],
    ['2026-04-30T23:59:59.999Z', true],
    ['2026-05-01T00:00:00Z', true],
    ['2026-05-01T00:05:00Z', true],
    ['2026-05-01T00:05:00.001Z', false],
    ['2027-05-01T00:00:00Z', false],
  ])('%s is good: %j, where it is received at the start of May 2026', (time, isGood) => {
    expect(faultOfTime(new Date(time), now) === undefined).toBe(isGood);
  });
});
