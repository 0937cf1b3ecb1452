import { z } from 'zod';
import { dayOf } from '../domain/calendar.ts';
import { meterKindNames } from '../domain/meters.ts';
import { Decimal } from '../domain/money.ts';
import type { Projection } from '../domain/projection.ts';
import type { QuoteLine } from '../domain/quote.ts';
import { quotePlan } from '../services/quotePlan.ts';
import { callerRoles } from './requestState.ts';
import { defineRoute, type Route } from './route.ts';
import { currency, day, json, text } from './schemas.ts';

const largestQuantity = 1e15;
const quantityForm =
  'expected a number from 0 to 10^15, or a decimal text of at most 15 digits and 6 places, like 1488 or "0.5"';
const quantity = z
  .union(
    [
      z.number().min(0, quantityForm).max(largestQuantity, quantityForm),
      z.string().regex(/^\d{1,15}(?:\.\d{1,6})?$/, quantityForm),
    ],
    { error: quantityForm },
  )
  .transform((value) => new Decimal(value).toFixed())
  .meta({
    description: 'In the base unit of its kind: hours, GB-months, GB, zones, tokens.',
    anyOf: [
      { type: 'number', minimum: 0 },
      { type: 'string', example: '1488' },
    ],
  });

const cents = z.int().meta({ description: 'Whole cents of the currency, before tax.' });

const quoteLine = z
  .strictObject({
    kind: z.enum(['plan_base', 'addon', 'overage']),
    resource_kind: z.enum(meterKindNames).nullable(),
    description: z.string(),
    qty: z.string(),
    unit: z.string(),
    unit_price_cents: z.string().meta({ description: 'A decimal text: it may be a fraction of a cent.' }),
    amount_cents: cents.meta({
      description: 'qty × unit_price_cents, rounded once, half up, away from zero.',
    }),
    meta: z.record(z.string(), json),
  })
  .meta({ id: 'QuoteLine' });

const pricedLines = z
  .strictObject({ lines: z.array(quoteLine), total_cents: cents })
  .meta({ id: 'QuoteLines' });

const quote = z
  .strictObject({
    plan_code: z.string(),
    version: z.int(),
    currency,
    starts_on: z.iso.date(),
    recurring: pricedLines.meta({ description: 'The fees of a whole month.' }),
    first_invoice: pricedLines.meta({
      description: 'The fees of the first month: by its days from starts_on on, over all of its days.',
    }),
    overage: pricedLines.meta({
      description: 'What the projected usage of a whole month costs above what is included.',
    }),
    all_in_monthly_cents: cents.meta({ description: 'recurring + overage.' }),
  })
  .meta({ id: 'Quote' });

const toLine = (line: QuoteLine): z.input<typeof quoteLine> => ({
  kind: line.kind,
  resource_kind: line.resourceKind,
  description: line.description,
  qty: line.qty,
  unit: line.unit,
  unit_price_cents: line.unitPriceCents,
  amount_cents: line.amountCents,
  meta: line.meta,
});
const toLines = ({ lines, totalCents }: Projection['recurring']): z.input<typeof pricedLines> => ({
  lines: lines.map(toLine),
  total_cents: totalCents,
});

export const quoteRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/quote',
    tag: 'Catalog',
    summary: 'What a plan would cost, by the function that prices invoices. Prices exclude tax.',
    roles: callerRoles,
    body: z.strictObject({
      plan_code: text(100).meta({ description: 'Its active version is quoted.' }),
      addons: z
        .array(text(100))
        .max(100)
        .default([])
        .meta({ description: 'Codes; one that comes twice counts twice.' }),
      projected_usage: z
        .partialRecord(z.enum(meterKindNames), quantity)
        .default({})
        .meta({ description: 'What a whole month would use, by kind.' }),
      starts_on: day.optional().meta({ description: 'The first day; today where it is absent.' }),
    }),
    answer: { status: 200, description: 'The quote, with every line.', schema: quote },
    problems: {
      422: 'Also where a code is not in the catalog, or where nothing has a price for usage above what is included.',
    },
    async handle({ em, body, now }) {
      const startsOn = body.starts_on ?? dayOf(now.toISOString());
      const quoted = await quotePlan(em, {
        planCode: body.plan_code,
        addonCodes: body.addons,
        projectedUsage: body.projected_usage,
        startsOn,
      });
      return {
        status: 200,
        body: {
          plan_code: quoted.plan.planCode,
          version: quoted.plan.version,
          currency: quoted.plan.currency,
          starts_on: startsOn,
          recurring: toLines(quoted.recurring),
          first_invoice: toLines(quoted.firstInvoice),
          overage: toLines(quoted.overage),
          all_in_monthly_cents: quoted.allInMonthlyCents,
        },
      };
    },
  }),
];
