import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EntityManager } from '@mikro-orm/postgresql';
import fc from 'fast-check';
import type { DriftType } from '../../../src/domain/drift/price.ts';
import type { ResourceKind } from '../../../src/domain/resourceKind.ts';
import { DriftIgnoreRule } from '../../../src/entities/driftIgnoreRule.ts';
import type { Difference } from '../../../src/services/drift/differences.ts';
import { driftChanges } from '../../../src/services/drift/driftChanges.ts';
import { ignoreRuleMatches } from '../../../src/services/drift/ignoreRuleMatch.ts';
import { readRulesInForce } from '../../../src/services/drift/sweepReads.ts';
import { openWorld, resource, type World } from '../world.ts';
import { now, sweepsIn } from './sweepWorld.ts';

interface Place {
  readonly provider: string;
  readonly kind: ResourceKind;
  readonly resourceId: string;
}
interface Found extends Place {
  readonly type: DriftType;
  readonly field: string | null;
}
type Rule = { readonly [Key in keyof Place]: Place[Key] | null } & { readonly field: string | null };

const fields = ['name', 'size_slug'];
const shapes: readonly Pick<Found, 'type' | 'field'>[] = [
  { type: 'missing', field: null },
  { type: 'unmanaged', field: null },
  ...fields.map((field) => ({ type: 'field' as const, field })),
];

describe('an ignore rule', () => {
  let world: World;
  const places: Place[] = [];
  beforeAll(async () => {
    world = await openWorld();
    const sweeps = sweepsIn(world);
    for (const provider of [`cloud-a-${randomUUID()}`, `cloud-b-${randomUUID()}`]) {
      for (const kind of ['droplet', 'volume'] as const) {
        const externalIds = [`${kind}-1`, `${kind}-2`];
        await sweeps.list(
          provider,
          externalIds.map((externalId) => resource({ externalId, name: externalId, kind })),
          { kind },
        );
        for (const externalId of externalIds)
          places.push({ provider, kind, resourceId: await sweeps.idOf(provider, externalId) });
      }
    }
  });
  afterAll(() => world.close());

  it('covers for a sweep what it covers for whoever makes it', async () => {
    const drifts = places.flatMap((place) => shapes.map((shape) => ({ ...place, ...shape })));
    const counted = { covered: 0, open: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(anyRule(places), { minLength: 1, maxLength: 3 }), async (rules) => {
        await rolledBack(world.em(), async (em) => {
          await write(em, rules);
          const covered = await coveredInSql(em, drifts);
          expect(await coveredBySweeps(em, drifts)).toEqual(covered);
          counted.covered += covered.length;
          counted.open += drifts.length - covered.length;
        });
      }),
      { numRuns: 60 },
    );
    expect(counted.covered).toBeGreaterThan(0);
    expect(counted.open).toBeGreaterThan(0);
  }, 60_000);
});

/** A rule as the table allows it: it names a kind or a resource. */
function anyRule(places: readonly Place[]): fc.Arbitrary<Rule> {
  const orNull = <Value>(values: readonly Value[]) => fc.constantFrom(...values, null);
  return fc
    .record({
      provider: orNull([...new Set(places.map(({ provider }) => provider))]),
      kind: orNull([...new Set(places.map(({ kind }) => kind))]),
      resourceId: orNull(places.map(({ resourceId }) => resourceId)),
      field: orNull([...fields, 'missing', 'unmanaged']),
    })
    .filter(({ kind, resourceId }) => kind !== null || resourceId !== null);
}

async function write(em: EntityManager, rules: readonly Rule[]): Promise<void> {
  const said = { owner: 'ops', reason: 'a test', createdAt: now, createdBy: 'admin-1', endedAt: null };
  await em.insertMany(
    DriftIgnoreRule,
    rules.map(({ resourceId, ...rule }) => ({
      ...said,
      ...rule,
      id: randomUUID(),
      resource: resourceId,
      expiresAt: new Date(now.getTime() + 3_600_000),
    })),
  );
}

/** As a new rule closes what is open. */
async function coveredInSql(em: EntityManager, drifts: readonly Found[]): Promise<string[]> {
  const rows = await em.execute<{ place: number }[]>(
    `select drift.place
     from jsonb_to_recordset(?::jsonb) as drift (place int, provider text, kind text, resource_id uuid, type text, field text)
     where exists (
       select from drift_ignore_rules rule
       where rule.ended_at is null and rule.expires_at > ? and ${ignoreRuleMatches('rule', 'drift')}
     )`,
    [
      JSON.stringify(
        drifts.map(({ resourceId, ...drift }, place) => ({ ...drift, place, resource_id: resourceId })),
      ),
      now,
    ],
  );
  return namesOf(rows.flatMap(({ place }) => drifts[place] ?? []));
}

/** As sweeps, kind by kind, find them: what they would not open. */
async function coveredBySweeps(em: EntityManager, drifts: readonly Found[]): Promise<string[]> {
  const covered: Found[] = [];
  for (const ofKind of Map.groupBy(drifts, ({ provider, kind }) => `${provider} ${kind}`).values()) {
    const [first] = ofKind;
    if (first === undefined) continue;
    const { provider, kind } = first;
    const rules = await readRulesInForce(em, { provider, kind, after: '', upTo: '~' }, now);
    const differences = ofKind.map(differenceOf);
    const opened = driftChanges({ differences, open: [], rules, workflowId: 'sweep-drift' }).open;
    covered.push(...ofKind.filter((_drift, index) => !opened.some((one) => one === differences[index])));
  }
  return namesOf(covered);
}

const differenceOf = ({ resourceId, type, field }: Found): Difference => ({
  resourceId,
  type,
  field,
  desired: null,
  actual: null,
  specVersion: null,
  priceMonthly: null,
  currency: 'USD',
  priceSource: null,
  billed: null,
  unbilled: false,
});

const namesOf = (drifts: readonly Found[]): string[] =>
  drifts.map(({ resourceId, type, field }) => `${resourceId} ${type} ${field}`).toSorted();

/** So that one case's rules are none of the next one's, nor of another test's. */
async function rolledBack(em: EntityManager, work: (em: EntityManager) => Promise<void>): Promise<void> {
  await em.begin();
  try {
    await work(em);
  } finally {
    await em.rollback();
  }
}
