import { describe, expect, it } from '@jest/globals';
import type { Caller } from '../../src/api/requestState.ts';
import { createTokenMemory } from '../../src/api/tokenMemory.ts';

const caller: Caller = { role: 'gateway', tenantId: '', subject: 'somebody' };
const now = Date.parse('2026-04-01T00:00:00Z');
const hour = 3_600_000;

describe('what is remembered of a token', () => {
  it('is who brought exactly that header, and nobody for any other', () => {
    const memory = createTokenMemory();
    memory.remember('Bearer abc', caller, now + hour, now);
    expect(memory.recall('Bearer abc', now)).toBe(caller);
    for (const other of [
      '',
      'Bearer',
      'Bearer ab',
      'Bearer abcd',
      'bearer abc',
      ' Bearer abc',
      'Bearer abc ',
    ]) {
      expect(memory.recall(other, now)).toBeUndefined();
    }
  });

  it('ends when the token expires', () => {
    const memory = createTokenMemory();
    memory.remember('Bearer abc', caller, now + 2_000, now);
    expect(memory.recall('Bearer abc', now + 1_999)).toBe(caller);
    expect(memory.recall('Bearer abc', now + 2_000)).toBeUndefined();
  });

  it('ends after a minute: the token is verified again', () => {
    const memory = createTokenMemory();
    memory.remember('Bearer abc', caller, now + hour, now);
    expect(memory.recall('Bearer abc', now + 59_999)).toBe(caller);
    expect(memory.recall('Bearer abc', now + 60_000)).toBeUndefined();
    memory.remember('Bearer abc', caller, now + hour, now + 60_000);
    expect(memory.recall('Bearer abc', now + 60_001)).toBe(caller);
  });

  it('is at most a thousand tokens: the oldest goes first', () => {
    const memory = createTokenMemory();
    for (let index = 0; index < 1_001; index += 1)
      memory.remember(`Bearer ${index}`, caller, now + hour, now);
    expect(memory.recall('Bearer 0', now)).toBeUndefined();
    expect(memory.recall('Bearer 1', now)).toBe(caller);
    expect(memory.recall('Bearer 1000', now)).toBe(caller);
  });
});
