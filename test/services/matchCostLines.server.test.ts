import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ResourceKind } from '../../src/domain/resourceKind.ts';
import type { ProviderResource } from '../../src/providers/provider.ts';
import { attributions, type Charge, ingest, openWorld, resource, sync, type World } from './world.ts';

const uuidA = '3f1d6c2e-0000-4000-8000-00000000000a';
const uuidB = '3f1d6c2e-0000-4000-8000-00000000000b';

interface Listing {
  readonly at?: string;
  readonly kind?: ResourceKind;
  readonly provider?: string;
  readonly resources: readonly (Pick<ProviderResource, 'externalId' | 'name'> & Partial<ProviderResource>)[];
}

interface Case {
  readonly name: string;
  /** What the inventory showed, in the order of time; in March unless a listing says otherwise. */
  readonly listings: readonly Listing[];
  /** For all of April unless it says otherwise. */
  readonly charge: Charge;
  readonly outcome: string;
  readonly resource?: string;
  readonly candidates?: readonly string[];
  readonly reason: RegExp;
}

const web = { externalId: '101', name: 'web' };
const web2 = { externalId: '102', name: 'web' };
const one = (...resources: Listing['resources'][number][]): Listing[] => [{ resources }];
const of = (kind: ResourceKind, ...resources: Listing['resources'][number][]): Listing[] => [
  { kind, resources },
];
const renamed: Listing[] = [
  { at: '2026-03-01T00:00:00Z', resources: [web] },
  { at: '2026-04-10T00:00:00Z', resources: [web] },
  { at: '2026-04-10T01:00:00Z', resources: [{ ...web, name: 'web-new' }] },
];
const goneInApril: Listing[] = [
  { at: '2026-03-01T00:00:00Z', resources: [web] },
  { at: '2026-04-10T00:00:00Z', resources: [] },
];

const cases: readonly Case[] = [
  {
    name: 'a line whose id is a droplet number belongs to that droplet',
    listings: one(web, web2),
    charge: { name: 'web', id: '102' },
    outcome: 'matched_by_id',
    resource: '102',
    reason: /names the id/,
  },
  {
    name: 'a line whose id is a UUID belongs to the resource with that UUID',
    listings: of('volume', { externalId: uuidA, name: 'data', kind: 'volume' }),
    charge: { name: 'data', kind: 'volume', uuid: uuidA },
    outcome: 'matched_by_id',
    resource: uuidA,
    reason: /names the id/,
  },
  {
    name: 'the id decides, whatever name the line bears',
    listings: one(web, { externalId: '103', name: 'database' }),
    charge: { name: 'database', id: '101' },
    outcome: 'matched_by_id',
    resource: '101',
    reason: /names the id/,
  },
  {
    name: 'an id still decides for a resource that was gone before the line',
    listings: goneInApril,
    charge: { name: 'web', id: '101', from: '2026-04-20T00:00:00Z' },
    outcome: 'matched_by_id',
    resource: '101',
    reason: /names the id/,
  },
  {
    name: 'an id of another kind proves nothing',
    listings: of('volume', { externalId: '101', name: 'data', kind: 'volume' }),
    charge: { name: 'web', id: '101' },
    outcome: 'unmatched',
    reason: /no droplet with the id/,
  },
  {
    name: 'a line without an id belongs to the one resource of its name',
    listings: one(web, { externalId: '103', name: 'database' }),
    charge: { name: 'web' },
    outcome: 'matched_by_name',
    resource: '101',
    reason: /the one droplet of this name/,
  },
  {
    name: 'names are the same whatever their case',
    listings: one({ externalId: '101', name: 'Web-Front' }),
    charge: { name: 'wEB-fRONT' },
    outcome: 'matched_by_name',
    resource: '101',
    reason: /of this name/,
  },
  {
    name: 'a name with quotes is a name',
    listings: one({ externalId: '101', name: `staging "blue" 'x'` }),
    charge: { name: `staging "blue" 'x'` },
    outcome: 'matched_by_name',
    resource: '101',
    reason: /of this name/,
  },
  {
    name: 'a name with commas, backslashes and tabs is a name',
    listings: one({ externalId: '101', name: 'legacy, web\\n\t1' }),
    charge: { name: 'legacy, web\\n\t1' },
    outcome: 'matched_by_name',
    resource: '101',
    reason: /of this name/,
  },
  {
    name: 'a name in any script is a name, whatever its case',
    listings: of('snapshot', { externalId: '9', name: 'büro 東京 🌏', kind: 'snapshot' }),
    charge: { name: 'BÜRO 東京 🌏', kind: 'snapshot' },
    outcome: 'matched_by_name',
    resource: '9',
    reason: /of this name/,
  },
  {
    name: 'a name is never a pattern',
    listings: one({ externalId: '101', name: 'web-1' }),
    charge: { name: 'web-_' },
    outcome: 'unmatched',
    reason: /no droplet of this name/,
  },
  {
    name: 'a line from before a rename is matched by the earlier name',
    listings: renamed,
    charge: { name: 'web', to: '2026-04-05T00:00:00Z' },
    outcome: 'matched_by_name',
    resource: '101',
    reason: /of this name/,
  },
  {
    name: 'a line from after a rename is not matched by the earlier name',
    listings: renamed,
    charge: { name: 'web', from: '2026-04-20T00:00:00Z' },
    outcome: 'unmatched',
    reason: /no droplet of this name/,
  },
  {
    name: 'a line from after a rename is matched by the new name',
    listings: renamed,
    charge: { name: 'web-new', from: '2026-04-20T00:00:00Z' },
    outcome: 'matched_by_name',
    resource: '101',
    reason: /of this name/,
  },
  {
    name: 'a line from before a rename is not matched by the new name',
    listings: renamed,
    charge: { name: 'web-new', to: '2026-04-05T00:00:00Z' },
    outcome: 'unmatched',
    reason: /no droplet of this name/,
  },
  {
    name: 'a gone resource keeps the lines of its life',
    listings: goneInApril,
    charge: { name: 'web' },
    outcome: 'matched_by_name',
    resource: '101',
    reason: /of this name/,
  },
  {
    name: 'a gone resource gets no line from after its life',
    listings: goneInApril,
    charge: { name: 'web', from: '2026-04-20T00:00:00Z' },
    outcome: 'unmatched',
    reason: /no droplet of this name at that time/,
  },
  {
    name: 'a resource gets no line from before it was created',
    listings: one({ ...web, createdAt: new Date('2026-05-03T00:00:00Z') }),
    charge: { name: 'web' },
    outcome: 'unmatched',
    reason: /no droplet of this name at that time/,
  },
  {
    name: 'a resource created within the line gets it',
    listings: one({ ...web, createdAt: new Date('2026-04-30T23:59:59Z') }),
    charge: { name: 'web' },
    outcome: 'matched_by_name',
    resource: '101',
    reason: /of this name/,
  },
  {
    name: 'two resources of one name leave a line ambiguous, with both as candidates',
    listings: one(web, web2),
    charge: { name: 'web' },
    outcome: 'ambiguous',
    candidates: ['101', '102'],
    reason: /2 resources had this name/,
  },
  {
    name: 'of two namesakes, the one that was gone before the line is no candidate',
    listings: [
      { at: '2026-03-01T00:00:00Z', resources: [web, web2] },
      { at: '2026-03-20T00:00:00Z', resources: [web2] },
    ],
    charge: { name: 'web' },
    outcome: 'matched_by_name',
    resource: '102',
    reason: /of this name/,
  },
  {
    name: 'a namesake with another id than the line names is another resource',
    listings: one(web),
    charge: { name: 'web', id: '999' },
    outcome: 'unmatched',
    reason: /a droplet of this name is known, but the invoice names another id/,
  },
  {
    name: 'a namesake with another UUID than the line names is another resource',
    listings: of('volume', { externalId: uuidA, name: 'data', kind: 'volume' }),
    charge: { name: 'data', kind: 'volume', uuid: uuidB },
    outcome: 'unmatched',
    reason: /names another id/,
  },
  {
    name: 'an internal id that no listing shows proves nothing against a namesake',
    listings: one(web),
    charge: { name: 'web', uuid: uuidB },
    outcome: 'matched_by_name',
    resource: '101',
    reason: /of this name/,
  },
  {
    name: 'an unknown id without a namesake is unmatched',
    listings: one(web),
    charge: { name: 'other', id: '999' },
    outcome: 'unmatched',
    reason: /no droplet with the id that the invoice names, or of this name/,
  },
  {
    name: 'a backup is charged to the droplet that bears its name',
    listings: one(web),
    charge: { name: 'web', kind: 'backup' },
    outcome: 'matched_by_name',
    resource: '101',
    reason: /of this name/,
  },
  {
    name: 'a backup that names its droplet by id is that droplet’s',
    listings: one(web, web2),
    charge: { name: 'web', kind: 'backup', id: '101' },
    outcome: 'matched_by_id',
    resource: '101',
    reason: /names the id/,
  },
  {
    name: 'a resource of another kind with the same name gets nothing',
    listings: of('volume', { externalId: uuidA, name: 'web', kind: 'volume' }),
    charge: { name: 'web' },
    outcome: 'unmatched',
    reason: /no droplet of this name/,
  },
  {
    name: 'a reserved IP is matched by its address',
    listings: of('reserved_ip', { externalId: '203.0.113.9', name: '203.0.113.9', kind: 'reserved_ip' }),
    charge: { name: '203.0.113.9', kind: 'reserved_ip' },
    outcome: 'matched_by_name',
    resource: '203.0.113.9',
    reason: /of this name/,
  },
  {
    name: 'a bucket with the UUID that only invoices show is matched by its name',
    listings: of('spaces_bucket', { externalId: 'media@syd1', name: 'media', kind: 'spaces_bucket' }),
    charge: { name: 'media', kind: 'spaces_bucket', uuid: uuidB },
    outcome: 'matched_by_name',
    resource: 'media@syd1',
    reason: /of this name/,
  },
  {
    name: 'a product behind which no listed kind stands is unmatched',
    listings: one(web),
    charge: { name: null, kind: null },
    outcome: 'unmatched',
    reason: /no listed kind of resource/,
  },
  {
    name: 'a line that names nothing is unmatched',
    listings: one(web),
    charge: { name: null },
    outcome: 'unmatched',
    reason: /the line names no resource/,
  },
  {
    name: 'a shared line belongs to no resource, even with a namesake',
    listings: one(web),
    charge: { name: 'web', lineClass: 'shared' },
    outcome: 'shared',
    reason: /project or the account/,
  },
  {
    name: 'a tax belongs to no resource, even with an id',
    listings: one(web),
    charge: { name: 'web', id: '101', lineClass: 'tax' },
    outcome: 'tax',
    reason: /a tax/,
  },
  {
    name: 'a credit belongs to no resource, and stays negative',
    listings: one(web),
    charge: { name: 'web', lineClass: 'credit', amount: '-1.50' },
    outcome: 'credit',
    reason: /a credit/,
  },
  {
    name: 'a namesake at another provider gets nothing',
    listings: [{ provider: 'elsewhere', resources: [web] }],
    charge: { name: 'web' },
    outcome: 'unmatched',
    reason: /no droplet of this name/,
  },
];

describe('the matching ladder', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  // A provider for each case keeps them apart.
  it.each(cases)(
    '$name',
    async ({ name, listings, charge, outcome, resource: expected, candidates, reason }) => {
      for (const listing of listings) {
        await sync(world, {
          provider: listing.provider ?? name,
          kind: listing.kind ?? 'droplet',
          at: listing.at ?? '2026-03-01T00:00:00Z',
          resources: listing.resources.map(resource),
        });
      }
      await ingest(world, { provider: name, invoiceUuid: name, period: '2026-04-01', charges: [charge] });
      expect(await attributions(world, name)).toEqual([
        {
          line: 1,
          outcome,
          reason: expect.stringMatching(reason),
          resource: expected ?? null,
          candidates: candidates ?? null,
        },
      ]);
    },
  );
});

describe('many lines of one invoice', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  it('each belong to the resource that had the name at their time, though all say the same', async () => {
    const provider = 'one name after the other';
    await sync(world, { provider, at: '2026-03-01T00:00:00Z', resources: [resource(web)] });
    const createdAt = new Date('2026-04-10T12:00:00Z');
    await sync(world, {
      provider,
      at: '2026-04-10T00:00:00Z',
      resources: [resource({ ...web2, createdAt })],
    });
    const days = ['05', '09', '10', '20'];
    const charges = days.map((day) => ({ name: 'web', ...dayOfApril(Number(day)) }));
    await ingest(world, { provider, invoiceUuid: provider, period: '2026-04-01', charges });
    expect((await attributions(world, provider)).map((line) => line.resource)).toEqual([
      '101',
      '101',
      '102',
      '102',
    ]);
  });

  it('are each matched as if they stood alone', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(listings, charges, async (history, lines) => {
        run += 1;
        const [together, alone] = [`together ${run}`, `alone ${run}`];
        for (const provider of [together, alone]) {
          for (const listing of history) await sync(world, { ...listing, provider });
        }
        const bill = { provider: together, invoiceUuid: together, period: '2026-04-01', charges: lines };
        await ingest(world, bill);
        for (const [index, charge] of lines.entries()) {
          const invoiceUuid = `${alone} ${String(index).padStart(2, '0')}`;
          await ingest(world, { provider: alone, invoiceUuid, period: '2026-04-01', charges: [charge] });
        }
        expect((await attributions(world, together)).map(({ line, ...attribution }) => attribution)).toEqual(
          (await attributions(world, alone)).map(({ line, ...attribution }) => attribution),
        );
      }),
      { numRuns: 40 },
    );
  }, 120_000);
});

function dayOfApril(day: number): { from: string; to: string } {
  const at = (date: number) => new Date(Date.UTC(2026, 3, date)).toISOString();
  return { from: at(day), to: at(day + 1) };
}

/** Who had which name from when on: in March, and then within April or after it. */
const listings = fc
  .array(
    fc.uniqueArray(
      fc.record({
        externalId: fc.constantFrom('101', '102', '103'),
        name: fc.constantFrom('web', 'WEB', 'db'),
        createdAt: fc.constantFrom(
          null,
          null,
          new Date('2026-04-08T06:00:00Z'),
          new Date('2026-05-20T00:00:00Z'),
        ),
      }),
      { selector: (entry) => entry.externalId, maxLength: 3 },
    ),
    { minLength: 3, maxLength: 4 },
  )
  .map((entries) =>
    entries.map((resources, index) => ({
      at: new Date(Date.UTC(2026, 2, 20 + 11 * index)).toISOString(),
      resources: resources.map(resource),
    })),
  );

/** A charge a day, of few names and amounts, so that many say the same; some of them name an id. */
const charges = fc.uniqueArray(
  fc
    .record({
      day: fc.integer({ min: 1, max: 30 }),
      name: mostly<string | null>('web', 'Web', 'db', null),
      kind: mostly<ResourceKind | null>('droplet', 'backup', null),
      lineClass: mostly<'resource' | 'shared'>('resource', 'shared'),
      amount: mostly('1.00', '2.50'),
      id: mostly<string | undefined>(undefined, '101', '999'),
    })
    .map(({ day, id, ...charge }) => ({
      ...charge,
      ...dayOfApril(day),
      ...(id === undefined ? {} : { id }),
    })),
  { selector: (charge) => charge.from, minLength: 1, maxLength: 12 },
) satisfies fc.Arbitrary<Charge[]>;

function mostly<Value>(usual: Value, ...others: Value[]): fc.Arbitrary<Value> {
  return fc.oneof({ arbitrary: fc.constant(usual), weight: 8 }, ...others.map((other) => fc.constant(other)));
}
