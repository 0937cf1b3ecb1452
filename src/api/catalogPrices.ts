import { z } from 'zod';
import { meterKindNames } from '../domain/meters.ts';
import type { Addon } from '../entities/addon.ts';
import type { ResourcePrice } from '../entities/resourcePrice.ts';
import { createAddon } from '../services/createAddon.ts';
import { createResourcePrice } from '../services/createResourcePrice.ts';
import { listAddons, listResourcePrices } from '../services/listCatalog.ts';
import { repriceAddon } from '../services/repriceAddon.ts';
import {
  addonTerms,
  catalogCode,
  currencyCode,
  meterKind,
  priceCents,
  quantity,
  refineUnit,
  resourcePriceTerms,
} from './catalogInputs.ts';
import { admins, optionalReason, planCode, readers } from './catalogRequests.ts';
import { toChangeRequest } from './changeRequest.ts';
import { countingId, cursorOf, toPage } from './pages.ts';
import { notFound } from './problems.ts';
import { callerRoles } from './requestState.ts';
import { defineRoute, type Route } from './route.ts';
import { currency, instant, limit, pageOf, toDecimalText, toInstant, uuid } from './schemas.ts';

const addon = z
  .strictObject({
    id: uuid,
    code: z.string(),
    resource_kind: z.enum(meterKindNames),
    qty: z.string().meta({ description: 'A month, in the base unit of the kind.' }),
    price_cents: z.int().meta({ description: 'A month, before tax.' }),
    currency,
    created_at: instant,
  })
  .meta({ id: 'Addon' });

const resourcePrice = z
  .strictObject({
    id: z.string(),
    resource_kind: z.enum(meterKindNames),
    unit: z.string(),
    price_cents: z.string().meta({ description: 'A decimal text: it may be a fraction of a cent.' }),
    currency,
    effective_from: z.iso.date(),
  })
  .meta({ id: 'ResourcePrice' });

const toAddon = (row: Addon): z.input<typeof addon> => ({
  id: row.id,
  code: row.code,
  resource_kind: row.resourceKind,
  qty: toDecimalText(row.qty),
  price_cents: row.priceCents,
  currency: row.currency,
  created_at: toInstant(row.createdAt),
});
const toResourcePrice = (row: ResourcePrice): z.input<typeof resourcePrice> => ({
  id: String(row.id),
  resource_kind: row.resourceKind,
  unit: row.unit,
  price_cents: toDecimalText(row.priceCents),
  currency: row.currency,
  effective_from: row.effectiveFrom,
});

export const catalogPriceRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/catalog/addons',
    tag: 'Catalog',
    summary: 'The addons: more of a kind for a monthly price.',
    roles: callerRoles,
    query: z.strictObject({ limit, cursor: cursorOf('addons', catalogCode) }),
    answer: { status: 200, description: 'A page of addons, by code.', schema: pageOf(addon) },
    async handle({ em, query }) {
      const rows = await listAddons(em, { after: query.cursor, limit: query.limit });
      return { status: 200, body: toPage('addons', rows, query.limit, (row) => row.code, toAddon) };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/catalog/addons',
    tag: 'Catalog',
    summary: 'Adds an addon.',
    roles: admins,
    body: z.strictObject({ ...addonTerms, currency: currencyCode.default('AUD'), reason: optionalReason }),
    answer: { status: 201, description: 'The addon.', schema: addon },
    problems: { 409: 'There is an addon of that code, or the same request still runs.' },
    async handle(request) {
      const { em, body } = request;
      const { code, resource_kind: resourceKind, qty, price_cents: cents, currency: priced } = body;
      const created = await createAddon(
        em,
        { code, resourceKind, qty, priceCents: cents, currency: priced },
        toChangeRequest(request, body.reason),
      );
      return { status: 201, body: toAddon(created) };
    },
  }),
  defineRoute({
    method: 'put',
    path: '/api/v1/catalog/addons/:code',
    tag: 'Catalog',
    summary:
      'Changes what an addon gives and costs from now on; attached ones keep their price and quantity.',
    roles: admins,
    params: planCode,
    body: z.strictObject({ qty: quantity, price_cents: priceCents, reason: optionalReason }),
    answer: { status: 200, description: 'The addon.', schema: addon },
    problems: { 404: 'No such addon.' },
    async handle(request) {
      const { em, params, body } = request;
      const changed = await repriceAddon(
        em,
        params.code,
        { qty: body.qty, priceCents: body.price_cents },
        toChangeRequest(request, body.reason),
      );
      if (changed === null) throw notFound('addon');
      return { status: 200, body: toAddon(changed) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/catalog/resource-prices',
    tag: 'Catalog',
    summary: 'What kinds cost where a plan has no item for them, from which day on.',
    roles: readers,
    query: z.strictObject({
      resource_kind: meterKind.optional(),
      limit,
      cursor: cursorOf('resource-prices', countingId),
    }),
    answer: {
      status: 200,
      description: 'A page of prices, the last that was made first.',
      schema: pageOf(resourcePrice),
    },
    async handle({ em, query }) {
      const rows = await listResourcePrices(
        em,
        { resourceKind: query.resource_kind },
        { after: query.cursor, limit: query.limit },
      );
      return {
        status: 200,
        body: toPage('resource-prices', rows, query.limit, (row) => String(row.id), toResourcePrice),
      };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/catalog/resource-prices',
    tag: 'Catalog',
    summary: 'Sets what a kind costs from a day on where a plan has no item for it.',
    roles: admins,
    body: z.strictObject({ ...resourcePriceTerms, reason: optionalReason }).superRefine(refineUnit),
    answer: { status: 201, description: 'The price.', schema: resourcePrice },
    problems: {
      409: 'The kind has a price of that currency and day, or the same request still runs.',
      422: 'Also where the day is past and no reason is given.',
    },
    async handle(request) {
      const { em, body } = request;
      const { resource_kind: resourceKind, unit, price_cents: cents, effective_from: effectiveFrom } = body;
      const created = await createResourcePrice(
        em,
        { resourceKind, unit, priceCents: cents, currency: body.currency, effectiveFrom },
        toChangeRequest(request, body.reason),
      );
      return { status: 201, body: toResourcePrice(created) };
    },
  }),
];
