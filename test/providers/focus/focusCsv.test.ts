import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { focusColumns, focusVersions, isIn } from '../../../src/domain/focus/columns.ts';
import { columnsOf, fileOf, type Row, rowOf } from './generatedFile.ts';
import { faultsOf, readFile } from './readFile.ts';

const sample = readFileSync(new URL('../../../dev/golden/focus/focus_sample_1.0.csv', import.meta.url));

async function onlyCharge(row: Row) {
  const { invoices } = await readFile(fileOf([row]));
  const [charge] = [...invoices.values()].flatMap((invoice) => invoice.charges);
  if (charge === undefined) throw new Error('the file has no charge');
  return charge;
}

describe('readFocusCsv', () => {
  it('reads the real sample to the last decimal, by provider and period', async () => {
    const { dataset, version, invoices } = await readFile(sample);
    expect({ dataset, version }).toEqual({ dataset: 'cost_and_usage', version: '1.0' });
    expect(
      [...invoices].map(([key, invoice]) => [
        key,
        invoice.period,
        invoice.charges.length,
        invoice.total.toFixed(11),
      ]),
    ).toEqual(
      [
        ['aws 1234567890123:2024-09', '2024-09-01', 942, '18.00663861840'],
        ['oracle 20209880:2024-09', '2024-09-01', 6, '0.29707392473'],
        ['oracle 20209880:2024-10', '2024-10-01', 1, '0.24000000000'],
        [
          'microsoft /providers/Microsoft.Billing/billingAccounts/8611537:2024-09',
          '2024-09-01',
          51,
          '1.97651418586',
        ],
      ].toSorted((one, other) => order(one) - order(other)),
    );
    function order([key]: readonly unknown[]): number {
      return [...invoices.keys()].indexOf(String(key));
    }
  });

  it('notes what the real sample does and the specification does not say', async () => {
    const { notes } = await readFile(sample);
    expect(notes).toContainEqual({ code: 'unknown_column', column: 'Id', rows: 1 });
    expect(notes).toContainEqual({ code: 'null_in_mandatory_column', column: 'ContractedCost', rows: 7 });
    expect(notes).toContainEqual({ code: 'value_in_other_case', column: 'ChargeFrequency', rows: 7 });
    expect(notes).toContainEqual({ code: 'time_without_zone', column: 'ChargePeriodStart', rows: 1000 });
    expect(notes.find((note) => note.code === 'null_as_text')?.rows).toBeGreaterThan(1000);
  });

  it.each(focusVersions)('knows version %s by its columns', async (version) => {
    expect(await readFile(fileOf([rowOf(version)]))).toMatchObject({ version });
  });

  it.each(focusVersions)('takes a file of %s that has its mandatory columns alone', async (version) => {
    const names = focusColumns.cost_and_usage
      .filter((column) => column.isMandatory && isIn(column, version))
      .map((column) => column.name);
    const { invoices, notes } = await readFile(fileOf([rowOf(version)], names), { version });
    expect([...invoices.keys()]).toEqual(['example-cloud-ltd account-1:2026-04']);
    expect(notes).toEqual([]);
  });

  it('turns a row into a cost line, and keeps every other column that has a value', async () => {
    const { line, resourceId } = await onlyCharge({
      ...rowOf('1.2', {
        ChargeDescription: 'an hour',
        SubAccountName: 'Project A',
        SubAccountId: 'p-1',
        RegionId: null,
      }),
      x_Custom: 'ours',
    });
    expect(resourceId).toBe('vm-1');
    expect(line).toMatchObject({
      lineNumber: 1,
      product: 'Virtual Machines',
      groupDescription: 'Compute',
      description: 'an hour',
      hours: null,
      chargeStart: new Date('2026-04-02T00:00:00Z'),
      chargeEnd: new Date('2026-04-03T00:00:00Z'),
      currency: 'USD',
      projectName: 'Project A',
      category: 'Usage',
      lineClass: 'resource',
      kind: null,
      resourceName: 'ResourceName of a row',
    });
    expect(line.billedCost.toFixed()).toBe('1.25');
    expect(line.extra).toMatchObject({
      SubAccountId: 'p-1',
      Tags: '{"environment":"production"}',
      InvoiceId: 'INV-1',
      x_Custom: 'ours',
    });
    expect(line.extra).not.toHaveProperty('RegionId');
    expect(line.extra).not.toHaveProperty('BilledCost');
  });

  it.each([
    { category: 'Tax', resourceId: 'vm-1', lineClass: 'tax' },
    { category: 'Credit', resourceId: 'vm-1', lineClass: 'credit' },
    { category: 'Usage', resourceId: 'vm-1', lineClass: 'resource' },
    { category: 'Usage', resourceId: null, lineClass: 'shared' },
    { category: 'Purchase', resourceId: 'vm-1', lineClass: 'resource' },
    { category: 'Adjustment', resourceId: null, lineClass: 'shared' },
  ])(
    'takes $category with the resource $resourceId as $lineClass',
    async ({ category, resourceId, lineClass }) => {
      const charge = await onlyCharge(rowOf('1.2', { ChargeCategory: category, ResourceId: resourceId }));
      expect(charge.line).toMatchObject({ lineClass, category });
    },
  );

  it('keeps a correction of an earlier month on the invoice of this one', async () => {
    const correction = {
      ChargeClass: 'Correction',
      BilledCost: '-3.5',
      ChargePeriodStart: '2026-03-02T00:00:00Z',
      ChargePeriodEnd: '2026-03-03T00:00:00Z',
    };
    const { invoices } = await readFile(fileOf([rowOf('1.2'), rowOf('1.2', correction)]));
    const invoice = invoices.get('example-cloud-ltd INV-1');
    expect(invoice?.period).toBe('2026-04-01');
    expect(invoice?.total.toFixed()).toBe('-2.25');
    expect(invoice?.charges[1]?.line).toMatchObject({
      chargeStart: new Date('2026-03-02T00:00:00Z'),
      extra: { ChargeClass: 'Correction' },
    });
  });

  it.each([
    { text: '0.00000000000000000001', exact: '0.00000000000000000001' },
    { text: '-12345678901234.12345678901234567890', exact: '-12345678901234.1234567890123456789' },
    { text: '35.2E-7', exact: '0.00000352' },
    { text: '8e-05', exact: '0.00008' },
    { text: '1E3', exact: '1000' },
    { text: '.5', exact: '0.5' },
  ])('reads the cost $text exactly', async ({ text, exact }) => {
    expect((await onlyCharge(rowOf('1.0', { BilledCost: text }))).line.billedCost.toFixed()).toBe(exact);
  });

  it.each([
    '2026-04-02T00:00:00Z',
    '2026-04-02 00:00:00',
    '2026-04-02T00:00Z',
    '2026-04-02 00:00:00 UTC',
    '2026-04-02T00:00:00.000Z',
    '2026-04-02T00:00:00+00:00',
    '2026-04-02',
  ])('reads %s as that moment in UTC', async (text) => {
    expect((await onlyCharge(rowOf('1.0', { ChargePeriodStart: text }))).line.chargeStart).toEqual(
      new Date('2026-04-02T00:00:00Z'),
    );
  });

  it.each([
    { column: 'BilledCost', value: '1,000.00' },
    { column: 'BilledCost', value: '+1' },
    { column: 'BilledCost', value: '35.2E+7' },
    { column: 'BilledCost', value: '$5' },
    { column: 'BilledCost', value: '0.000000000000000000001' },
    { column: 'BilledCost', value: '100000000000000' },
    { column: 'BilledCost', value: null },
    { column: 'ListCost', value: '1/2' },
    { column: 'BillingCurrency', value: 'usd' },
    { column: 'BillingCurrency', value: 'credits' },
    { column: 'BillingAccountId', value: 'NULL' },
    { column: 'ChargeCategory', value: 'Refund' },
    { column: 'ChargeClass', value: 'Refund' },
    { column: 'PricingCategory', value: 'On-Demand' },
    { column: 'ChargePeriodStart', value: '2026-02-30T00:00:00Z' },
    { column: 'ChargePeriodStart', value: '2026-04-02T25:00:00Z' },
    { column: 'ChargePeriodStart', value: '2026-04-02T00:00:00+02:00' },
    { column: 'ChargePeriodStart', value: '02/04/2026' },
    { column: 'ChargePeriodEnd', value: '2026-04-02T00:00:00Z' },
    { column: 'BillingPeriodEnd', value: '2026-04-01T00:00:00Z' },
    { column: 'Tags', value: '["a"]' },
    { column: 'Tags', value: 'a=b' },
  ])('refuses $value in $column, and names row and column', async ({ column, value }) => {
    const faults = await faultsOf(fileOf([rowOf('1.2'), rowOf('1.2', { [column]: value })]));
    expect(faults).toEqual([
      { row: 3, column, value: value === 'NULL' ? null : value, allowed: expect.stringMatching(/\w/) },
    ]);
  });

  it('refuses an invoice of two currencies, and one of two months', async () => {
    const euros = rowOf('1.2', { BillingCurrency: 'EUR' });
    expect(await faultsOf(fileOf([rowOf('1.2'), euros]))).toMatchObject([
      {
        row: 3,
        column: 'BillingCurrency',
        value: 'EUR',
        allowed: expect.stringContaining('USD, as in row 2'),
      },
    ]);
    const earlier = { BillingPeriodStart: '2026-03-01T00:00:00Z', BillingPeriodEnd: '2026-04-01T00:00:00Z' };
    expect(await faultsOf(fileOf([rowOf('1.2'), rowOf('1.2', earlier)]))).toMatchObject([
      { row: 3, column: 'BillingPeriodStart', value: '2026-03-01T00:00:00Z' },
    ]);
  });

  it.each(focusVersions)(
    'refuses a file of %s without a mandatory column, and names each',
    async (version) => {
      const names = columnsOf(version).filter((name) => name !== 'BilledCost' && name !== 'ChargeClass');
      expect(await faultsOf(fileOf([rowOf(version)], names), { version })).toEqual([
        { row: 1, column: 'BilledCost', value: null, allowed: expect.stringContaining(version) },
        { row: 1, column: 'ChargeClass', value: null, allowed: expect.stringContaining(version) },
      ]);
    },
  );

  it('refuses a file of 1.3 that is declared as 1.2, since it lacks nothing but its provider columns', async () => {
    const names = columnsOf('1.4');
    expect(await faultsOf(fileOf([rowOf('1.4')], names), { version: '1.2' })).toMatchObject([
      { column: 'ProviderName' },
      { column: 'PublisherName' },
    ]);
  });

  it.each([
    { what: 'an empty file', content: '', row: 1 },
    { what: 'a header alone', content: fileOf([], columnsOf('1.0')).toString(), row: 2 },
    { what: 'a page of HTML', content: '<html><body>Sign in</body></html>\n', row: 1 },
    { what: 'a row that is too short', content: `${fileOf([rowOf('1.0')])}a,b\n`, row: 3 },
    { what: 'a quote that stays open', content: `${fileOf([rowOf('1.0')])}"a,b\n`, row: 3 },
  ])('refuses $what', async ({ content, row }) => {
    const [first] = await faultsOf(Buffer.from(content));
    expect(first).toMatchObject({ row });
  });

  it('refuses what is not UTF-8, from about the row on', async () => {
    const latin1 = Buffer.concat([fileOf([rowOf('1.0')]), Buffer.from([0xe9, 0x0a])]);
    expect(await faultsOf(latin1)).toMatchObject([
      { column: null, allowed: expect.stringContaining('UTF-8') },
    ]);
    expect(await faultsOf(Buffer.concat([fileOf([rowOf('1.0')]), Buffer.from([0])]))).toHaveLength(1);
  });

  it('names fifty faults and no more', async () => {
    const rows = Array.from({ length: 200 }, () => rowOf('1.0', { BilledCost: 'much' }));
    const faults = await faultsOf(fileOf(rows));
    expect(faults).toHaveLength(50);
    expect(faults.at(-1)).toMatchObject({ row: 51, column: 'BilledCost', value: 'much' });
  });

  it('passes over the header of each further part that was put behind the first', async () => {
    const part = fileOf([rowOf('1.2')]);
    const { invoices, notes } = await readFile(Buffer.concat([part, part]));
    expect(invoices.get('example-cloud-ltd INV-1')?.total.toFixed()).toBe('2.5');
    expect(notes).toContainEqual({ code: 'repeated_header', column: null, rows: 1 });
  });

  it('gives out the same charges whatever the order of columns, the quoting and the line ends', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r\n', 'é', ' ', 'NULL ') }),
    );
    const value = text
      .map((it) => it.replaceAll('\0', '') || 'x')
      .filter((it) => it !== 'NULL' && it.isWellFormed());
    const cents = fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n });
    const row = fc.record({
      ServiceName: value,
      ChargeDescription: fc.option(value),
      ResourceName: fc.option(value),
      x_Custom: fc.option(value),
      BilledCost: cents.map(
        (amount) =>
          `${amount < 0n ? '-' : ''}${String(amount < 0n ? -amount : amount)
            .padStart(13, '0')
            .replace(/(\d{12})$/, '.$1')}`,
      ),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 6 }),
        fc.shuffledSubarray([...columnsOf('1.2'), 'x_Custom'], { minLength: columnsOf('1.2').length + 1 }),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        fc.integer({ min: 1, max: 500 }),
        async (changes, columns, quoted, bom, crlf, pieceSize) => {
          const rows = changes.map((change) => rowOf('1.2', change));
          const content = fileOf(rows, columns, { quoted, bom, record_delimiter: crlf ? '\r\n' : '\n' });
          const { invoices } = await readFile(content, {}, pieceSize);
          const charges = invoices.get('example-cloud-ltd INV-1')?.charges ?? [];
          expect(
            charges.map(({ line }) => ({
              ServiceName: line.product,
              ChargeDescription: line.description === '' ? null : line.description,
              ResourceName: line.resourceName,
              x_Custom: line.extra['x_Custom'] ?? null,
            })),
          ).toEqual(changes.map(({ BilledCost: _cost, ...rest }) => rest));
          const expected = changes
            .map((change) => BigInt(change.BilledCost.replace('.', '')))
            .reduce((sum, cost) => sum + cost, 0n);
          expect(BigInt(invoices.get('example-cloud-ltd INV-1')?.total.times('1e12').toFixed() ?? '')).toBe(
            expected,
          );
        },
      ),
      { numRuns: 100 },
    );
  });
});
