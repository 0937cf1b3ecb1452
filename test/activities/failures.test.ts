import { describe, expect, it } from '@jest/globals';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { asFailure } from '../../src/activities/failures.ts';
import { ArcadiaError } from '../../src/domain/errors.ts';

describe('the translation of our errors into Temporal’s', () => {
  it('makes the code the type, and fails at once what a retry can’t mend, with its context', () => {
    const error = new ArcadiaError('invoice_empty', 'the file is empty', { context: { line: 1 } });
    const failure = asFailure(error);
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure).toMatchObject({
      type: 'invoice_empty',
      message: 'the file is empty',
      nonRetryable: true,
      details: [{ line: 1 }],
      cause: error,
      nextRetryDelay: undefined,
    });
  });

  it('lets what may succeed later be tried again, after the wait that the provider asked for', () => {
    const asked = new ArcadiaError('provider_rate_limited', 'too many', {
      retryable: true,
      retryAfterSeconds: 7,
    });
    expect(asFailure(asked)).toMatchObject({ nonRetryable: false, nextRetryDelay: 7_000 });
    const silent = new ArcadiaError('provider_unavailable', 'down', { retryable: true });
    expect(asFailure(silent)).toMatchObject({ nonRetryable: false, nextRetryDelay: undefined });
  });

  it('passes on what is Temporal’s already, and what nobody foresaw, which is tried again', () => {
    const others = [
      ApplicationFailure.nonRetryable('no'),
      new CancelledFailure('cancelled'),
      new TypeError('unforeseen'),
      'not even an error',
    ];
    expect(others.map(asFailure)).toEqual(others);
    for (const other of others) expect(asFailure(other)).toBe(other);
  });
});
