import { z } from 'zod';
import { meterKindNames, meterKinds, type OverageUnit, unitFactors } from '../domain/meters.ts';
import { Decimal } from '../domain/money.ts';
import type { PlanItemTerms } from '../domain/planTerms.ts';
import { day, text } from './schemas.ts';

/** What the catalog is made of, as requests and the seed file say it. */

const codeForm = 'expected 1 to 63 lower-case letters, digits, hyphens and underscores, the first no sign';
/** Of a plan or an addon. */
export const catalogCode = z
  .string({ error: codeForm })
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, codeForm)
  .meta({ example: 'studio' });

const currencies = new Set(Intl.supportedValuesOf('currency'));
const currencyForm = 'expected the three letters of a currency, like AUD (ISO 4217)';
export const currencyCode = z
  .string({ error: currencyForm })
  .refine((value) => currencies.has(value), currencyForm)
  .meta({ example: 'AUD' });

const largestCents = 1_000_000_000_000;
const centsForm = `expected whole cents from 0 to ${largestCents}`;
export const priceCents = z
  .int({ error: centsForm })
  .min(0, centsForm)
  .max(largestCents, centsForm)
  .meta({ description: 'In cents of the currency, before tax.' });

/** A decimal of 0 or more as its shortest text; whole ones may be sent as numbers. */
function decimal(places: number, description: string) {
  const form = `expected a number of 0 or more, of at most 15 digits and ${places} decimals, like 744 or "0.5"`;
  return z
    .union([z.number(), z.string().regex(/^\d{1,15}(?:\.\d{1,15})?$/, form)], { error: form })
    .transform((value) => new Decimal(value))
    .refine((value) => !value.isNegative() && value.lt(1e15) && value.decimalPlaces() <= places, form)
    .transform((value) => value.toFixed())
    .meta({
      description,
      anyOf: [
        { type: 'string', example: '744' },
        { type: 'number', minimum: 0 },
      ],
    });
}

/** Quantities have six decimals wherever they are counted. */
export const quantity = decimal(6, 'In the base unit of the kind: hours, GB-months, GB, zones, tokens.');
export const unitPriceCents = decimal(
  8,
  'Cents for one overage unit, before tax; may be a fraction of a cent.',
);

const kindForm = `expected one of ${meterKindNames.join(', ')}`;
export const meterKind = z.enum(meterKindNames, { error: kindForm });
const units = Object.keys(unitFactors) as OverageUnit[];
export const overageUnit = z
  .enum(units, { error: `expected one of ${units.join(', ')}` })
  .meta({ description: 'Each kind has one.' });

/** @returns what is wrong with the unit of a kind; undefined where it is the kind's own */
export function unitFault(kind: keyof typeof meterKinds, unit: OverageUnit): string | undefined {
  const { overageUnit: expected } = meterKinds[kind];
  return unit === expected ? undefined : `${kind} is priced by ${expected}`;
}

const planItem = z
  .strictObject({
    resource_kind: meterKind,
    included_qty: quantity,
    overage_unit: overageUnit,
    overage_price_cents: unitPriceCents,
    hard_cap_qty: quantity
      .nullable()
      .default(null)
      .meta({ description: 'The most overage that is charged: 0 charges none, null has no cap.' }),
  })
  .superRefine((item, issues) => {
    const message = unitFault(item.resource_kind, item.overage_unit);
    if (message !== undefined) issues.addIssue({ code: 'custom', path: ['overage_unit'], message });
  })
  .transform(
    (item): PlanItemTerms => ({
      resourceKind: item.resource_kind,
      includedQty: item.included_qty,
      overageUnit: item.overage_unit,
      overagePriceCents: item.overage_price_cents,
      hardCapQty: item.hard_cap_qty,
    }),
  );

/** What a plan version says of each kind; a kind comes once. */
export const planItems = z
  .array(planItem, { error: 'expected a list of items' })
  .max(meterKindNames.length, `expected at most one item a kind, ${meterKindNames.length} in all`)
  .superRefine((items, issues) => {
    items.forEach((item, index) => {
      const first = items.findIndex((other) => other.resourceKind === item.resourceKind);
      if (first === index) return;
      issues.addIssue({
        code: 'custom',
        path: [index, 'resource_kind'],
        message: `${item.resourceKind} has an item already, at ${first}`,
      });
    });
  });

export const addonTerms = {
  code: catalogCode,
  resource_kind: meterKind,
  qty: quantity,
  price_cents: priceCents,
};

export const resourcePriceTerms = {
  resource_kind: meterKind,
  unit: overageUnit,
  price_cents: unitPriceCents,
  currency: currencyCode.default('AUD'),
  effective_from: day,
};

/** Refuses a resource price whose unit is not its kind's. */
export function refineUnit(
  price: { readonly resource_kind: keyof typeof meterKinds; readonly unit: OverageUnit },
  issues: z.RefinementCtx,
): void {
  const message = unitFault(price.resource_kind, price.unit);
  if (message !== undefined) issues.addIssue({ code: 'custom', path: ['unit'], message });
}

export const planName = text(200);
