import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { checkFocus } from '../../scripts/checkFocusRules.ts';
import { type FocusVersion, focusVersions } from '../../src/domain/focusColumns.ts';
import { Decimal } from '../../src/domain/money.ts';
import { startOrm } from '../../src/orm.ts';
import { type ExportFocus, exportFocus } from '../../src/services/exportFocus.ts';
import { closureOf } from '../../src/services/margin/closure.ts';
import { costsByOwner } from '../../src/services/margin/costsByOwner.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { writeDeployment } from './invoiceWorld.ts';
import { type Bill, type Charge, discover, ingest, resource, sync, type World } from './world.ts';

const period = '2026-04-01';
let database: TestDatabase;
let orm: MikroORM;
let world: World;
beforeAll(async () => {
  database = await createTestDatabase();
  orm = await startOrm({ url: database.appUrl, poolSize: 5 });
  world = {
    pool: await orm.em.getConnection().getNativeClient(),
    em: () => forSession(orm, systemSession),
    close: async () => {},
  };
});
afterAll(async () => {
  await orm?.close(true);
  await database?.drop();
});

const run = (sql: string, parameters: readonly unknown[] = []) => world.em().execute(sql, [...parameters]);
const at = (hour: number) => new Date(Date.parse(`${period}T00:00:00Z`) + hour * 3_600_000).toISOString();
const newProvider = () => `provider ${randomUUID()}`;

type Row = Readonly<Record<string, string>>;

const request = (provider: string, named: Partial<ExportFocus> = {}): ExportFocus => ({
  period,
  version: '1.4',
  format: 'csv',
  provider,
  actor: systemSession,
  now: new Date('2026-05-03T00:00:00Z'),
  ...named,
});

async function exported(provider: string, named: Partial<ExportFocus> = {}): Promise<Row[]> {
  const csv = await text((await exportFocus(orm, request(provider, named))).content);
  expect(faultsOf(named.version ?? '1.4', csv)).toEqual([]);
  return parse<Row>(csv, { columns: true });
}

/** The rules of a version that a file breaks. */
function faultsOf(version: FocusVersion, csv: string): string[] {
  const [header = [], ...records] = parse(csv) as string[][];
  const check = checkFocus(version, header);
  for (const record of records) check.row(record.map((cell) => (cell === '' ? null : cell)));
  return check.finish();
}

const totalOf = (rows: readonly Row[]) =>
  rows.reduce((total, row) => total.plus(row['BilledCost'] ?? 0), new Decimal(0)).toFixed();
/** The sums of rows by some of their columns. */
function totalsBy(rows: readonly Row[], ...names: readonly string[]): Record<string, string> {
  const groups = Map.groupBy(rows, (row) => names.map((name) => row[name] ?? '').join(' '));
  return Object.fromEntries([...groups].map(([key, members]) => [key, totalOf(members)]));
}

const bill = (provider: string, charges: readonly Charge[], named: Partial<Bill> = {}): Bill => ({
  provider,
  invoiceUuid: randomUUID(),
  period,
  charges,
  ...named,
});

/** Lets a resource belong to deployments by hours of the period. */
async function belong(
  provider: string,
  externalId: string,
  stays: readonly { readonly deploymentId: string; readonly from: number; readonly until: number | null }[],
): Promise<void> {
  for (const { deploymentId, from, until } of stays) {
    await run(
      `insert into cloud_resource_memberships (resource_id, deployment_id, starts_at, ends_at)
       select id, ?, ?, ? from cloud_resources where provider = ? and external_id = ?`,
      [deploymentId, at(from), until === null ? null : at(until), provider, externalId],
    );
  }
}

async function giveToProject(provider: string, externalId: string, tenantId: string): Promise<void> {
  const project = randomUUID();
  await run(
    `insert into cloud_projects (id, provider, external_id, name, is_default, tenant_id, first_seen_at, last_seen_at)
     values (?, ?, ?, 'project', false, ?, now(), now())`,
    [project, provider, project, tenantId],
  );
  await run(
    'update cloud_resources set project_id = ?, tenant_id = ? where provider = ? and external_id = ?',
    [project, tenantId, provider, externalId],
  );
}

describe('a line whose resource moved twice and came back', () => {
  it('is a row for each of its owners, of one moment, which add up to it in cost and hours', async () => {
    const provider = newProvider();
    const [first, second] = [
      await writeDeployment(world.em(), 'first'),
      await writeDeployment(world.em(), 'second'),
    ];
    await sync(world, { provider, at: at(0), resources: [resource({ externalId: '1', name: 'one' })] });
    await giveToProject(provider, '1', 'owner');
    await belong(provider, '1', [
      { deploymentId: first, from: 0, until: 100 },
      { deploymentId: second, from: 100, until: 340 },
      { deploymentId: first, from: 340, until: 480 },
    ]);
    await ingest(world, bill(provider, [{ name: 'one', id: '1', amount: '10.00' }]));

    const rows = await exported(provider);

    expect(
      rows.map((row) => [
        row['x_TenantId'],
        row['x_DeploymentId'],
        row['BilledCost'],
        row['ConsumedQuantity'],
        row['x_AllocationShare'],
        row['AllocatedResourceId'],
        row['InvoiceDetailId'],
      ]),
    ).toEqual([
      ['first', first, '3.34', '240.0', '0.333333334', first, '1'],
      ['second', second, '3.33', '240.0', '0.333333333', second, '1'],
      ['owner', '', '3.33', '240.0', '0.333333333', 'owner', '1'],
    ]);
    expect(new Set(rows.map((row) => row['x_AllocationReason']))).toEqual(new Set(['matched_by_id']));
    expect(rows.map((row) => row['x_DeploymentName'])).toEqual([
      expect.stringMatching(/./),
      expect.stringMatching(/./),
      '',
    ]);
  });

  it('is one row as the provider billed it', async () => {
    const provider = newProvider();
    const deployment = await writeDeployment(world.em(), 'renter');
    await sync(world, { provider, at: at(0), resources: [resource({ externalId: '1', name: 'one' })] });
    await belong(provider, '1', [{ deploymentId: deployment, from: 100, until: 200 }]);
    await ingest(world, bill(provider, [{ name: 'one', id: '1', amount: '10.00' }]));

    const rows = await exported(provider, { allocation: 'none' });

    expect(rows.map((row) => row['BilledCost'])).toEqual(['10.00']);
    expect(Object.keys(rows[0] ?? {}).filter((name) => /^x_|^Allocated/.test(name))).toEqual([]);
    expect(await exported(provider)).toHaveLength(2);
  });
});

describe('an invoice that states more or less than its lines', () => {
  it.each(focusVersions)(
    'has the rest as an adjustment, so that its rows add up to it (%s)',
    async (version) => {
      const provider = newProvider();
      const held = bill(provider, [{ name: 'one', amount: '7.00' }]);
      const unread = bill(provider, [], { amount: '11.25' });
      const restated = bill(provider, [{ name: 'one', amount: '5.00' }]);
      await ingest(world, held);
      await run(`update cloud_invoices set ingest_status = 'held' where invoice_uuid = ?`, [
        held.invoiceUuid,
      ]);
      await discover(world, unread);
      await ingest(world, restated);
      await discover(world, { ...restated, amount: '4.50' });

      const rows = await exported(provider, { version });

      expect(totalsBy(rows, 'InvoiceId', 'ChargeCategory', 'x_AllocationReason')).toEqual({
        [`${held.invoiceUuid} Adjustment held`]: '7',
        [`${unread.invoiceUuid} Adjustment not_ingested`]: '11.25',
        [`${restated.invoiceUuid} Usage unmatched`]: '5',
        [`${restated.invoiceUuid} Adjustment restated`]: '-0.5',
      });
      // As the provider billed them, they are the lines that were read.
      expect(totalsBy(await exported(provider, { version, allocation: 'none' }), 'InvoiceId')).toEqual({
        [held.invoiceUuid]: '7',
        [restated.invoiceUuid]: '5',
      });
    },
  );

  it('is exported as it stood when the export began, whatever comes in during the download', async () => {
    const provider = newProvider();
    const charges = Array.from({ length: 2_500 }, () => ({ name: 'one', amount: '0.01' }));
    const one = bill(provider, charges);
    const other = bill(provider, [{ name: 'two', amount: '3.00' }]);
    await ingest(world, one);
    await ingest(world, other);

    const { content, lines } = await exportFocus(orm, request(provider));
    await ingest(world, { ...one, charges: charges.slice(0, 10) });
    await run(`update cloud_invoices set ingest_status = 'held', amount = 4 where invoice_uuid = ?`, [
      other.invoiceUuid,
    ]);
    const rows = parse<Row>(await text(content), { columns: true });

    expect([lines, rows.length]).toEqual([2_501, 2_501]);
    expect(totalsBy(rows, 'InvoiceId')).toEqual({ [one.invoiceUuid]: '25', [other.invoiceUuid]: '3' });
    expect(totalsBy(await exported(provider), 'InvoiceId')).toEqual({
      [one.invoiceUuid]: '0.1',
      [other.invoiceUuid]: '4',
    });
  });
});

describe('the export of any account', () => {
  const owners = ['a', 'b', 'c'] as const;
  const charge = fc.record({
    /** The third is never found. */
    resource: fc.nat(2),
    lineClass: fc.constantFrom('resource', 'resource', 'resource', 'tax', 'credit', 'shared'),
    from: fc.integer({ min: 0, max: 700 }),
    hours: fc.integer({ min: 1, max: 200 }),
    digits: fc.integer({ min: -100_000, max: 1_000_000 }),
    places: fc.integer({ min: 0, max: 4 }),
  } as const);
  const invoice = fc.record({
    charges: fc.array(charge, { maxLength: 6 }),
    isRead: fc.constantFrom(true, true, true, false),
    isHeld: fc.constantFrom(true, false, false),
    /** What it is restated to before it is read again; in cents above what it was. */
    restated: fc.option(fc.integer({ min: -500, max: 500 })),
  });
  const moves = fc.uniqueArray(
    fc.record({ hour: fc.integer({ min: -48, max: 720 }), owner: fc.option(fc.constantFrom(...owners)) }),
    { maxLength: 5, selector: ({ hour }) => hour },
  );
  const account = fc.record({
    invoices: fc.array(invoice, { minLength: 1, maxLength: 4 }),
    moves: fc.tuple(moves, moves),
    hasProject: fc.boolean(),
  });

  it('is what its invoices state, what closes its books and what each owner bears', async () => {
    const deployments = new Map<string, string>();
    for (const owner of owners) deployments.set(owner, await writeDeployment(world.em(), owner));
    await fc.assert(
      fc.asyncProperty(account, fc.constantFrom(...focusVersions), async (lived, version) => {
        const provider = newProvider();
        const resources = lived.moves.map((_, index) =>
          resource({ externalId: String(index), name: `resource-${index}` }),
        );
        await sync(world, { provider, at: at(0), resources });
        if (lived.hasProject) await giveToProject(provider, '0', 'owner');
        for (const [index, moved] of lived.moves.entries()) {
          const ordered = moved.toSorted((left, right) => left.hour - right.hour);
          await belong(
            provider,
            String(index),
            ordered.flatMap(({ hour, owner }, position) =>
              owner === null
                ? []
                : [
                    {
                      deploymentId: deployments.get(owner) ?? '',
                      from: hour,
                      until: ordered[position + 1]?.hour ?? null,
                    },
                  ],
            ),
          );
        }
        for (const { charges, isRead, isHeld, restated } of lived.invoices) {
          const said = bill(provider, charges.map(toCharge));
          const amount = charges.reduce((total, one) => total.plus(amountOf(one)), new Decimal(0));
          await (isRead ? ingest(world, said) : discover(world, said));
          if (restated !== null) {
            await discover(world, {
              ...said,
              amount: amount.plus(new Decimal(restated).dividedBy(100)).toFixed(),
            });
          }
          if (isHeld) {
            await run(`update cloud_invoices set ingest_status = 'held' where invoice_uuid = ?`, [
              said.invoiceUuid,
            ]);
          }
        }

        const rows = await exported(provider, { version });

        const notZero = (totals: Readonly<Record<string, string>>) =>
          Object.fromEntries(Object.entries(totals).filter(([, total]) => total !== '0'));
        const stated = await run(
          'select invoice_uuid, trim_scale(amount)::text as amount from cloud_invoices where provider = ?',
          [provider],
        );
        expect(notZero(totalsBy(rows, 'InvoiceId'))).toEqual(
          notZero(Object.fromEntries(stated.map((row: Row) => [row['invoice_uuid'], row['amount']]))),
        );
        const { cogs, faults } = await closureOf(world.em(), period);
        expect(faults).toEqual([]);
        const closed = cogs.find((one) => one.provider === provider);
        expect(totalOf(rows)).toBe(closed?.invoiced);
        expect(notZero(totalsBy(rows, 'x_AllocationBucket'))).toEqual(notZero({ ...closed?.buckets }));
        const costs = (await costsByOwner(world.em(), { first: period, last: period })).filter(
          (cost) => cost.provider === provider,
        );
        expect(notZero(totalsBy(rows, 'x_TenantId', 'x_DeploymentId', 'x_AllocationBucket'))).toEqual(
          notZero(
            totalsBy(
              costs.map((cost) => ({
                BilledCost: cost.amount,
                tenant: cost.tenantId ?? '',
                deployment: cost.deploymentId ?? '',
                bucket: cost.bucket,
              })),
              'tenant',
              'deployment',
              'bucket',
            ),
          ),
        );
        const unattributed = rows.filter((row) => row['x_AllocationBucket'] === 'unattributed');
        expect(notZero(totalsBy(unattributed, 'x_AllocationReason'))).toEqual(
          notZero(
            totalsBy(
              costs
                .filter(({ reason }) => reason !== null)
                .map(({ amount, reason }) => ({ BilledCost: amount, reason: reason ?? '' })),
              'reason',
            ),
          ),
        );
        // Each line's rows are the line.
        const lines = rows.filter((row) => row['ChargeCategory'] !== 'Adjustment');
        const billed = await exported(provider, { version, allocation: 'none' });
        const heldIds = new Set(
          (
            await run(
              `select invoice_uuid from cloud_invoices where provider = ? and ingest_status = 'held'`,
              [provider],
            )
          ).map((row: Row) => row['invoice_uuid']),
        );
        const detail = version === '1.4' ? 'InvoiceDetailId' : 'x_InvoiceDetailId';
        const perLine = totalsBy(lines, 'InvoiceId', detail);
        const counted = billed.filter((row) => !heldIds.has(row['InvoiceId']));
        expect(Object.values(perLine).toSorted()).toEqual(counted.map((row) => totalOf([row])).toSorted());
        expect(hoursOf(lines)).toBe(hoursOf(counted));
      }),
      { numRuns: 40 },
    );

    function toCharge(
      one: (typeof account extends fc.Arbitrary<infer Value>
        ? Value
        : never)['invoices'][number]['charges'][number],
    ): Charge {
      const amount = amountOf(one).toFixed();
      return one.lineClass === 'resource'
        ? {
            name: `resource-${one.resource}`,
            id: String(one.resource),
            amount,
            from: at(one.from),
            to: at(one.from + one.hours),
          }
        : { name: null, kind: null, lineClass: one.lineClass, amount };
    }
  }, 240_000);

  const amountOf = ({ digits, places }: { readonly digits: number; readonly places: number }) =>
    new Decimal(digits).dividedBy(10 ** places);
  const hoursOf = (rows: readonly Row[]) =>
    rows.reduce((total, row) => total.plus(row['ConsumedQuantity'] || 0), new Decimal(0)).toFixed();
});
