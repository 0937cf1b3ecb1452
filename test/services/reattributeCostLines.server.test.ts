import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { reattributeCostLines } from '../../src/services/matchCostLines.ts';
import { recordInventory } from '../../src/services/recordInventory.ts';
import { attributions, type Bill, ingest, openWorld, resource, sync, type World } from './world.ts';

const droplet = (externalId: string, name: string) => resource({ externalId, name });

describe('re-attribution', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  const april = (provider: string, ...charges: Bill['charges']): Bill => ({
    provider,
    invoiceUuid: `${provider} april`,
    period: '2026-04-01',
    charges,
  });

  const changes = (provider: string) =>
    world.em().execute(
      `select change.from_outcome as "from", change.to_outcome as "to", earlier.external_id as "fromResource",
         later.external_id as "toResource", change.billed_cost::text as cost, change.cause
       from cloud_attribution_changes change
       join cloud_cost_lines line on line.id = change.cost_line_id
       join cloud_invoices invoice on invoice.id = line.invoice_id
       left join cloud_resources earlier on earlier.id = change.from_resource_id
       left join cloud_resources later on later.id = change.to_resource_id
       where invoice.provider = ? order by change.id`,
      [provider],
    );

  it('gives a line to the resource that is found later, by name or by id, and writes down what moved', async () => {
    const provider = 'found later';
    await ingest(
      world,
      april(provider, { name: 'web', amount: '6.25' }, { name: 'x', id: '102', amount: '4.75' }),
    );
    const moved = await sync(world, {
      provider,
      at: '2026-05-10T00:00:00Z',
      resources: [droplet('101', 'web'), droplet('102', 'database')],
    });
    expect(moved).toBe(2);
    expect(await attributions(world, provider)).toMatchObject([
      { line: 1, outcome: 'matched_by_name', resource: '101' },
      { line: 2, outcome: 'matched_by_id', resource: '102' },
    ]);
    expect(await changes(provider)).toEqual([
      {
        from: 'unmatched',
        to: 'matched_by_name',
        fromResource: null,
        toResource: '101',
        cost: '6.25',
        cause: 'sync',
      },
      {
        from: 'unmatched',
        to: 'matched_by_id',
        fromResource: null,
        toResource: '102',
        cost: '4.75',
        cause: 'sync',
      },
    ]);
  });

  it('changes nothing, and writes nothing down, when it runs again', async () => {
    const provider = 'again';
    await ingest(world, april(provider, { name: 'web' }));
    await sync(world, { provider, at: '2026-03-01T00:00:00Z', resources: [droplet('101', 'web')] });
    const before = [await attributions(world, provider), await changes(provider)];
    await world.em().execute('update cloud_resource_events set attributed_at = null');
    const again = { provider, now: new Date('2026-05-11T00:00:00Z'), cause: 'again' };
    expect(await reattributeCostLines(world.em(), again)).toBe(0);
    expect([await attributions(world, provider), await changes(provider)]).toEqual(before);
  });

  it('reaches the lines of however many resources a sync finds', async () => {
    const provider = 'many at once';
    const numbers = Array.from({ length: 1_001 }, (_, index) => String(index));
    await ingest(world, april(provider, ...numbers.map((number) => ({ name: `web-${number}` }))));
    const resources = numbers.map((number) => droplet(number, `web-${number}`));
    expect(await sync(world, { provider, at: '2026-05-10T00:00:00Z', resources })).toBe(1_001);
    const found = await attributions(world, provider);
    expect(found.filter((line) => line.outcome !== 'matched_by_name')).toEqual([]);
  });

  it.each(['resource_id', 'provider_resource_id', 'provider_resource_uuid', 'resource_name_lower'])(
    'can find lines by an index on %s, under row level security',
    async (column) => {
      const type = column === 'resource_id' ? 'uuid' : 'text';
      const plan = await world.em().transactional(async (transaction) => {
        await transaction.execute(`select set_config('enable_seqscan', 'off', true)`);
        return transaction.execute<{ 'QUERY PLAN': string }[]>(
          `explain select 1 from cloud_cost_lines where ${column} = any(array(select nullif('', '')::${type}))`,
        );
      });
      expect(plan.map((row) => row['QUERY PLAN']).join('\n')).toMatch(
        new RegExp(`Index Cond: \\(${column} = ANY`),
      );
    },
  );

  it('forgets nothing that a sync found before it was cut short', async () => {
    const provider = 'cut';
    await ingest(world, april(provider, { name: 'web' }));
    await recordInventory(world.em(), {
      provider,
      kind: 'droplet',
      listedAt: new Date('2026-03-01T00:00:00Z'),
      resources: [droplet('101', 'web')],
    });
    const later = { provider, at: '2026-03-01T01:00:00Z', resources: [droplet('101', 'web')] };
    expect(await sync(world, later)).toBe(1);
    expect(await attributions(world, provider)).toMatchObject([
      { outcome: 'matched_by_name', resource: '101' },
    ]);
  });

  it('leaves a line with its resource when that is renamed or gone afterwards', async () => {
    const provider = 'kept';
    await sync(world, { provider, at: '2026-05-01T00:00:00Z', resources: [droplet('101', 'web')] });
    await ingest(world, april(provider, { name: 'web' }));
    const renamed = { provider, at: '2026-05-10T00:00:00Z', resources: [droplet('101', 'other')] };
    expect(await sync(world, renamed)).toBe(0);
    expect(await sync(world, { provider, at: '2026-05-11T00:00:00Z', resources: [] })).toBe(0);
    expect(await attributions(world, provider)).toMatchObject([
      { outcome: 'matched_by_name', resource: '101' },
    ]);
    expect(await changes(provider)).toEqual([]);
  });

  it('gives a line to the resource that turns out to have been renamed to its name in time', async () => {
    const provider = 'renamed';
    await sync(world, { provider, at: '2026-04-01T00:00:00Z', resources: [droplet('101', 'old')] });
    await ingest(world, april(provider, { name: 'new' }));
    expect(await attributions(world, provider)).toMatchObject([{ outcome: 'unmatched' }]);
    await sync(world, { provider, at: '2026-04-20T00:00:00Z', resources: [droplet('101', 'new')] });
    expect(await attributions(world, provider)).toMatchObject([
      { outcome: 'matched_by_name', resource: '101' },
    ]);
  });

  it('takes a line back where its resource turns out to have been gone before the line began', async () => {
    const provider = 'gone';
    await sync(world, { provider, at: '2026-03-01T00:00:00Z', resources: [droplet('101', 'web')] });
    await ingest(world, april(provider, { name: 'web' }));
    expect(await attributions(world, provider)).toMatchObject([{ outcome: 'matched_by_name' }]);
    expect(await sync(world, { provider, at: '2026-03-20T00:00:00Z', resources: [] })).toBe(1);
    expect(await attributions(world, provider)).toMatchObject([{ outcome: 'unmatched', resource: null }]);
  });

  it('makes a line ambiguous when a second resource of its name is found, and decided again when that one proves newer', async () => {
    const provider = 'second candidate';
    await sync(world, { provider, at: '2026-05-01T00:00:00Z', resources: [droplet('101', 'web')] });
    await ingest(world, april(provider, { name: 'WEB' }));
    const both = [droplet('101', 'web'), droplet('102', 'web')];
    expect(await sync(world, { provider, at: '2026-05-02T00:00:00Z', resources: both })).toBe(1);
    expect(await attributions(world, provider)).toMatchObject([
      { outcome: 'ambiguous', resource: null, candidates: ['101', '102'] },
    ]);
    const dated = [
      droplet('101', 'web'),
      resource({ externalId: '102', name: 'web', createdAt: new Date('2026-05-01T12:00:00Z') }),
    ];
    expect(await sync(world, { provider, at: '2026-05-03T00:00:00Z', resources: dated })).toBe(1);
    expect(await attributions(world, provider)).toMatchObject([
      { outcome: 'matched_by_name', resource: '101' },
    ]);
    expect(await changes(provider)).toMatchObject([
      { from: 'matched_by_name', to: 'ambiguous', fromResource: '101', toResource: null },
      { from: 'ambiguous', to: 'matched_by_name', fromResource: null, toResource: '101' },
    ]);
  });

  it('brings a reason up to date that alone reads differently now, without a change of attribution', async () => {
    const provider = 'reason';
    await ingest(world, april(provider, { name: 'web', id: '999' }));
    expect(
      await sync(world, { provider, at: '2026-05-01T00:00:00Z', resources: [droplet('101', 'web')] }),
    ).toBe(0);
    expect(await attributions(world, provider)).toMatchObject([
      { outcome: 'unmatched', reason: 'a droplet of this name is known, but the invoice names another id' },
    ]);
    expect(await changes(provider)).toEqual([]);
  });

  it('never touches the lines of another provider', async () => {
    await ingest(world, april('untouched', { name: 'web' }));
    await sync(world, {
      provider: 'touching',
      at: '2026-05-01T00:00:00Z',
      resources: [droplet('101', 'web')],
    });
    expect(await attributions(world, 'untouched')).toMatchObject([{ outcome: 'unmatched' }]);
  });

  it('ends in the same attribution whenever the ingests and restatements come between the syncs', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        timeline,
        fc.infiniteStream(fc.nat(1_000)),
        async ({ listings, invoices }, choices) => {
          run += 1;
          const inOrder = `order ${run}`;
          const mixed = `mixed ${run}`;
          for (const listing of listings) await sync(world, { ...listing, provider: inOrder });
          for (const invoice of invoices) await bill(inOrder, invoice);

          // Syncs come in the order of time, and so do the versions of one invoice; all else may fall between them.
          const queues = [
            listings.map((listing) => () => sync(world, { ...listing, provider: mixed })),
            ...[...Map.groupBy(invoices, (invoice) => invoice.month).values()].map((versions) =>
              versions.map((invoice) => () => bill(mixed, invoice)),
            ),
          ];
          while (queues.some((queue) => queue.length > 0)) {
            const open = queues.filter((queue) => queue.length > 0);
            await open[(choices.next().value ?? 0) % open.length]?.shift()?.();
          }
          expect(await attributions(world, mixed)).toEqual(await attributions(world, inOrder));
        },
      ),
      { numRuns: 25 },
    );
  }, 60_000);

  const bill = (provider: string, { month, charges }: { month: string; charges: Bill['charges'] }) =>
    ingest(world, { provider, invoiceUuid: `${provider} ${month}`, period: `${month}-01`, charges });
});

const name = fc.constantFrom('web', 'Web', 'db');
const listed = fc
  .uniqueArray(fc.record({ externalId: fc.constantFrom('101', '102', '103'), name }), {
    selector: (entry) => entry.externalId,
    maxLength: 3,
  })
  .map((entries) => entries.map(resource));
const charge = fc
  .record({
    name,
    id: fc.option(fc.constantFrom('101', '102', '999'), { nil: null }),
    kind: fc.constantFrom('droplet', 'backup'),
    fromDay: fc.integer({ min: 1, max: 15 }),
    days: fc.integer({ min: 1, max: 12 }),
  })
  .map(({ id, fromDay, days, ...rest }) => ({ ...rest, fromDay, days, ...(id === null ? {} : { id }) }));

/** Three to five listings within two months, and the invoices of those months, each in one or two versions. */
const timeline = fc
  .record({
    listings: fc.array(listed, { minLength: 3, maxLength: 5 }),
    invoices: fc.array(
      fc.record({
        month: fc.constantFrom('2026-03', '2026-04'),
        charges: fc.array(charge, { minLength: 1, maxLength: 4 }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  })
  .map(({ listings, invoices }) => ({
    listings: listings.map((resources, index) => ({
      at: new Date(Date.UTC(2026, 2, 5 + 12 * index)).toISOString(),
      resources,
    })),
    invoices: invoices.map(({ month, charges }) => ({
      month,
      charges: charges.map(({ fromDay, days, ...rest }) => ({
        ...rest,
        from: `${month}-${String(fromDay).padStart(2, '0')}T00:00:00Z`,
        to: `${month}-${String(fromDay + days).padStart(2, '0')}T00:00:00Z`,
      })),
    })),
  }));
