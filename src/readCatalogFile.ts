import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import {
  addonTerms,
  catalogCode,
  currencyCode,
  planItems,
  planName,
  priceCents,
  refineUnit,
  resourcePriceTerms,
} from './api/catalogInputs.ts';
import { ArcadiaError } from './domain/errors.ts';
import type { CatalogSeed } from './services/seedCatalog.ts';

/** The catalog that this service comes with. */
export const shippedCatalog = fileURLToPath(new URL('../catalog/seed.json', import.meta.url));

/** A file that can't be read as a catalog, with every fault at once. */
export class InvalidCatalogFile extends ArcadiaError {
  constructor(file: string, faults: readonly string[]) {
    super('invalid_catalog_file', `${file} is not a catalog:\n${faults.join('\n')}`, {
      context: { file, faults },
    });
  }
}

const currency = currencyCode.optional();
const catalogFile = z.object({
  /** Of everything that does not name its own. */
  currency: currencyCode.default('AUD'),
  plans: z.array(
    z.strictObject({
      code: catalogCode,
      name: planName,
      base_price_cents: priceCents,
      currency,
      items: planItems.default([]),
    }),
  ),
  addons: z.array(z.strictObject({ ...addonTerms, currency })),
  resource_prices: z.array(z.strictObject({ ...resourcePriceTerms, currency }).superRefine(refineUnit)),
});

/** Reads a catalog file (JSON; the form of `catalog/seed.json`). @throws InvalidCatalogFile */
export async function readCatalogFile(file: string): Promise<CatalogSeed> {
  const read = catalogFile.safeParse(await parse(file));
  if (!read.success) {
    throw new InvalidCatalogFile(
      file,
      read.error.issues.map((issue) => `/${issue.path.map(String).join('/')}: ${issue.message}`),
    );
  }
  const { plans, addons, resource_prices: prices, currency: usual } = read.data;
  return {
    plans: plans.map((plan) => ({
      code: plan.code,
      name: plan.name,
      basePriceCents: plan.base_price_cents,
      currency: plan.currency ?? usual,
      items: plan.items,
    })),
    addons: addons.map((addon) => ({
      code: addon.code,
      resourceKind: addon.resource_kind,
      qty: addon.qty,
      priceCents: addon.price_cents,
      currency: addon.currency ?? usual,
    })),
    resourcePrices: prices.map((price) => ({
      resourceKind: price.resource_kind,
      unit: price.unit,
      priceCents: price.price_cents,
      currency: price.currency ?? usual,
      effectiveFrom: price.effective_from,
    })),
  };
}

async function parse(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new InvalidCatalogFile(file, [error instanceof Error ? error.message : String(error)]);
  }
}
