import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { disablesEndpoint } from '../../src/domain/webhookFailures.ts';

const dayMs = 86_400_000;
const tries = { delivered: 0, failed: 1, isGone: false, failingForMs: 5 * dayMs, disableAfterDays: 5 };

describe('an endpoint is told no more', () => {
  it.each([
    ['that says that it is gone', { isGone: true, failingForMs: 0 }, 'gone'],
    ['that is given up after days in which it took nothing', {}, 'failing'],
    ['that is given up a moment before', { failingForMs: 5 * dayMs - 1 }, null],
    ['that is to be tried again, however long it took nothing', { failed: 0 }, null],
    ['that takes something', { delivered: 1 }, null],
  ] as const)('%s: %j is %j', (_, named, reason) => {
    expect(disablesEndpoint({ ...tries, ...named })).toBe(reason);
  });

  it('never for failing alone while it takes anything, or while nothing is given up', () => {
    fc.assert(
      fc.property(
        fc.nat(25),
        fc.nat(25),
        fc.nat(100 * dayMs),
        fc.integer({ min: 1, max: 30 }),
        (delivered, failed, failingForMs, disableAfterDays) => {
          const reason = disablesEndpoint({
            delivered,
            failed,
            failingForMs,
            disableAfterDays,
            isGone: false,
          });
          const mayBe = delivered === 0 && failed > 0 && failingForMs >= disableAfterDays * dayMs;
          expect(reason).toBe(mayBe ? 'failing' : null);
        },
      ),
    );
  });
});
