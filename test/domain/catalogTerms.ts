import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { MeterKind, OverageUnit } from '../../src/domain/meters.ts';
import type { AddonTerms, PlanItemTerms, PlanTerms, ResourcePriceTerms } from '../../src/domain/planTerms.ts';

/** A plan, addons and prices as the catalog's files write them. */
export interface CatalogPlan {
  readonly code: string;
  readonly base_price_cents: number;
  readonly items: readonly {
    readonly resource_kind: MeterKind;
    readonly included_qty: number | string;
    readonly overage_unit: OverageUnit;
    readonly overage_price_cents: string;
    readonly hard_cap_qty: number | string | null;
  }[];
}
export interface CatalogAddon {
  readonly code: string;
  readonly resource_kind: MeterKind;
  readonly qty: number | string;
  readonly price_cents: number;
}
export interface CatalogPrice {
  readonly resource_kind: MeterKind;
  readonly unit: OverageUnit;
  readonly price_cents: string;
  readonly effective_from: string;
}
export interface Catalog {
  readonly plans: readonly CatalogPlan[];
  readonly addons: readonly CatalogAddon[];
  readonly resource_prices: readonly CatalogPrice[];
}

/** What a case asks for, by code. */
export interface CatalogTerms {
  plan(code: string): PlanTerms;
  addon(code: string): AddonTerms;
  prices(kind: MeterKind): ResourcePriceTerms[];
}

const root = path.resolve(import.meta.dirname, '../..');

export function readJson(file: string): unknown {
  return JSON.parse(readFileSync(path.join(root, file), 'utf8'));
}

/** The catalog that the service is seeded with. */
export const seedCatalog = readJson('dev/golden/catalog.json') as Catalog & { readonly kinds: unknown };

export function termsOf(catalog: Catalog): CatalogTerms {
  return {
    plan(code) {
      const plan = named(catalog.plans, code);
      return {
        planCode: code,
        version: 1,
        currency: 'AUD',
        basePriceCents: plan.base_price_cents,
        items: plan.items.map(itemTerms),
      };
    },
    addon(code) {
      const { resource_kind, qty, price_cents } = named(catalog.addons, code);
      return { code, resourceKind: resource_kind, qty: String(qty), priceCents: price_cents };
    },
    prices(kind) {
      return catalog.resource_prices
        .filter((price) => price.resource_kind === kind)
        .map((price) => ({
          unit: price.unit,
          priceCents: price.price_cents,
          effectiveFrom: price.effective_from,
        }));
    },
  };
}

function itemTerms(item: CatalogPlan['items'][number]): PlanItemTerms {
  return {
    resourceKind: item.resource_kind,
    includedQty: String(item.included_qty),
    overageUnit: item.overage_unit,
    overagePriceCents: item.overage_price_cents,
    hardCapQty: item.hard_cap_qty === null ? null : String(item.hard_cap_qty),
  };
}

function named<Item extends { readonly code: string }>(items: readonly Item[], code: string): Item {
  const found = items.find((item) => item.code === code);
  if (found === undefined) throw new Error(`no ${code} in the catalog`);
  return found;
}
