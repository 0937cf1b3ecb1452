import { expect, it } from '@jest/globals';
import { mostAttempts, nextDeliveryDelay } from '../../src/domain/webhookRetries.ts';

it('a webhook is tried eight times, ever later, over a day', () => {
  const delays = Array.from({ length: mostAttempts - 1 }, (_, index) => nextDeliveryDelay(index + 1) ?? 0);
  expect(mostAttempts).toBe(8);
  expect(delays).toEqual(delays.toSorted((left, right) => left - right));
  const hours = delays.reduce((total, delay) => total + delay, 0) / 3600;
  expect(hours).toBeGreaterThan(24);
  expect(hours).toBeLessThan(25);
  expect(nextDeliveryDelay(mostAttempts)).toBeNull();
  expect(nextDeliveryDelay(mostAttempts + 3)).toBeNull();
});
