import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkFocus } from '../../scripts/checkFocusRules.ts';
import { type FocusVersion, focusVersions } from '../../src/domain/focusColumns.ts';
import { type ExportLine, toFocusRow } from '../../src/domain/focusRow.ts';
import { Decimal, parseDecimal, sum } from '../../src/domain/money.ts';
import { droplet, exportLine, rowsOf } from './focusExport.ts';

function rowOf(line: ExportLine, version: FocusVersion = '1.2'): Record<string, string | null> {
  const { header, records } = rowsOf(version, [line]);
  return Object.fromEntries(header.map((name, index) => [name, records[0]?.[index] ?? null]));
}

function faultsOf(version: FocusVersion, lines: readonly ExportLine[]): string[] {
  const { header, records } = rowsOf(version, lines);
  const check = checkFocus(version, header);
  for (const record of records) check.row(record);
  return check.finish();
}

describe('a row of FOCUS', () => {
  it('says what a matched droplet cost, for what, where and whose', () => {
    expect(
      rowOf(exportLine({ resource: { ...droplet, tags: ['pilot', 'env:prod:eu', 'env:test'] } })),
    ).toEqual({
      BilledCost: '6.00',
      BillingAccountId: 'digitalocean',
      BillingAccountName: 'DigitalOcean',
      BillingCurrency: 'USD',
      BillingPeriodStart: '2026-04-01T00:00:00Z',
      BillingPeriodEnd: '2026-05-01T00:00:00Z',
      ChargeCategory: 'Usage',
      ChargeClass: null,
      ChargeDescription: 'web-1 (s-1vcpu-1gb)',
      ChargeFrequency: 'Usage-Based',
      ChargePeriodStart: '2026-04-01T00:00:00Z',
      ChargePeriodEnd: '2026-05-01T00:00:00Z',
      CommitmentDiscountStatus: null,
      ConsumedQuantity: '720.0',
      ConsumedUnit: 'Hours',
      ContractedCost: '6.00',
      EffectiveCost: '6.00',
      InvoiceId: '51b1cfdf-c111-5299-b335-61d3481261aa',
      InvoiceIssuerName: 'DigitalOcean',
      ListCost: '6.00',
      PricingCategory: 'Standard',
      PricingQuantity: '720.0',
      PricingUnit: 'Hours',
      ProviderName: 'DigitalOcean',
      PublisherName: 'DigitalOcean',
      RegionId: 'syd1',
      RegionName: 'Sydney 1',
      ResourceId: '412000100',
      ResourceName: 'web-1',
      ResourceType: 'Droplet',
      ServiceCategory: 'Compute',
      ServiceName: 'Droplets',
      ServiceSubcategory: 'Virtual Machines',
      SkuId: 'droplets/s-1vcpu-1gb',
      SkuMeter: 'Droplet Usage',
      SkuPriceDetails: null,
      SkuPriceId: 'droplets/s-1vcpu-1gb',
      SubAccountId: 'e34c9150-dbc8-589e-87e1-1522062d98c0',
      SubAccountName: 'Pilot',
      Tags: '{"pilot":true,"env":"prod:eu","env:test":true}',
    });
  });

  it('has in 1.4 the provider columns and the invoice detail of 1.4, and no longer those of 1.2', () => {
    const row = rowOf(exportLine({ lineNumber: 7 }), '1.4');
    expect(row).toMatchObject({
      HostProviderName: 'DigitalOcean',
      ServiceProviderName: 'DigitalOcean',
      InvoiceDetailId: '7',
    });
    expect(Object.keys(row)).not.toContain('ProviderName');
    expect(Object.keys(row)).not.toContain('PublisherName');
  });

  it.each([
    ['tax', { lineClass: 'tax' }, 'Tax', null],
    ['credit', { lineClass: 'credit', billedCost: '-1.50' }, 'Credit', null],
    ['an accepted difference', { lineClass: 'unexplained' }, 'Adjustment', null],
    ['cost that the account shares', { lineClass: 'shared' }, 'Usage', null],
    [
      'usage of the month before',
      { chargeEnd: new Date('2026-04-01T00:00:00Z') },
      'Adjustment',
      'Correction',
    ],
    [
      'a credit for the month before',
      { lineClass: 'credit', chargeEnd: new Date('2026-03-20T00:00:00Z') },
      'Credit',
      'Correction',
    ],
    ['usage that reaches into this month', { chargeEnd: new Date('2026-04-01T00:00:01Z') }, 'Usage', null],
  ] as const)('takes %s for what it is', (_what, named, category, chargeClass) => {
    const line = exportLine({ ...named, chargeStart: new Date('2026-03-01T00:00:00Z') });
    expect(rowOf(line)).toMatchObject({ ChargeCategory: category, ChargeClass: chargeClass });
    for (const version of focusVersions) expect(faultsOf(version, [line])).toEqual([]);
  });

  it('measures a line without hours by the time that it covers', () => {
    expect(rowOf(exportLine({ hours: null, chargeEnd: new Date('2026-04-01T01:20:00Z') }))).toMatchObject({
      ConsumedQuantity: '1.333333',
      PricingQuantity: '1.333333',
      PricingUnit: 'Hours',
    });
  });

  it('takes the id of the invoice for a resource that matched nothing, and no id where there is only a name', () => {
    expect(rowOf(exportLine())).toMatchObject({
      ResourceId: '412000100',
      ResourceName: 'web-1',
      RegionId: null,
    });
    expect(rowOf(exportLine({ providerResourceId: null }))).toMatchObject({
      ResourceId: null,
      ResourceName: null,
      ResourceType: null,
    });
  });

  it('keeps every digit of a cost', () => {
    const billedCost = '0.0000008012345678901234567';
    expect(rowOf(exportLine({ billedCost }))).toMatchObject({
      BilledCost: billedCost,
      EffectiveCost: billedCost,
    });
  });

  it('gives a product that nobody knows a service of its own, in the category Other', () => {
    expect(rowOf(exportLine({ product: 'Quantum Toaster', description: 'toast' }))).toMatchObject({
      ServiceName: 'Quantum Toaster',
      ServiceCategory: 'Other',
      ServiceSubcategory: 'Other (Other)',
      SkuId: 'quantum-toaster',
    });
  });
});

describe('a line that came from a FOCUS file', () => {
  const imported = exportLine({
    provider: 'aws',
    invoiceUuid: '1234567890123:2024-09',
    period: '2024-09-01',
    product: 'Amazon Simple Queue Service',
    groupDescription: 'Integration',
    description: '$0.40 per million requests',
    hours: null,
    chargeStart: new Date('2024-09-18T22:00:00Z'),
    chargeEnd: new Date('2024-09-18T23:00:00Z'),
    billedCost: '0.0000008',
    projectName: 'Atlas Nimbus',
    projectId: null,
    category: 'Usage',
    kind: null,
    resourceName: null,
    providerResourceId: 'arn:aws:sqs:1',
    extra: {
      BillingAccountId: '1234567890123',
      BillingAccountName: 'SunBird',
      BillingPeriodStart: '2024-09-01 00:00:00',
      BillingPeriodEnd: '2024-10-01 00:00:00',
      ChargeFrequency: 'Usage-Based',
      ConsumedQuantity: '2.000000000000000',
      ConsumedUnit: 'Requests',
      ContractedCost: '0.00000000000',
      EffectiveCost: '0.00000000000',
      InvoiceIssuerName: 'Amazon Web Services, Inc.',
      ListCost: '8.0E-7',
      ListUnitPrice: '0.0000004',
      ProviderName: 'AWS',
      PublisherName: 'Amazon Web Services, Inc.',
      SubAccountId: '51928738952',
      Tags: '{"application": "Matrix"}',
      Id: '11472',
      x_Owner: '=team',
    },
  });

  it('says what it said there, its own columns behind the others with x_', () => {
    const row = rowOf(imported);
    expect(row).toMatchObject({
      BilledCost: '0.0000008',
      BillingAccountId: '1234567890123',
      BillingPeriodStart: '2024-09-01T00:00:00Z',
      BillingPeriodEnd: '2024-10-01T00:00:00Z',
      ChargeCategory: 'Usage',
      ConsumedQuantity: '2.000000000000000',
      EffectiveCost: '0.00000000000',
      InvoiceId: null,
      InvoiceIssuerName: 'Amazon Web Services, Inc.',
      ListCost: '0.0000008',
      ListUnitPrice: '0.0000004',
      ProviderName: 'AWS',
      ResourceId: 'arn:aws:sqs:1',
      ServiceCategory: 'Integration',
      ServiceName: 'Amazon Simple Queue Service',
      ServiceSubcategory: 'Other (Integration)',
      SkuId: null,
      SubAccountId: '51928738952',
      SubAccountName: 'Atlas Nimbus',
      Tags: '{"application": "Matrix"}',
    });
    expect(Object.keys(row).slice(-2)).toEqual(['x_Id', 'x_Owner']);
    expect(row).toMatchObject({ x_Id: '11472', x_Owner: '=team' });
  });

  it('names the seller and the host in 1.4 by the publisher and the provider of an older file', () => {
    const row = rowOf(imported, '1.4');
    expect(row).toMatchObject({
      ServiceProviderName: 'Amazon Web Services, Inc.',
      HostProviderName: 'AWS',
      InvoiceDetailId: null,
    });
    expect(
      Object.keys(row)
        .filter((name) => /ProviderName|PublisherName/.test(name))
        .sort(),
    ).toEqual(['HostProviderName', 'ServiceProviderName']);
  });

  it('is believed for what was read and checked, not for what its text says', () => {
    const row = rowOf({ ...imported, extra: { ...imported.extra, BilledCost: '99', ListUnitPrice: '=1+1' } });
    expect(row).toMatchObject({ BilledCost: '0.0000008', ListUnitPrice: null });
  });

  it('shows a column of another version of the specification as a custom one', () => {
    const line = { ...imported, extra: { ...imported.extra, AllocatedMethodId: 'even' } };
    expect(rowOf(line, '1.2')).toMatchObject({ x_AllocatedMethodId: 'even' });
    expect(rowOf(line, '1.4')).toMatchObject({ AllocatedMethodId: 'even' });
  });
});

const word = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
  .filter((text) => text.trim() !== '' && text !== 'NULL');
const product = fc.oneof(
  fc.constantFrom(
    'Droplets',
    'Spaces',
    'Volumes',
    'Backups',
    'Load Balancers',
    'GST',
    'Credits',
    'Apps',
    'Support',
  ),
  word,
);
const instant = fc
  .integer({ min: Date.parse('2026-02-01'), max: Date.parse('2026-05-01') - 7_200_000 })
  .map((milliseconds) => new Date(milliseconds - (milliseconds % 1000)));

const anyLine: fc.Arbitrary<ExportLine> = fc
  .record({
    lineNumber: fc.integer({ min: 1, max: 1_000_000 }),
    product,
    description: fc.oneof(
      word,
      word.map((name) => `${name} (s-1vcpu-1gb)`),
      fc.constant(''),
    ),
    hours: fc.option(
      fc.integer({ min: 0, max: 74_400 }).map((tenths) => new Decimal(tenths).dividedBy(10).toFixed()),
    ),
    chargeStart: instant,
    minutes: fc.integer({ min: 1, max: 44_640 }),
    billedCost: fc
      .record({
        units: fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }),
        places: fc.integer({ min: 0, max: 12 }),
      })
      .map(({ units, places }) =>
        new Decimal(units.toString()).times(new Decimal(10).pow(-places)).toFixed(),
      ),
    projectName: fc.option(word),
    projectId: fc.option(fc.uuid()),
    lineClass: fc.constantFrom('resource', 'shared', 'tax', 'credit', 'unexplained'),
    kind: fc.option(fc.constantFrom('droplet', 'volume', 'spaces_bucket')),
    resourceName: fc.option(word),
    providerResourceId: fc.option(word),
    resource: fc.option(
      fc.record({
        externalId: word,
        kind: fc.constantFrom('droplet', 'reserved_ip', 'kubernetes_cluster'),
        name: word,
        region: fc.option(fc.constantFrom('syd1', 'nyc3', 'mars1')),
        tags: fc.array(
          fc.oneof(
            word,
            fc.tuple(word, word).map((pair) => pair.join(':')),
            fc.constant('__proto__'),
          ),
        ),
      }),
    ),
  })
  .map(({ minutes, projectId, ...line }) => ({
    ...exportLine(line),
    projectId: line.projectName === null ? null : projectId,
    chargeEnd: new Date(line.chargeStart.getTime() + minutes * 60_000),
  }));

describe('whatever an invoice holds', () => {
  const invoices = fc.uniqueArray(anyLine, {
    minLength: 1,
    maxLength: 20,
    selector: (line) => line.lineNumber,
  });

  it.each(focusVersions)('its rows break no rule of %s, and their sum is its sum', (version) => {
    fc.assert(
      fc.property(invoices, (lines) => {
        expect(faultsOf(version, lines)).toEqual([]);
        const total = sum(lines.map((line) => parseDecimal(toFocusRow(line)['BilledCost'] ?? '')));
        expect(total.toFixed()).toBe(sum(lines.map((line) => parseDecimal(line.billedCost))).toFixed());
      }),
    );
  });
});
