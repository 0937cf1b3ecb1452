import { describe, expect, it } from '@jest/globals';
import { ArcadiaError } from '../../src/domain/errors.ts';
import { InvalidAmount } from '../../src/domain/money.ts';

describe('ArcadiaError', () => {
  it('is not retryable, has no context and no cause, unless somebody says so', () => {
    const error = new ArcadiaError('some_code', 'a sentence');
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code: 'some_code', message: 'a sentence', retryable: false, context: {} });
    expect(error.retryAfterSeconds).toBeUndefined();
    expect('cause' in error).toBe(false);
  });

  it('keeps what it was given: cause, context, whether and when to try again', () => {
    const cause = new TypeError('socket');
    const context = { what: 'GET /v2/droplets', status: 429 };
    const error = new ArcadiaError('some_code', 'a sentence', {
      retryable: true,
      retryAfterSeconds: 7,
      context,
      cause,
    });
    expect(error).toMatchObject({ retryable: true, retryAfterSeconds: 7, context });
    expect(error.cause).toBe(cause);
  });

  it('bears the name of its own class', () => {
    expect(new InvalidAmount('x', 'digits').name).toBe('InvalidAmount');
    expect(String(new ArcadiaError('some_code', 'a sentence'))).toBe('ArcadiaError: a sentence');
  });
});
