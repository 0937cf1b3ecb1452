import { describe, expect, it } from '@jest/globals';
import { checkFocus } from '../../scripts/checkFocusRules.ts';
import { exportLine, rowsOf } from './focusExport.ts';

describe('the rules of 1.4', () => {
  const { header, records } = rowsOf('1.4', [exportLine()]);
  const good = records[0] ?? [];
  const faults = (changes: Readonly<Record<string, string | null>>, columns = header) => {
    const check = checkFocus('1.4', columns);
    check.row(
      columns.map((name) =>
        name in changes ? (changes[name] ?? null) : (good[header.indexOf(name)] ?? null),
      ),
    );
    return check.finish();
  };

  it.each([
    [
      'a missing column',
      {},
      header.filter((name) => name !== 'HostProviderName'),
      /HostProviderName is present/,
    ],
    [
      'a column of another version',
      {},
      [...header, 'ProviderName'],
      /ProviderName is a column of this version/,
    ],
    ['a null', { ServiceName: null }, header, /ServiceName is not null/],
    ['a value that is not listed', { ChargeCategory: 'Refund' }, header, /ChargeCategory is one of/],
    [
      'a time without a zone',
      { ChargePeriodEnd: '2026-05-01 00:00:00' },
      header,
      /ChargePeriodEnd is a UTC time/,
    ],
    ['a number with a currency sign', { BilledCost: '$6.00' }, header, /BilledCost is a plain number/],
    [
      'usage without a quantity',
      { ConsumedQuantity: null, ConsumedUnit: null },
      header,
      /ConsumedQuantity is not null/,
    ],
    [
      'a tax with a SKU',
      { ChargeCategory: 'Tax', ConsumedQuantity: null, ConsumedUnit: null },
      header,
      /SkuId is null for a tax/,
    ],
    [
      'a subcategory of another category',
      { ServiceSubcategory: 'Bots' },
      header,
      /ServiceSubcategory is one of its/,
    ],
    [
      'a correction of this period',
      { ChargeClass: 'Correction' },
      header,
      /a correction is of a period before/,
    ],
    [
      'an effective cost of its own',
      { EffectiveCost: '5.00' },
      header,
      /EffectiveCost adds up to BilledCost/,
    ],
  ] as const)('name %s', (_what, changes, columns, says) => {
    expect(faults(changes, [...columns]).join('\n')).toMatch(says);
    expect(faults({})).toEqual([]);
  });

  it('let the parts of a split charge share its number on the invoice, and nothing else', () => {
    const columns = [...header, 'AllocatedMethodId'];
    const faultsOf = (...methods: readonly (string | null)[]) => {
      const check = checkFocus('1.4', columns);
      for (const method of methods) check.row([...good, method]);
      return check.finish().join('\n');
    };
    expect(faultsOf('by time', 'by time')).toBe('');
    for (const methods of [
      [null, null],
      ['by time', null],
      [null, 'by time'],
    ])
      expect(faultsOf(...methods)).toMatch(/InvoiceDetailId is unique/);
  });

  it('let a correction be of this period only where it takes back a part of an invoice', () => {
    const note = {
      ChargeCategory: 'Adjustment',
      ChargeClass: 'Correction',
      ConsumedQuantity: null,
      ConsumedUnit: null,
    };
    const costs = (cost: string) =>
      Object.fromEntries(
        ['BilledCost', 'EffectiveCost', 'ListCost', 'ContractedCost'].map((name) => [name, cost]),
      );
    expect(faults({ ...note, ...costs('-5.00') })).toEqual([]);
    expect(faults({ ...note, ...costs('5.00') }).join()).toMatch(/a correction is of a period before/);
    expect(
      faults({ ChargePeriodStart: '2026-02-01T00:00:00Z', ChargePeriodEnd: '2026-03-01T00:00:00Z' }),
    ).toEqual([
      expect.stringMatching(/what is charged for a period before the billing period is a correction/),
    ]);
  });
});
