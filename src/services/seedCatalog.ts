import type { EntityManager } from '@mikro-orm/postgresql';
import type { JsonValue } from '../domain/errors.ts';
import { Decimal } from '../domain/money.ts';
import type { AddonTerms, PlanItemTerms } from '../domain/planTerms.ts';
import { Addon } from '../entities/addon.ts';
import { Plan } from '../entities/plan.ts';
import { PlanVersion } from '../entities/planVersion.ts';
import { ResourcePrice } from '../entities/resourcePrice.ts';
import { addPlanVersion, type NewPlanVersion } from './addPlanVersion.ts';
import { createAddon } from './createAddon.ts';
import { createPlan } from './createPlan.ts';
import { createResourcePrice, type NewResourcePrice } from './createResourcePrice.ts';
import { findPlanVersion } from './listCatalog.ts';
import { publishPlanVersion } from './publishPlanVersion.ts';
import type { ChangeRequest } from './recordChange.ts';

/** What a catalog begins with. */
export interface CatalogSeed {
  readonly plans: readonly (NewPlanVersion & { readonly code: string; readonly name: string })[];
  readonly addons: readonly (AddonTerms & { readonly currency: string })[];
  readonly resourcePrices: readonly NewResourcePrice[];
}

/** Something that the catalog has otherwise than the seed says. */
export interface SeedDifference {
  /** `plan studio`, `addon storage_50gb`, `price of volume_gb_month in AUD from 2014-12-01`. */
  readonly subject: string;
  readonly field: string;
  readonly catalog: JsonValue;
  readonly seed: JsonValue;
}

export interface SeedOutcome {
  /** Subjects that were not there. */
  readonly created: readonly string[];
  /** Subjects that are there as the seed says. */
  readonly unchanged: readonly string[];
  /** What is there and differs: it stays as it is. */
  readonly differences: readonly SeedDifference[];
}

/** Any number that only seeds use: two at once run one after the other. */
const seedLock = 4_005_2027;

type Terms = { readonly [field: string]: JsonValue };

/**
 * Adds what the catalog has not: plans with a published version, addons, resource prices; in one transaction. What is there is never
 * changed, above all no published version: where it differs from the seed, the outcome says how.
 */
export function seedCatalog(
  em: EntityManager,
  seed: CatalogSeed,
  request: ChangeRequest,
): Promise<SeedOutcome> {
  return em.transactional(async (transaction) => {
    await transaction.execute('select pg_advisory_xact_lock(?)', [seedLock]);
    const created: string[] = [];
    const unchanged: string[] = [];
    const differences: SeedDifference[] = [];
    const compare = (subject: string, catalog: Terms, wanted: Terms) => {
      const found = differencesOf(subject, catalog, wanted);
      if (found.length === 0) unchanged.push(subject);
      else differences.push(...found);
    };

    for (const wanted of seed.plans) {
      const subject = `plan ${wanted.code}`;
      if ((await transaction.count(Plan, { code: wanted.code })) === 0) {
        await createPlan(transaction, wanted, request);
        await addPlanVersion(transaction, wanted.code, wanted, request);
        await publishPlanVersion(transaction, { planCode: wanted.code, version: 1 }, request);
        created.push(subject);
      } else {
        const stored = await termsOfPlan(transaction, wanted.code);
        if (stored === null) differences.push({ subject, field: 'active_version', catalog: null, seed: 1 });
        else compare(subject, stored, termsOfSeed(wanted));
      }
    }
    for (const wanted of seed.addons) {
      const subject = `addon ${wanted.code}`;
      const addon = await transaction.findOne(Addon, { code: wanted.code });
      if (addon === null) {
        await createAddon(transaction, wanted, request);
        created.push(subject);
      } else {
        compare(subject, termsOfAddon(addon), termsOfAddon(wanted));
      }
    }
    for (const wanted of seed.resourcePrices) {
      const { resourceKind, currency, effectiveFrom, unit, priceCents } = wanted;
      const subject = `price of ${resourceKind} in ${currency} from ${effectiveFrom}`;
      const price = await transaction.findOne(ResourcePrice, { resourceKind, currency, effectiveFrom });
      if (price === null) {
        await createResourcePrice(transaction, wanted, { ...request, reason: request.reason ?? 'seed' });
        created.push(subject);
      } else {
        compare(
          subject,
          { unit: price.unit, price_cents: shortest(price.priceCents) },
          { unit, price_cents: shortest(priceCents) },
        );
      }
    }
    return { created, unchanged, differences };
  });
}

function differencesOf(subject: string, catalog: Terms, seed: Terms): SeedDifference[] {
  return [...new Set([...Object.keys(catalog), ...Object.keys(seed)])].flatMap((field) => {
    const [stored, wanted] = [catalog[field] ?? null, seed[field] ?? null];
    return stored === wanted ? [] : [{ subject, field, catalog: stored, seed: wanted }];
  });
}

/** The active version's terms, flat; null where there is none. */
async function termsOfPlan(em: EntityManager, code: string): Promise<Terms | null> {
  const plan = await em.findOneOrFail(Plan, { code });
  const active = await em.findOne(PlanVersion, { plan: plan.id, status: 'active' });
  const stored = active === null ? null : await findPlanVersion(em, code, active.version);
  if (stored === null) return null;
  const { basePriceCents, currency } = stored.version;
  return {
    name: plan.name,
    ...termsOfVersion({
      basePriceCents,
      currency,
      items: stored.items.map((item) => ({ ...item, hardCapQty: item.hardCapQty ?? null })),
    }),
  };
}

const termsOfSeed = ({ name, ...version }: CatalogSeed['plans'][number]): Terms => ({
  name,
  ...termsOfVersion(version),
});

type VersionTerms = Omit<NewPlanVersion, 'items'> & {
  readonly items: readonly (Omit<PlanItemTerms, 'overageUnit'> & { readonly overageUnit: string })[];
};

function termsOfVersion({ basePriceCents, currency, items }: VersionTerms): Terms {
  return {
    base_price_cents: basePriceCents,
    currency,
    ...Object.fromEntries(
      items.flatMap((item) => [
        [`${item.resourceKind}.included_qty`, shortest(item.includedQty)],
        [`${item.resourceKind}.overage_unit`, item.overageUnit],
        [`${item.resourceKind}.overage_price_cents`, shortest(item.overagePriceCents)],
        [`${item.resourceKind}.hard_cap_qty`, item.hardCapQty === null ? 'none' : shortest(item.hardCapQty)],
      ]),
    ),
  };
}

const termsOfAddon = (addon: Pick<Addon, 'resourceKind' | 'qty' | 'priceCents' | 'currency'>): Terms => ({
  resource_kind: addon.resourceKind,
  qty: shortest(addon.qty),
  price_cents: addon.priceCents,
  currency: addon.currency,
});

const shortest = (value: string) => new Decimal(value).toFixed();
