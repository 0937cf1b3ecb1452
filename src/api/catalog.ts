import { z } from 'zod';
import { dayOf } from '../domain/calendar.ts';
import { meterKindNames } from '../domain/meters.ts';
import type { PlanItem } from '../entities/planItem.ts';
import { planVersionStatuses } from '../entities/planVersion.ts';
import { addPlanVersion } from '../services/addPlanVersion.ts';
import { createPlan } from '../services/createPlan.ts';
import {
  findPlan,
  findPlanVersion,
  type ListedPlan,
  listPlans,
  type VersionWithItems,
} from '../services/listCatalog.ts';
import { publishPlanVersion } from '../services/publishPlanVersion.ts';
import { catalogCode, currencyCode, planItems, planName, priceCents } from './catalogInputs.ts';
import { admins, optionalReason, planCode, readers } from './catalogRequests.ts';
import { toChangeRequest } from './changeRequest.ts';
import { cursorOf, toPage } from './pages.ts';
import { notFound } from './problems.ts';
import { callerRoles } from './requestState.ts';
import { type CallerRequest, defineRoute, type Route } from './route.ts';
import {
  currency,
  instant,
  limit,
  pageOf,
  toDecimalText,
  toInstant,
  toInstantOrNull,
  uuid,
} from './schemas.ts';

const planItem = z
  .strictObject({
    resource_kind: z.enum(meterKindNames),
    included_qty: z.string().meta({ description: 'A month, in the base unit of the kind.' }),
    overage_unit: z.string(),
    overage_price_cents: z.string().meta({ description: 'A decimal text: it may be a fraction of a cent.' }),
    hard_cap_qty: z.string().nullable().meta({
      description: 'The most overage that is charged, in the base unit: 0 charges none, null has no cap.',
    }),
  })
  .meta({ id: 'PlanItem' });

const planVersion = z
  .strictObject({
    id: uuid,
    version: z.int(),
    status: z.enum(planVersionStatuses),
    base_price_cents: z.int().meta({ description: 'A month, before tax.' }),
    currency,
    created_at: instant,
    published_at: instant.nullable(),
    retired_at: instant.nullable(),
    items: z.array(planItem),
  })
  .meta({ id: 'PlanVersion' });

const plan = z
  .strictObject({
    id: uuid,
    code: z.string(),
    name: z.string(),
    created_at: instant,
    active_version: planVersion
      .nullable()
      .meta({ description: 'What new subscribers get; null where none is.' }),
  })
  .meta({ id: 'Plan' });

const planWithVersions = z
  .strictObject({
    id: uuid,
    code: z.string(),
    name: z.string(),
    created_at: instant,
    versions: z
      .array(
        z.strictObject({
          ...planVersion.shape,
          subscribers: z.int().meta({ description: 'Subscriptions that are on it and not cancelled.' }),
        }),
      )
      .meta({ description: 'Every version, the newest first.' }),
  })
  .meta({ id: 'PlanWithVersions' });

const toItem = (row: PlanItem): z.input<typeof planItem> => ({
  resource_kind: row.resourceKind,
  included_qty: toDecimalText(row.includedQty),
  overage_unit: row.overageUnit,
  overage_price_cents: toDecimalText(row.overagePriceCents),
  hard_cap_qty: row.hardCapQty == null ? null : toDecimalText(row.hardCapQty),
});
const toVersion = ({ version: row, items }: VersionWithItems): z.input<typeof planVersion> => ({
  id: row.id,
  version: row.version,
  status: row.status,
  base_price_cents: row.basePriceCents,
  currency: row.currency,
  created_at: toInstant(row.createdAt),
  published_at: toInstantOrNull(row.publishedAt ?? null),
  retired_at: toInstantOrNull(row.retiredAt ?? null),
  items: items.map(toItem),
});
const toPlanHead = ({ id, code, name, createdAt }: ListedPlan['plan']) => ({
  id,
  code,
  name,
  created_at: toInstant(createdAt),
});
const toPlan = ({ plan: row, active }: ListedPlan): z.input<typeof plan> => ({
  ...toPlanHead(row),
  active_version: active === null ? null : toVersion(active),
});
const numbered = z.strictObject({
  code: catalogCode,
  n: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'expected the number of a version, like 2')
    .transform(Number)
    .meta({ type: 'integer', minimum: 1 }),
});

export const catalogRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/catalog/plans',
    tag: 'Catalog',
    summary: 'The plans, each with what is for sale of it. Prices exclude tax.',
    roles: callerRoles,
    query: z.strictObject({ limit, cursor: cursorOf('plans', catalogCode) }),
    answer: {
      status: 200,
      description: 'A page of plans, by code; those without an active version are shown to admins only.',
      schema: pageOf(plan),
    },
    async handle({ em, caller, query }) {
      const onlyForSale = !readers.some((role) => role === caller.role);
      const rows = await listPlans(em, { onlyForSale }, { after: query.cursor, limit: query.limit });
      return { status: 200, body: toPage('plans', rows, query.limit, (row) => row.plan.code, toPlan) };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/catalog/plans',
    tag: 'Catalog',
    summary: 'Adds a plan. It is for sale once a version of it is published.',
    roles: admins,
    body: z.strictObject({ code: catalogCode, name: planName, reason: optionalReason }),
    answer: { status: 201, description: 'The plan.', schema: plan },
    problems: { 409: 'There is a plan of that code, or the same request still runs.' },
    async handle(request) {
      const { em, body } = request;
      const created = await createPlan(em, body, toChangeRequest(request, body.reason));
      return { status: 201, body: toPlan({ plan: created, active: null }) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/catalog/plans/:code',
    tag: 'Catalog',
    summary: 'A plan with every version, and how many subscribe to each.',
    roles: readers,
    params: planCode,
    answer: { status: 200, description: 'The plan.', schema: planWithVersions },
    problems: { 404: 'No such plan.' },
    async handle({ em, params, now }) {
      const found = await findPlan(em, params.code, dayOf(now.toISOString()));
      if (found === null) throw notFound('plan');
      return {
        status: 200,
        body: {
          ...toPlanHead(found.plan),
          versions: found.versions.map((version) => ({
            ...toVersion(version),
            subscribers: version.subscribers,
          })),
        },
      };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/catalog/plans/:code/versions',
    tag: 'Catalog',
    summary: 'Adds the next version of a plan: a draft with its items. A published version never changes.',
    roles: admins,
    params: planCode,
    body: z.strictObject({
      base_price_cents: priceCents,
      currency: currencyCode.default('AUD'),
      items: planItems.default([]),
      reason: optionalReason,
    }),
    answer: { status: 201, description: 'The draft.', schema: planVersion },
    problems: { 404: 'No such plan.' },
    async handle(request) {
      const { em, params, body } = request;
      const { base_price_cents: basePriceCents, currency: priced, items } = body;
      const added = await addPlanVersion(
        em,
        params.code,
        { basePriceCents, currency: priced, items },
        toChangeRequest(request, body.reason),
      );
      if (added === null) throw notFound('plan');
      return { status: 201, body: await storedVersion(request, params.code, added.version) };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/catalog/plans/:code/versions/:n/publish',
    tag: 'Catalog',
    summary:
      'Puts a draft up for sale and retires the version that was until now; subscribers stay on theirs.',
    roles: admins,
    params: numbered,
    body: z.strictObject({ reason: optionalReason }),
    answer: { status: 200, description: 'The version, now active.', schema: planVersion },
    problems: {
      404: 'No such version.',
      409: 'The version is retired, or the same request still runs.',
    },
    async handle(request) {
      const { em, params, body } = request;
      const wanted = { planCode: params.code, version: params.n };
      if (!(await publishPlanVersion(em, wanted, toChangeRequest(request, body.reason)))) {
        throw notFound('version');
      }
      return { status: 200, body: await storedVersion(request, params.code, params.n) };
    },
  }),
];

/** A version as it is stored now: what a service changed went past the identity map. */
async function storedVersion(
  { em }: Pick<CallerRequest<unknown, unknown, unknown>, 'em'>,
  code: string,
  version: number,
): Promise<z.input<typeof planVersion>> {
  em.clear();
  const stored = await findPlanVersion(em, code, version);
  if (stored === null) throw notFound('version');
  return toVersion(stored);
}
