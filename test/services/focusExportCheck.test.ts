import { describe, expect, it } from '@jest/globals';
import { readValidatorOutput } from '../../scripts/checkFocusValidator.ts';

const model = {
  ModelRules: {
    'InvoiceId-C-003-C': {
      ValidationCriteria: {
        Requirement: {
          CheckFunction: 'OR',
          Items: [
            { CheckFunction: 'CheckModelRule', ModelRuleId: 'InvoiceId-C-004-C' },
            { CheckFunction: 'CheckModelRule', ModelRuleId: 'InvoiceId-C-005-C' },
          ],
        },
      },
    },
    'InvoiceId-C-004-C': { ValidationCriteria: { Requirement: { CheckFunction: 'CheckValue' } } },
    'InvoiceId-C-005-C': { ValidationCriteria: { Requirement: { CheckFunction: 'CheckNotValue' } } },
  },
};

const output = (...rules: readonly (readonly [rule: string, status: string])[]) => {
  const count = (status: string) => rules.filter((rule) => rule[1] === status).length;
  const icons: Readonly<Record<string, string>> = { PASS: '✅', FAIL: '❌', SKIPPED: '[SKIP]' };
  return [
    '',
    '=== Validation Results ===',
    `Total: ${rules.length} | Pass: ${count('PASS')} | Fail: ${count('FAIL')} | Skipped: ${count('SKIPPED')}`,
    ...rules.map(([rule, status]) => `${icons[status]} ${rule}: ${status}  (violations=1, 0.8ms)`),
    '',
  ].join('\n');
};

describe("the official validator's output", () => {
  it('is read by its text: what failed is a failure, whatever the exit status', () => {
    const text = output(
      ['Tags-C-001-M', 'FAIL'],
      ['BilledCost-C-001-M', 'PASS'],
      ['SkuId-C-000-C', 'SKIPPED'],
    );
    expect(readValidatorOutput(text, model)).toEqual({
      passed: 1,
      skipped: 1,
      failed: ['Tags-C-001-M  (violations=1, 0.8ms)'],
      otherBranches: [],
    });
  });

  it('counts no branch of an OR that holds as a failure', () => {
    const text = output(
      ['InvoiceId-C-003-C', 'PASS'],
      ['InvoiceId-C-004-C', 'FAIL'],
      ['InvoiceId-C-005-C', 'PASS'],
    );
    expect(readValidatorOutput(text, model)).toMatchObject({
      passed: 2,
      failed: [],
      otherBranches: ['InvoiceId-C-004-C'],
    });
  });

  it('counts both branches of an OR that does not hold', () => {
    const text = output(
      ['InvoiceId-C-003-C', 'FAIL'],
      ['InvoiceId-C-004-C', 'FAIL'],
      ['InvoiceId-C-005-C', 'FAIL'],
    );
    expect(readValidatorOutput(text, model).failed).toHaveLength(3);
  });

  it.each([
    ['that has no result', 'Traceback (most recent call last)'],
    ['whose parts do not agree', `${output(['Tags-C-001-M', 'PASS'])}✅ SkuId-C-001-M: PASS\n`],
  ])('%s is an error', (_what, text) => {
    expect(() => readValidatorOutput(text, model)).toThrow(/validator/);
  });
});
