import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Decimal } from '../../../src/domain/money.ts';
import { closureOf } from '../../../src/services/margin/closure.ts';
import { costsByOwner } from '../../../src/services/margin/costsByOwner.ts';
import { writeDeployment } from '../invoiceWorld.ts';
import { type Charge, ingest, openWorld, resource, sync, type World } from '../world.ts';

const period = '2026-04-01';
const owners = ['a', 'b', 'c'] as const;
let world: World;
let deployments: ReadonlyMap<string, string>;

beforeAll(async () => {
  world = await openWorld();
  const written = new Map<string, string>();
  for (const owner of owners) written.set(owner, await writeDeployment(world.em(), owner));
  deployments = written;
});
afterAll(() => world.close());

const at = (hour: number) => new Date(Date.parse(`${period}T00:00:00Z`) + hour * 3_600_000).toISOString();

const charge = fc.record({
  /** The third is never found. */
  resource: fc.nat(2),
  lineClass: fc.constantFrom('resource', 'resource', 'resource', 'tax', 'credit', 'shared'),
  from: fc.integer({ min: 0, max: 700 }),
  hours: fc.integer({ min: 0, max: 200 }),
  digits: fc.integer({ min: -100_000, max: 1_000_000 }),
  places: fc.integer({ min: 0, max: 4 }),
} as const);
const charges = fc.array(charge, { maxLength: 4 });
/** What an invoice says at first, and what it is restated to. */
const invoice = fc.record({
  versions: fc.array(charges, { minLength: 1, maxLength: 2 }),
  isHeld: fc.boolean(),
});
/** Who has a resource from which hour on. */
const moves = fc.uniqueArray(
  fc.record({ hour: fc.integer({ min: -48, max: 720 }), owner: fc.option(fc.constantFrom(...owners)) }),
  { maxLength: 4, selector: ({ hour }) => hour },
);
const account = fc.record({
  invoices: fc.array(invoice, { minLength: 1, maxLength: 3 }),
  moves: fc.tuple(moves, moves),
});
type Account = typeof account extends fc.Arbitrary<infer Value> ? Value : never;

type Step = { readonly do: 'ingest' | 'find' | 'move'; readonly index: number };
const stepsOf = ({ invoices, moves: moved }: Account): Step[] => [
  ...invoices.flatMap(({ versions }, index) => versions.map(() => ({ do: 'ingest' as const, index }))),
  ...moved.flatMap((_, index) => [
    { do: 'find' as const, index },
    { do: 'move' as const, index },
  ]),
];

const amountOf = ({ digits, places }: { digits: number; places: number }) =>
  new Decimal(digits).dividedBy(10 ** places);

const toCharge = (one: Account['invoices'][number]['versions'][number][number]): Charge =>
  one.lineClass === 'resource'
    ? {
        name: `resource-${one.resource}`,
        id: String(one.resource),
        amount: amountOf(one).toFixed(),
        from: at(one.from),
        to: at(one.from + one.hours),
      }
    : { name: null, kind: null, lineClass: one.lineClass, amount: amountOf(one).toFixed() };

/** Lives an account in one order at a provider of its own; after every step its books close. @returns who bears what at the end */
async function live(lived: Account, steps: readonly Step[]) {
  const provider = `provider ${randomUUID()}`;
  const uuids = lived.invoices.map(() => randomUUID());
  const versions = lived.invoices.map(() => 0);
  const found = new Set<number>();
  const waiting = new Set<number>();
  const run = (sql: string, parameters: unknown[]) => world.em().execute(sql, parameters);

  async function move(index: number): Promise<void> {
    if (!found.has(index)) {
      waiting.add(index);
      return;
    }
    const ordered = (lived.moves[index] ?? []).toSorted((left, right) => left.hour - right.hour);
    for (const [position, { hour, owner }] of ordered.entries()) {
      if (owner === null) continue;
      const next = ordered[position + 1];
      await run(
        `insert into cloud_resource_memberships (resource_id, deployment_id, starts_at, ends_at)
         select id, ?, ?, ? from cloud_resources where provider = ? and external_id = ?`,
        [
          deployments.get(owner),
          at(hour),
          next === undefined ? null : at(next.hour),
          provider,
          String(index),
        ],
      );
    }
  }

  async function find(index: number): Promise<void> {
    found.add(index);
    await sync(world, {
      provider,
      at: `2026-05-0${found.size}T00:00:00Z`,
      resources: [...found].map((id) => resource({ externalId: String(id), name: `resource-${id}` })),
    });
    if (waiting.delete(index)) await move(index);
  }

  async function read(index: number): Promise<void> {
    const said = lived.invoices[index]?.versions[versions[index] ?? 0] ?? [];
    versions[index] = (versions[index] ?? 0) + 1;
    await ingest(world, { provider, invoiceUuid: uuids[index] ?? '', period, charges: said.map(toCharge) });
  }

  const closes = async () => {
    const { cogs, faults } = await closureOf(world.em(), period);
    expect(faults).toEqual([]);
    return cogs.find((one) => one.provider === provider);
  };
  for (const step of steps) {
    await { ingest: read, find, move }[step.do](step.index);
    await closes();
  }
  for (const [index, { isHeld }] of lived.invoices.entries()) {
    if (!isHeld) continue;
    await run(`update cloud_invoices set ingest_status = 'held' where invoice_uuid = ?`, [uuids[index]]);
  }
  const stated = lived.invoices
    .flatMap(({ versions: said }) => said.at(-1) ?? [])
    .reduce((total, one) => total.plus(amountOf(one)), new Decimal(0));
  expect((await closes())?.invoiced ?? '0').toBe(stated.toFixed());
  const costs = await costsByOwner(world.em(), { first: period, last: period });
  return costs.filter((cost) => cost.provider === provider).map((cost) => ({ ...cost, provider: '' }));
}

describe('the books of an account', () => {
  it('close after every step, and end the same whatever the order of ingest, restatement, discovery and moves', async () => {
    const orders = account.chain((lived) => {
      const steps = stepsOf(lived);
      const order = fc.shuffledSubarray(steps, { minLength: steps.length });
      return fc.record({ lived: fc.constant(lived), one: order, other: order });
    });
    await fc.assert(
      fc.asyncProperty(orders, async ({ lived, one, other }) => {
        expect(await live(lived, one)).toEqual(await live(lived, other));
      }),
      { numRuns: 30 },
    );
  }, 120_000);
});
