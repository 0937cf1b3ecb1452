import { describe, expect, it } from '@jest/globals';
import { gatewayAdds, readOnceAStatement } from '../../src/entities/policies.ts';

describe('policies that read the session once a statement', () => {
  it('say the same, with each variable in a subquery of its own', () => {
    const once = readOnceAStatement(gatewayAdds);
    const unwrapped = once.map(({ using, check, ...policy }) => ({
      ...policy,
      ...(using === undefined ? {} : { using: unwrap(using) }),
      ...(check === undefined ? {} : { check: unwrap(check) }),
    }));
    expect(unwrapped).toEqual(gatewayAdds);
    expect(JSON.stringify(once)).not.toMatch(/(?<!\(select )current_setting/);
  });
});

const unwrap = (condition: unknown) =>
  String(condition).replaceAll(/\(select (current_setting\([^)]*\))\)/g, '$1');
