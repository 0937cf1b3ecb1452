import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Decimal, sum } from '../../../src/domain/money.ts';
import { costsByOwner, type OwnerCost } from '../../../src/services/margin/costsByOwner.ts';
import { type Charge, discover, ingest, openWorld, resource, sync, type World } from '../world.ts';

const period = '2026-04-01';
let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const provider = () => `provider ${randomUUID()}`;
const at = (hour: number) => new Date(Date.parse('2026-04-01T00:00:00Z') + hour * 3_600_000);

async function createDeployment(tenantId: string): Promise<string> {
  const id = randomUUID();
  await world.em().execute(
    `insert into cloud_deployments (id, tenant_id, slug, display_name, state, llm_mode, billing_action_suspended, created_at, updated_at)
     values (?, ?, ?, 'pilot', 'active', 'gateway', false, now(), now())`,
    [id, tenantId, id],
  );
  return id;
}

/** Lets a resource belong to deployments by hours of April. */
async function belong(
  from: string,
  externalId: string,
  stays: readonly { deploymentId: string; from: number; until: number | null }[],
): Promise<void> {
  for (const stay of stays) {
    await world.em().execute(
      `insert into cloud_resource_memberships (resource_id, deployment_id, starts_at, ends_at)
       select id, ?, ?, ? from cloud_resources where provider = ? and external_id = ?`,
      [stay.deploymentId, at(stay.from), stay.until === null ? null : at(stay.until), from, externalId],
    );
  }
}

async function giveToProject(from: string, externalId: string, tenantId: string): Promise<void> {
  const project = randomUUID();
  await world.em().execute(
    `insert into cloud_projects (id, provider, external_id, name, is_default, tenant_id, first_seen_at, last_seen_at)
     values (?, ?, ?, 'project', false, ?, now(), now())`,
    [project, from, project, tenantId],
  );
  await world
    .em()
    .execute(
      'update cloud_resources set project_id = ?, tenant_id = ? where provider = ? and external_id = ?',
      [project, tenantId, from, externalId],
    );
}

async function costsOf(from: string): Promise<OwnerCost[]> {
  const costs = await costsByOwner(world.em(), { first: period, last: period });
  return costs.filter((cost) => cost.provider === from);
}

const shown = ({ bucket, reason, tenantId, amount }: OwnerCost) => [bucket, reason, tenantId, amount];
const total = (costs: readonly OwnerCost[]) =>
  costs.reduce((sum, { amount }) => sum.plus(amount), new Decimal(0)).toFixed();
const bill = (from: string, charges: readonly Charge[], amount?: string) => ({
  provider: from,
  invoiceUuid: randomUUID(),
  period,
  charges,
  ...(amount === undefined ? {} : { amount }),
});

describe('the costs of a period by owner', () => {
  it('go to the deployment that the resource belonged to while the line was charged, by seconds', async () => {
    const from = provider();
    const [first, second] = [await createDeployment('first'), await createDeployment('second')];
    const listing = { provider: from, at: '2026-04-01T00:00:00Z' };
    await sync(world, { ...listing, resources: [resource({ externalId: '1', name: 'one' })] });
    await belong(from, '1', [
      { deploymentId: first, from: 0, until: 240 },
      { deploymentId: second, from: 240, until: null },
    ]);
    await ingest(world, bill(from, [{ name: 'one', id: '1', amount: '10.00' }]));

    const costs = await costsOf(from);

    expect(costs.map((cost) => [cost.tenantId, cost.deploymentId, cost.amount])).toEqual([
      ['first', first, '3.33'],
      ['second', second, '6.67'],
    ]);
  });

  it('give time without a deployment to the tenant of the project, and to nobody where it has none', async () => {
    const from = provider();
    const deployment = await createDeployment('renter');
    await sync(world, {
      provider: from,
      at: '2026-04-01T00:00:00Z',
      resources: [resource({ externalId: '1', name: 'one' }), resource({ externalId: '2', name: 'two' })],
    });
    await giveToProject(from, '1', 'owner');
    await belong(from, '1', [{ deploymentId: deployment, from: 100, until: 172 }]);
    await ingest(
      world,
      bill(from, [
        { name: 'one', id: '1', amount: '-1.00' },
        { name: 'two', id: '2', amount: '0.105' },
      ]),
    );

    expect((await costsOf(from)).map(shown)).toEqual([
      ['attributed', null, 'owner', '-0.9'],
      ['attributed', null, 'renter', '-0.1'],
      ['unattributed', 'no_tenant', null, '0.105'],
    ]);
  });

  it('keep what is shared, taxed, credited, ambiguous and unmatched apart', async () => {
    const from = provider();
    await sync(world, {
      provider: from,
      at: '2026-04-01T00:00:00Z',
      resources: [resource({ externalId: '1', name: 'twin' }), resource({ externalId: '2', name: 'twin' })],
    });
    await ingest(
      world,
      bill(from, [
        { name: 'twin', amount: '1.00' },
        { name: 'nobody', amount: '2.00' },
        { name: null, kind: null, lineClass: 'tax', amount: '3.00' },
        { name: null, kind: null, lineClass: 'credit', amount: '-4.00' },
        { name: null, kind: null, lineClass: 'shared', amount: '5.00' },
      ]),
    );

    expect((await costsOf(from)).map(shown)).toEqual([
      ['credit', null, null, '-4'],
      ['shared', null, null, '5'],
      ['tax', null, null, '3'],
      ['unattributed', 'ambiguous', null, '1'],
      ['unattributed', 'unmatched', null, '2'],
    ]);
  });

  it('count an invoice without lines, a held one and a restated one so that the sum is what is stated', async () => {
    const from = provider();
    await sync(world, {
      provider: from,
      at: '2026-04-01T00:00:00Z',
      resources: [resource({ externalId: '1', name: 'one' })],
    });
    await giveToProject(from, '1', 'owner');
    const restated = bill(from, [{ name: 'one', id: '1', amount: '10.00' }]);
    const held = bill(from, [{ name: 'one', id: '1', amount: '7.00' }]);
    await ingest(world, restated);
    await ingest(world, held);
    await discover(world, { ...restated, amount: '12.50' });
    await discover(world, bill(from, [], '4.20'));
    await world
      .em()
      .execute(`update cloud_invoices set ingest_status = 'held' where invoice_uuid = ?`, [held.invoiceUuid]);

    expect((await costsOf(from)).map(shown)).toEqual([
      ['attributed', null, 'owner', '10'],
      ['unattributed', 'held', null, '7'],
      ['unattributed', 'not_ingested', null, '4.2'],
      ['unattributed', 'restated', null, '2.5'],
    ]);
  });

  it('are read without a change to how the rest of the transaction is planned', async () => {
    const settings = await world.em().transactional(async (em) => {
      const setting = () =>
        em.execute(
          `select current_setting('enable_nestloop') as nested, current_setting('enable_hashjoin') as hashed`,
        );
      await em.execute(`set local enable_hashjoin = off`);
      await costsByOwner(em, { first: period, last: period });
      return setting();
    });
    expect(settings).toEqual([{ nested: 'on', hashed: 'off' }]);
  });

  const owners = ['a', 'b', 'c'] as const;
  /** Cuts April into stays: each hour in `cuts` begins another owner's time, or nobody's. */
  const stays = fc
    .tuple(
      fc.uniqueArray(fc.integer({ min: -48, max: 770 }), { maxLength: 6 }),
      fc.array(fc.option(fc.constantFrom(...owners)), { minLength: 7, maxLength: 7 }),
    )
    .map(([cuts, who]) =>
      cuts
        .toSorted((left, right) => left - right)
        .map((from, index, all) => ({ owner: who[index] ?? null, from, until: all[index + 1] ?? null }))
        .filter((stay) => stay.owner !== null),
    );
  const charge = fc.record({
    resource: fc.nat(2),
    from: fc.integer({ min: 0, max: 700 }),
    hours: fc.integer({ min: 0, max: 200 }),
    digits: fc.integer({ min: -100_000, max: 1_000_000 }),
    places: fc.integer({ min: 0, max: 6 }),
  });

  it('add up to the invoice line by line, each line shared by seconds with the largest remainders', async () => {
    const deployments = new Map<string, string>();
    for (const owner of owners) deployments.set(owner, await createDeployment(owner));
    await fc.assert(
      fc.asyncProperty(
        fc.array(stays, { minLength: 3, maxLength: 3 }),
        fc.array(charge, { minLength: 1, maxLength: 8 }),
        async (belonged, charges) => {
          const from = provider();
          const names = belonged.map((_, index) => `resource-${index}`);
          await sync(world, {
            provider: from,
            at: '2026-03-01T00:00:00Z',
            resources: names.map((name, index) => resource({ externalId: String(index), name })),
          });
          for (const [index, list] of belonged.entries()) {
            await belong(
              from,
              String(index),
              list.map((stay) => ({ ...stay, deploymentId: deployments.get(stay.owner ?? '') ?? '' })),
            );
          }
          const amounts = charges.map(({ digits, places }) => new Decimal(digits).dividedBy(10 ** places));
          await ingest(
            world,
            bill(
              from,
              charges.map((one, index) => ({
                name: names[one.resource] ?? '',
                id: String(one.resource),
                amount: amounts[index]?.toFixed() ?? '',
                from: at(one.from).toISOString(),
                to: at(one.from + one.hours).toISOString(),
              })),
            ),
          );

          const costs = await costsOf(from);

          const expected = new Map<string | null, Decimal>();
          for (const [index, one] of charges.entries()) {
            const amount = amounts[index] ?? new Decimal(0);
            for (const [owner, share] of modelShares(one, belonged[one.resource] ?? [], amount)) {
              expected.set(owner, (expected.get(owner) ?? new Decimal(0)).plus(share));
            }
          }
          expect(new Map(costs.map((cost) => [cost.tenantId, new Decimal(cost.amount).toFixed()]))).toEqual(
            new Map([...expected].map(([owner, amount]) => [owner, amount.toFixed()])),
          );
          expect(total(costs)).toBe(sum(amounts).toFixed());
        },
      ),
      {
        numRuns: 60,
        // Equal remainders of quotients without an end.
        examples: [
          [
            [
              [
                { owner: 'a', from: 0, until: 409 },
                { owner: 'a', from: 409, until: 446 },
              ],
              [],
              [],
            ],
            [{ resource: 0, from: 351, hours: 102, digits: 70_758, places: 1 }],
          ],
        ],
      },
    );
  });
});

interface Stay {
  readonly owner: string | null;
  readonly from: number;
  readonly until: number | null;
}

/** What each owner bears of one line, null for nobody, worked out hour by hour. */
function modelShares(
  line: { readonly from: number; readonly hours: number },
  stays: readonly Stay[],
  amount: Decimal,
): [string | null, Decimal][] {
  const until = line.from + line.hours;
  if (line.hours === 0) {
    const there = stays.find((stay) => stay.from <= line.from && (stay.until ?? Infinity) > line.from);
    return [[there?.owner ?? null, amount]];
  }
  const segments = stays.flatMap((stay) => {
    const hours = Math.min(stay.until ?? Infinity, until) - Math.max(stay.from, line.from);
    return hours > 0 ? [{ owner: stay.owner, hours }] : [];
  });
  const covered = segments.reduce((total, { hours }) => total + hours, 0);
  if (covered < line.hours) segments.push({ owner: null, hours: line.hours - covered });
  const units = new Decimal(10).pow(Math.max(2, amount.decimalPlaces()));
  const whole = amount.times(units);
  // Remainders as whole numbers: quotients are cut at some digit, and equal ones would differ in it.
  const cut = segments.map(({ hours }, index) => {
    const product = whole.times(hours);
    const floor = product.dividedBy(line.hours).floor();
    return { index, floor, remainder: product.minus(floor.times(line.hours)) };
  });
  const left = whole.minus(sum(cut.map(({ floor }) => floor))).toNumber();
  const raised = new Set(
    cut
      .toSorted((one, other) => other.remainder.comparedTo(one.remainder) || one.index - other.index)
      .slice(0, left)
      .map(({ index }) => index),
  );
  return segments.map(({ owner }, index) => [
    owner,
    (cut[index]?.floor ?? new Decimal(0)).plus(raised.has(index) ? 1 : 0).dividedBy(units),
  ]);
}
