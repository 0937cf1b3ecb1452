import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { parseDecimal, sum } from '../../src/domain/money.ts';
import type { MonthToDateLine } from '../../src/providers/provider.ts';
import { readCostEstimates } from '../../src/services/readCostEstimates.ts';
import { storeCostEstimate } from '../../src/services/storeCostEstimate.ts';
import { ingest, openWorld, resource, sync, type World } from './world.ts';

let world: World;
let provider = '';
let providers = 0;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => {
  providers += 1;
  provider = `cloud-${providers}`;
});

interface Line {
  readonly amount: string;
  readonly product?: string;
  readonly id?: string;
  readonly uuid?: string;
  readonly kind?: MonthToDateLine['kind'];
  readonly lineClass?: MonthToDateLine['lineClass'];
}

function linesOf(lines: readonly Line[]): MonthToDateLine[] {
  return lines.map((line, index) => ({
    position: index + 1,
    product: line.product ?? 'Droplets',
    groupDescription: '',
    description: `line ${index + 1}`,
    amount: parseDecimal(line.amount),
    chargeStart: null,
    chargeEnd: null,
    resourceId: line.id ?? null,
    resourceUuid: line.uuid ?? null,
    lineClass: line.lineClass ?? 'resource',
    kind: line.kind === undefined ? 'droplet' : line.kind,
  }));
}

interface Told {
  readonly at: string;
  readonly lines: readonly Line[];
  readonly period?: string;
  readonly amount?: string;
  /** Breaks off after so many batches of two lines. */
  readonly breaksAfter?: number;
}

function store(told: Told): Promise<boolean> {
  const lines = linesOf(told.lines);
  return storeCostEstimate(world.em(), {
    provider,
    estimate: {
      period: told.period ?? '2026-05-01',
      amount: parseDecimal(told.amount ?? sum(lines.map(({ amount }) => amount)).toFixed()),
      currency: 'USD',
      estimatedAt: new Date(told.at),
    },
    async *lines() {
      for (let index = 0; index < lines.length; index += 2) {
        if (told.breaksAfter !== undefined && index / 2 >= told.breaksAfter) throw new Error('broken off');
        yield lines.slice(index, index + 2);
      }
    },
    now: new Date('2026-05-28T07:00:00Z'),
    onProgress: () => undefined,
  });
}

async function read(period: string | null = '2026-05-01', limit = 50) {
  const all = await readCostEstimates(world.em(), { period, limit });
  return all.find((estimate) => estimate.provider === provider);
}

const storedLines = async () => {
  const [row] = await world.em().execute<{ lines: number; estimates: number }[]>(
    `select count(line.id)::int as lines, count(distinct estimate.id)::int as estimates from cloud_cost_estimates estimate
     left join cloud_cost_estimate_lines line on line.estimate_id = estimate.id where estimate.provider = ?`,
    [provider],
  );
  return row;
};

describe('an estimate of a month', () => {
  it('is told by product and by resource, and its parts add up to it', async () => {
    await sync(world, {
      provider,
      at: '2026-05-20T00:00:00Z',
      resources: [resource({ externalId: '1', name: 'web' }), resource({ externalId: '2', name: 'db' })],
    });
    await store({
      at: '2026-05-28T06:00:00Z',
      amount: '10.00',
      lines: [
        { amount: '1.25', id: '1' },
        { amount: '0.005', id: '1', product: 'Backups', kind: 'backup' },
        { amount: '6.00', uuid: '2' },
        { amount: '0.50', id: '3' },
        { amount: '2.00', product: 'GST', lineClass: 'tax', kind: null },
        { amount: '-1.00', product: 'Credits', lineClass: 'credit', kind: null },
      ],
    });
    const found = await read();
    expect(found).toMatchObject({
      period: '2026-05-01',
      estimatedAt: new Date('2026-05-28T06:00:00Z'),
      amount: '10',
      currency: 'USD',
      supersededBy: null,
      byProduct: [
        { product: 'Droplets', lines: 3, amount: '7.75' },
        { product: 'GST', lines: 1, amount: '2' },
        { product: 'Backups', lines: 1, amount: '0.005' },
        { product: 'Credits', lines: 1, amount: '-1' },
      ],
      byResource: [
        { externalId: '2', name: 'db', lines: 1, amount: '6' },
        { externalId: '1', name: 'web', lines: 2, amount: '1.255' },
      ],
      resources: 2,
      attributed: '7.255',
      unattributed: '1.500',
      unexplained: '1.245',
    });
  });

  it('shows the dearest resources up to the limit, and counts all', async () => {
    const ids = ['1', '2', '3'];
    await sync(world, {
      provider,
      at: '2026-05-20T00:00:00Z',
      resources: ids.map((externalId) => resource({ externalId, name: `web-${externalId}` })),
    });
    await store({ at: '2026-05-28T06:00:00Z', lines: ids.map((id) => ({ id, amount: `${id}.00` })) });
    const found = await read('2026-05-01', 1);
    expect(found?.byResource.map(({ name }) => name)).toEqual(['web-3']);
    expect(found).toMatchObject({ resources: 3, attributed: '6' });
  });

  it('finds a resource that is listed only later', async () => {
    await store({ at: '2026-05-28T06:00:00Z', lines: [{ amount: '1.00', id: '9' }] });
    expect(await read()).toMatchObject({ resources: 0, unattributed: '1' });
    await sync(world, {
      provider,
      at: '2026-05-28T07:00:00Z',
      resources: [resource({ externalId: '9', name: 'late' })],
    });
    expect(await read()).toMatchObject({ resources: 1, attributed: '1' });
  });

  it('is stored once for each time that the provider computed it', async () => {
    const told = { at: '2026-05-28T06:00:00Z', lines: [{ amount: '1.00' }, { amount: '2.00' }] };
    expect(await store(told)).toBe(true);
    expect(await store(told)).toBe(false);
    expect(await storedLines()).toEqual({ lines: 2, estimates: 1 });
  });

  it('takes the place of the one before, whose amount stays in the trend', async () => {
    await store({ at: '2026-05-27T06:00:00Z', lines: [{ amount: '1.00' }] });
    await store({ at: '2026-05-28T06:00:00Z', lines: [{ amount: '2.00' }, { amount: '3.00' }] });
    expect(await read()).toMatchObject({
      amount: '5',
      byProduct: [{ lines: 2 }],
      trend: [
        { estimatedAt: new Date('2026-05-27T06:00:00Z'), amount: '1' },
        { estimatedAt: new Date('2026-05-28T06:00:00Z'), amount: '5' },
      ],
    });
    expect(await storedLines()).toEqual({ lines: 2, estimates: 2 });
  });

  it('does not give way to one that comes late', async () => {
    await store({ at: '2026-05-28T06:00:00Z', lines: [{ amount: '2.00' }] });
    await store({ at: '2026-05-27T06:00:00Z', lines: [{ amount: '1.00' }] });
    expect(await read()).toMatchObject({ amount: '2', byProduct: [{ amount: '2' }] });
    expect(await storedLines()).toEqual({ lines: 1, estimates: 2 });
  });

  it('shows only once it is whole, and is begun again where reading it broke off', async () => {
    await store({ at: '2026-05-27T06:00:00Z', lines: [{ amount: '1.00' }] });
    const lines = ['1.00', '2.00', '3.00'].map((amount) => ({ amount }));
    await expect(store({ at: '2026-05-28T06:00:00Z', lines, breaksAfter: 1 })).rejects.toThrow('broken off');
    expect(await read()).toMatchObject({ amount: '1' });
    expect(await store({ at: '2026-05-28T06:00:00Z', lines })).toBe(true);
    expect(await read()).toMatchObject({ amount: '6', byProduct: [{ lines: 3, amount: '6' }] });
    expect(await storedLines()).toEqual({ lines: 3, estimates: 2 });
  });

  it('leaves nothing of a reading that was given up for a newer one', async () => {
    const lines = ['1.00', '2.00', '3.00'].map((amount) => ({ amount }));
    await expect(store({ at: '2026-05-27T06:00:00Z', lines, breaksAfter: 1 })).rejects.toThrow('broken off');
    await store({ at: '2026-05-28T06:00:00Z', lines });
    expect(await storedLines()).toEqual({ lines: 3, estimates: 1 });
  });

  it('is asked for by period, or is of the latest', async () => {
    await store({ at: '2026-04-30T06:00:00Z', period: '2026-04-01', lines: [{ amount: '4.00' }] });
    await store({ at: '2026-05-28T06:00:00Z', lines: [{ amount: '5.00' }] });
    expect(await read('2026-04-01')).toMatchObject({ period: '2026-04-01', amount: '4' });
    expect(await read(null)).toMatchObject({ period: '2026-05-01', amount: '5' });
    expect(await read('2026-03-01')).toBeUndefined();
  });
});

describe('the invoice of an estimated month', () => {
  const bill = (invoiceUuid: string) => ({
    provider,
    invoiceUuid,
    period: '2026-04-01',
    charges: [{ name: 'web', amount: '7.00' }],
  });

  it('supersedes it once it is ingested, and the estimate stays readable and out of the cost lines', async () => {
    await store({ at: '2026-04-30T06:00:00Z', period: '2026-04-01', lines: [{ amount: '6.50' }] });
    expect(await read('2026-04-01')).toMatchObject({ supersededBy: null });
    const before = await costLines();
    await ingest(world, bill('invoice-a'));
    expect(await read('2026-04-01')).toMatchObject({
      amount: '6.5',
      supersededBy: { invoiceUuid: 'invoice-a', amount: '7', currency: 'USD' },
    });
    expect(before).toBe(0);
    expect(await costLines()).toBe(1);
  });

  it('does not where it was issued before the month was over', async () => {
    await store({ at: '2026-04-30T06:00:00Z', period: '2026-04-01', lines: [{ amount: '6.50' }] });
    await ingest(world, bill('part'));
    await world
      .em()
      .execute(`update cloud_invoices set issued_at = '2026-04-20' where provider = ?`, [provider]);
    expect(await read('2026-04-01')).toMatchObject({ supersededBy: null });
  });

  async function costLines(): Promise<number> {
    const [row] = await world.em().execute<{ lines: number }[]>(
      `select count(*)::int as lines from cloud_cost_lines line join cloud_invoices invoice on invoice.id = line.invoice_id
       where invoice.provider = ?`,
      [provider],
    );
    return row?.lines ?? 0;
  }
});
