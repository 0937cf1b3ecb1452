import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkFocus } from '../../scripts/checkFocusRules.ts';
import { allocatedRows, type LineOwner, type Unitemised } from '../../src/domain/focusAllocation.ts';
import { exportColumns, type FocusVersion, focusVersions } from '../../src/domain/focusColumns.ts';
import { type ExportLine, focusFields } from '../../src/domain/focusRow.ts';
import { Decimal } from '../../src/domain/money.ts';
import { droplet, exportLine } from './focusExport.ts';

type Row = Readonly<Record<string, string | null>>;

const owner = (named: Partial<LineOwner> = {}): LineOwner => ({
  bucket: 'attributed',
  reason: 'matched_by_id',
  tenantId: 'acme',
  deploymentId: 'deployment-1',
  deploymentName: 'Pilot',
  amount: '6.00',
  seconds: '2592000',
  ...named,
});

/** A line among its owners, as a file of a version has it. */
function written(version: FocusVersion, line: ExportLine, owners: readonly LineOwner[]) {
  const columns = exportColumns(version, Object.keys(line.extra), 'owners');
  const header = columns.map(({ name }) => name);
  const records = allocatedRows(columns).ofLine(line, owners);
  const toRow = (record: readonly (string | null)[]): Row =>
    Object.fromEntries(header.map((name, index) => [name, record[index] ?? null]));
  return { header, records, rows: records.map(toRow), whole: toRow(focusFields(line, columns)) };
}

/** The rules of a version that rows break. */
function faultsOf(version: FocusVersion, header: readonly string[], records: (string | null)[][]): string[] {
  const check = checkFocus(version, header);
  for (const record of records) check.row(record);
  return check.finish();
}

const columnOf = (rows: readonly Row[], name: string) => rows.map((row) => row[name]);
const totalOf = (rows: readonly Row[], name: string) =>
  rows.reduce((total, row) => total.plus(row[name] ?? 0), new Decimal(0)).toFixed();

describe('a line with one owner', () => {
  it.each(focusVersions)('is one row, which says whose it is (%s)', (version) => {
    const { rows, whole } = written(version, exportLine(), [owner()]);
    expect(rows).toEqual([
      {
        ...whole,
        x_TenantId: 'acme',
        x_DeploymentId: 'deployment-1',
        x_DeploymentName: 'Pilot',
        x_AllocationBucket: 'attributed',
        x_AllocationReason: 'matched_by_id',
        x_AllocationShare: '1.0',
        ...(version === '1.2' ? { x_InvoiceDetailId: '1' } : {}),
      },
    ]);
    expect(columnOf(rows, 'AllocatedMethodId')).toEqual([version === '1.4' ? null : undefined]);
  });

  it('has no tenant where it is nobody’s', () => {
    const nobody = { tenantId: null, deploymentId: null, deploymentName: null, seconds: null };
    const { rows } = written('1.2', exportLine(), [
      owner({ ...nobody, bucket: 'unattributed', reason: 'ambiguous' }),
    ]);
    expect(rows[0]).toMatchObject({
      x_TenantId: null,
      x_AllocationBucket: 'unattributed',
      x_AllocationReason: 'ambiguous',
    });
  });
});

describe('a line whose resource moved', () => {
  const owners = [
    owner({ amount: '2.00', seconds: '864000' }),
    owner({
      tenantId: 'globex',
      deploymentId: 'deployment-2',
      deploymentName: 'Web',
      amount: '3.40',
      seconds: '1468800',
    }),
    owner({
      tenantId: 'globex',
      deploymentId: null,
      deploymentName: null,
      amount: '0.40',
      seconds: '172800',
    }),
    owner({
      bucket: 'unattributed',
      reason: 'no_tenant',
      tenantId: null,
      deploymentId: null,
      deploymentName: null,
      amount: '0.20',
      seconds: '86400',
    }),
  ];

  it('is a row for each owner, with its share of cost and hours', () => {
    const { rows } = written('1.2', exportLine({ resource: droplet }), owners);
    expect(columnOf(rows, 'BilledCost')).toEqual(['2.00', '3.40', '0.40', '0.20']);
    expect(columnOf(rows, 'ListCost')).toEqual(['2.00', '3.40', '0.40', '0.20']);
    expect(columnOf(rows, 'ConsumedQuantity')).toEqual(['240.0', '408.0', '48.0', '24.0']);
    expect(columnOf(rows, 'x_AllocationShare')).toEqual([
      '0.333333333',
      '0.566666667',
      '0.066666667',
      '0.033333333',
    ]);
    expect(columnOf(rows, 'x_TenantId')).toEqual(['acme', 'globex', 'globex', null]);
    expect(new Set(columnOf(rows, 'x_InvoiceDetailId'))).toEqual(new Set(['1']));
  });

  it('says in the columns of 1.4 what each part is allocated to, and by which measure', () => {
    const { rows } = written('1.4', exportLine({ resource: droplet }), owners);
    expect(new Set(columnOf(rows, 'AllocatedMethodId'))).toEqual(new Set(['resource-seconds']));
    expect(columnOf(rows, 'AllocatedResourceId')).toEqual(['deployment-1', 'deployment-2', 'globex', null]);
    expect(columnOf(rows, 'AllocatedResourceName')).toEqual(['Pilot', 'Web', 'globex', null]);
    expect(columnOf(rows, 'AllocatedTags')).toEqual([null, null, null, null]);
    expect(JSON.parse(rows[1]?.['AllocatedMethodDetails'] ?? '')).toEqual({
      Elements: [{ AllocatedRatio: 0.566666667, UsageUnit: 'Seconds', UsageQuantity: 1468800 }],
    });
  });

  it('keeps what a provider said of its own split, but for ratios that no longer hold', () => {
    const line = exportLine({
      category: 'Usage',
      product: 'Compute',
      groupDescription: 'Compute',
      extra: {
        AllocatedMethodId: 'pods',
        AllocatedResourceId: 'pod-1',
        AllocatedMethodDetails: '{"Elements":[{"AllocatedRatio":0.5}]}',
      },
    });
    const { rows } = written('1.4', line, owners.slice(0, 2));
    expect(columnOf(rows, 'AllocatedMethodId')).toEqual(['pods', 'pods']);
    expect(columnOf(rows, 'AllocatedResourceId')).toEqual(['pod-1', 'pod-1']);
    expect(columnOf(rows, 'AllocatedMethodDetails')).toEqual([null, null]);
    expect(columnOf(rows, 'x_DeploymentId')).toEqual(['deployment-1', 'deployment-2']);
    const unsplit = written('1.4', line, [owner()]).rows[0];
    expect(unsplit?.['AllocatedMethodDetails']).toBe('{"Elements":[{"AllocatedRatio":0.5}]}');
  });
});

describe('the parts of a line', () => {
  const amount = fc
    .record({
      digits: fc.integer({ min: -1_000_000, max: 1_000_000 }),
      places: fc.integer({ min: 0, max: 6 }),
    })
    .map(({ digits, places }) => new Decimal(digits).dividedBy(10 ** places));
  const price = fc.integer({ min: 0, max: 100_000 }).map((digits) => new Decimal(digits).dividedBy(10_000));
  const quantity = fc
    .integer({ min: 1, max: 1_000_000_000 })
    .map((digits) => new Decimal(digits).dividedBy(1_000));
  /** A line as an invoice or a FOCUS file has it, with published prices and a commitment or without. */
  const line = fc.oneof(
    amount.map((billed) => exportLine({ billedCost: billed.toFixed(), resource: droplet })),
    fc
      .record({ billed: amount, price, quantity, effective: fc.option(amount), hasPrice: fc.boolean() })
      .map(({ billed, price: unit, quantity: priced, effective, hasPrice }) =>
        exportLine({
          billedCost: billed.toFixed(),
          category: 'Usage',
          product: 'Amazon EC2',
          groupDescription: 'Compute',
          extra: {
            InvoiceId: 'invoice-1',
            ServiceSubcategory: 'Virtual Machines',
            ConsumedQuantity: priced.toFixed(),
            ConsumedUnit: 'Hours',
            PricingQuantity: priced.toFixed(),
            PricingUnit: 'Hours',
            PricingCategory: effective === null ? 'Standard' : 'Committed',
            SkuId: 'sku',
            SkuPriceId: 'sku',
            ListCost: (hasPrice ? unit.times(priced) : billed).toFixed(),
            ...(hasPrice ? { ListUnitPrice: unit.toFixed() } : {}),
            ...(effective === null
              ? {}
              : {
                  EffectiveCost: effective.toFixed(),
                  CommitmentDiscountId: 'commitment',
                  CommitmentDiscountStatus: 'Used',
                  CommitmentDiscountQuantity: priced.toFixed(),
                }),
          },
        }),
      ),
  );
  const seconds = fc.array(fc.integer({ min: 1, max: 2_592_000_000_000 }), { minLength: 2, maxLength: 5 });

  /** Owners of the line by seconds; the last one takes what the others leave. */
  const ownersOf = ({ billedCost }: ExportLine, weights: readonly number[]): LineOwner[] => {
    const billed = new Decimal(billedCost);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const cut = weights.map((weight) => billed.times(weight).dividedBy(total).toDecimalPlaces(6));
    const others = cut.slice(0, -1).reduce((sum, part) => sum.plus(part), new Decimal(0));
    return cut.map((part, index) =>
      owner({
        deploymentId: `deployment-${index}`,
        amount: (index === cut.length - 1 ? billed.minus(others) : part).toFixed(),
        seconds: new Decimal(weights[index] ?? 0).dividedBy(1_000_000).toFixed(),
      }),
    );
  };

  const added = [
    'BilledCost',
    'EffectiveCost',
    'ListCost',
    'ContractedCost',
    'ConsumedQuantity',
    'PricingQuantity',
    'CommitmentDiscountQuantity',
  ];

  it.each(focusVersions)(
    'add up to it in every cost and quantity, and keep the rules that it keeps (%s)',
    (version) => {
      fc.assert(
        fc.property(line, seconds, (whole, weights) => {
          const { header, records, rows, whole: row } = written(version, whole, ownersOf(whole, weights));
          expect(rows).toHaveLength(weights.length);
          for (const name of added) {
            expect([name, totalOf(rows, name)]).toEqual([name, new Decimal(row[name] ?? 0).toFixed()]);
          }
          expect(totalOf(rows, 'x_AllocationShare')).toBe('1');
          // What does not add up is the same on each.
          const { BilledCost, Tags, ...told } = row;
          for (const name of [
            'ListUnitPrice',
            'ChargePeriodStart',
            'ChargePeriodEnd',
            'SkuId',
            'ResourceId',
          ]) {
            expect(columnOf(rows, name)).toEqual(rows.map(() => told[name]));
          }
          const alone = faultsOf(version, header, [
            focusFields(whole, exportColumns(version, Object.keys(whole.extra), 'owners')),
          ]);
          expect(faultsOf(version, header, records).filter((fault) => !alone.includes(fault))).toEqual([]);
        }),
        { numRuns: 300 },
      );
    },
  );
});

describe('what an invoice states beyond its lines', () => {
  const rest: Unitemised = {
    provider: 'digitalocean',
    invoiceUuid: '51b1cfdf-c111-5299-b335-61d3481261aa',
    period: '2026-04-01',
    currency: 'USD',
    bucket: 'unattributed',
    reason: 'held',
    amount: '-1.5',
  };
  const rowOf = (version: FocusVersion, named: Partial<Unitemised> = {}) => {
    const columns = exportColumns(version, [], 'owners');
    const header = columns.map(({ name }) => name);
    const record = allocatedRows(columns).ofUnitemised({ ...rest, ...named });
    return { header, record, row: Object.fromEntries(header.map((name, index) => [name, record[index]])) };
  };

  it.each(focusVersions)('is an adjustment of the invoice’s month, which nobody bears (%s)', (version) => {
    for (const reason of ['held', 'not_ingested', 'restated']) {
      const { header, record, row } = rowOf(version, { reason });
      expect(row).toMatchObject({
        BilledCost: '-1.50',
        ChargeCategory: 'Adjustment',
        ChargeClass: null,
        ChargePeriodStart: '2026-04-01T00:00:00Z',
        ChargePeriodEnd: '2026-05-01T00:00:00Z',
        InvoiceId: rest.invoiceUuid,
        x_TenantId: null,
        x_AllocationBucket: 'unattributed',
        x_AllocationReason: reason,
        x_AllocationShare: '1.0',
        ...(version === '1.2' ? { x_InvoiceDetailId: reason } : { InvoiceDetailId: reason }),
      });
      expect(faultsOf(version, header, [record])).toEqual([]);
    }
  });

  it('has no number where the invoice has none yet', () => {
    const { row } = rowOf('1.4', { invoiceUuid: 'account-1:2026-04' });
    expect([row['InvoiceId'], row['InvoiceDetailId']]).toEqual([null, null]);
  });
});

describe('columns that a file brought under our names', () => {
  const names = ['x_TENANTID', 'x_TenantId', 'TenantId', 'x_AllocationShare', 'x_Team'];
  const extra = Object.fromEntries(names.map((name) => [name, `theirs ${name}`]));

  it('stand beside ours, and as they were where no owner is named', () => {
    const { rows } = written('1.2', exportLine({ extra: { x_TenantId: 'theirs', x_Team: 'blue' } }), [
      owner(),
    ]);
    expect(rows[0]).toMatchObject({ x_TenantId: 'acme', x_IngestedTenantId: 'theirs', x_Team: 'blue' });
    const asBilled = exportColumns('1.2', ['x_TenantId', 'x_Team']);
    expect(asBilled.slice(-2).map(({ name }) => name)).toEqual(['x_Team', 'x_TenantId']);
  });

  it.each(focusVersions)('never take the place of one of ours, whatever their case (%s)', (version) => {
    const nobody = { tenantId: null, deploymentId: null, deploymentName: null };
    const { header, rows } = written(version, exportLine({ extra }), [owner(nobody)]);
    expect(rows[0]).toMatchObject({ x_TenantId: null, x_AllocationShare: '1.0' });
    const lower = header.map((name) => name.toLowerCase());
    expect(lower.filter((name) => name === 'x_tenantid')).toHaveLength(1);
    expect(new Set(header).size).toBe(header.length);
  });

  it('keep the oldest word where our own export was read in and is written again', () => {
    const names = exportColumns('1.2', ['x_TenantId', 'x_IngestedTenantId'], 'owners');
    const ingested = names.filter(({ name }) => name === 'x_IngestedTenantId');
    expect(ingested).toEqual([{ name: 'x_IngestedTenantId', type: 'text', customKey: 'x_IngestedTenantId' }]);
  });

  it('say the line of the invoice once: what 1.4 brought as InvoiceDetailId is ours in 1.2', () => {
    const line = exportLine({
      category: 'Usage',
      product: 'Compute',
      groupDescription: 'Compute',
      extra: { InvoiceId: 'invoice-1', InvoiceDetailId: 'line-7', x_InvoiceDetailId: 'other' },
    });
    expect(written('1.2', line, [owner()]).rows[0]).toMatchObject({
      x_InvoiceDetailId: 'line-7',
      x_IngestedInvoiceDetailId: 'other',
    });
  });
});
