import { z } from 'zod';
import { dayOf } from '../domain/calendar.ts';
import { subscriptionStatuses } from '../entities/subscription.ts';
import { findPlanHead } from '../services/listCatalog.ts';
import { listPlanMigrations, migrateSubscribers, type PlanMigrationRow } from '../services/planMigration.ts';
import { previewPlanMigration, type TenantPreview } from '../services/planMigrationPreview.ts';
import { listPlanSubscribers } from '../services/planMigrationSubscribers.ts';
import { planCode } from './catalogRequests.ts';
import { toChangeRequest } from './changeRequest.ts';
import { cursorOf, toNextCursor, toPage } from './pages.ts';
import { notFound } from './problems.ts';
import { type CallerRequest, defineRoute, type Route } from './route.ts';
import {
  count,
  currency,
  day,
  instant,
  limit,
  pageOf,
  reason,
  tenantId,
  toInstant,
  uuid,
} from './schemas.ts';

const subscriber = z
  .strictObject({
    subscription_id: uuid,
    deployment_id: uuid,
    slug: z.string(),
    tenant_id: z.string(),
    status: z.enum(subscriptionStatuses),
    version: z.int(),
    starts_on: z.iso.date().meta({ description: 'The first day on that version.' }),
    next: z
      .strictObject({ plan_code: z.string(), version: z.int(), starts_on: z.iso.date() })
      .nullable()
      .meta({ description: 'Where they go next, if that is known.' }),
  })
  .meta({ id: 'PlanSubscriber' });

const cents = z.int().meta({ description: 'Of a whole month, before tax.' });
const tenantPreview = z
  .strictObject({
    tenant_id: z.string(),
    subscriptions: z.int(),
    current_cents: cents.nullable(),
    new_cents: cents.nullable(),
    difference_cents: cents.nullable(),
    problem: z
      .strictObject({ code: z.string(), detail: z.string() })
      .nullable()
      .meta({ description: 'Why an amount is null: something that is used would have no price.' }),
  })
  .meta({ id: 'PlanMigrationOfTenant' });
const preview = z
  .strictObject({
    plan_code: z.string(),
    from_version: z.int(),
    to_version: z.int(),
    effective_on: z.iso.date(),
    usage_month: z.iso.date().meta({ description: 'The month whose usage is priced.' }),
    currency,
    totals: z
      .strictObject({
        tenants: z.int(),
        subscriptions: z.int(),
        unpriced: z.int().meta({ description: 'Tenants with a problem; they are in none of the sums.' }),
        current_cents: cents,
        new_cents: cents,
        difference_cents: cents,
      })
      .nullable()
      .meta({ description: 'Of all tenants; on the first page only.' }),
    items: z.array(tenantPreview),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'PlanMigrationPreview' });

const migration = z
  .strictObject({
    id: uuid,
    from_version: z.int(),
    to_version: z.int(),
    effective_on: z.iso.date(),
    status: z
      .enum(['scheduled', 'done'])
      .meta({ description: 'done from effective_on on: on that day everybody is on the new version.' }),
    subscribers: z.int().meta({ description: 'How many subscriptions it moved.' }),
    requested_by: z.string(),
    reason: z.string(),
    created_at: instant,
  })
  .meta({ id: 'PlanMigration' });

const toTenant = (row: TenantPreview): z.input<typeof tenantPreview> => ({
  tenant_id: row.tenantId,
  subscriptions: row.subscriptions,
  current_cents: row.currentCents,
  new_cents: row.newCents,
  difference_cents: row.differenceCents,
  problem: row.problem === null ? null : { code: row.problem.code, detail: row.problem.message },
});
const toMigration = (row: PlanMigrationRow, now: Date): z.input<typeof migration> => ({
  id: row.id,
  from_version: row.from_version,
  to_version: row.to_version,
  effective_on: row.effective_on,
  status: row.effective_on <= dayOf(now.toISOString()) ? 'done' : 'scheduled',
  subscribers: row.subscribers,
  requested_by: row.requested_by,
  reason: row.reason,
  created_at: toInstant(new Date(row.created_at)),
});

const versionNumber = z.int({ error: 'expected the number of a version, like 2' }).min(1).max(999_999_999);
const effectiveOn = day
  .optional()
  .meta({ description: 'The first day on the new version, today or later; today where it is absent.' });
const noSuchPlan = { 404: 'No such plan.' };
const impossible = {
  422: 'Also for a version that the plan has not, a draft, one in another currency, and a day that is past.',
};

export const planMigrationRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/catalog/plans/:code/subscribers',
    tag: 'Catalog',
    summary: 'Who is on which version of a plan; cancelled subscriptions are on none.',
    roles: ['platform_admin', 'platform_viewer'],
    params: planCode,
    query: z.strictObject({
      version: count(999_999_999),
      limit,
      cursor: cursorOf('plan-subscribers', z.tuple([z.int32().min(1), tenantId, uuid])),
    }),
    answer: {
      status: 200,
      description: 'A page of subscriptions, the newest version first, then by tenant.',
      schema: pageOf(subscriber),
    },
    problems: noSuchPlan,
    async handle({ em, params, query, now }) {
      await refuseUnknownPlan({ em }, params.code);
      const [version, tenant, subscription] = query.cursor ?? [];
      const after =
        version === undefined || tenant === undefined || subscription === undefined
          ? undefined
          : { version, tenant, subscription };
      const rows = await listPlanSubscribers(
        em,
        { planCode: params.code, version: query.version, today: dayOf(now.toISOString()) },
        { after, limit: query.limit },
      );
      return {
        status: 200,
        body: toPage(
          'plan-subscribers',
          rows,
          query.limit,
          (row) => [row.version, row.tenant_id, row.subscription_id],
          (row) => row,
        ),
      };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/catalog/plans/:code/migrations/preview',
    tag: 'Catalog',
    summary:
      "What a move of a version's subscribers would change: each tenant's month now and then, with the usage of the last month. Writes nothing.",
    roles: ['platform_admin', 'platform_viewer'],
    params: planCode,
    query: z.strictObject({ limit, cursor: cursorOf('plan-migration-preview', tenantId) }),
    body: z.strictObject({
      from_version: versionNumber,
      to_version: versionNumber,
      effective_on: effectiveOn,
    }),
    answer: { status: 200, description: 'A page of tenants, by id.', schema: preview },
    problems: { ...noSuchPlan, ...impossible },
    async handle({ em, params, query, body, now }) {
      await refuseUnknownPlan({ em }, params.code);
      const {
        migration: planned,
        usageMonth,
        tenants,
        totals,
      } = await previewPlanMigration(em, toWanted(params.code, body), now, {
        after: query.cursor,
        limit: query.limit,
      });
      const last = tenants[query.limit - 1];
      return {
        status: 200,
        body: {
          plan_code: params.code,
          from_version: body.from_version,
          to_version: body.to_version,
          effective_on: planned.effectiveOn,
          usage_month: usageMonth,
          currency: planned.to.terms.currency,
          totals:
            totals === null
              ? null
              : {
                  tenants: totals.tenants,
                  subscriptions: totals.subscriptions,
                  unpriced: totals.unpriced,
                  current_cents: totals.currentCents,
                  new_cents: totals.newCents,
                  difference_cents: totals.differenceCents,
                },
          items: tenants.slice(0, query.limit).map(toTenant),
          next_cursor:
            tenants.length > query.limit && last !== undefined
              ? toNextCursor('plan-migration-preview', last.tenantId)
              : null,
        },
      };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/catalog/plans/:code/migrations',
    tag: 'Catalog',
    summary:
      "Moves a version's subscribers to another version from a day on. A change of plan that is dated on or after that day wins.",
    roles: ['platform_admin'],
    params: planCode,
    body: z.strictObject({
      from_version: versionNumber,
      to_version: versionNumber,
      effective_on: effectiveOn,
      reason,
    }),
    answer: {
      status: 201,
      description: 'The move. Asked for again, it moves those who came in between.',
      schema: migration,
    },
    problems: { ...noSuchPlan, ...impossible },
    async handle(request) {
      const { em, params, body, now } = request;
      await refuseUnknownPlan(request, params.code);
      const row = await migrateSubscribers(
        em,
        toWanted(params.code, body),
        toChangeRequest(request, body.reason),
      );
      return { status: 201, body: toMigration(row, now) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/catalog/plans/:code/migrations',
    tag: 'Catalog',
    summary: "Every move of a plan's subscribers from version to version.",
    roles: ['platform_admin', 'platform_viewer'],
    params: planCode,
    answer: {
      status: 200,
      description: 'The moves, the latest day first.',
      schema: z.strictObject({ items: z.array(migration) }),
    },
    problems: noSuchPlan,
    async handle({ em, params, now }) {
      await refuseUnknownPlan({ em }, params.code);
      const rows = await listPlanMigrations(em, params.code);
      return { status: 200, body: { items: rows.map((row) => toMigration(row, now)) } };
    },
  }),
];

const toWanted = (
  code: string,
  body: { from_version: number; to_version: number; effective_on?: string | undefined },
) => ({
  planCode: code,
  fromVersion: body.from_version,
  toVersion: body.to_version,
  effectiveOn: body.effective_on,
});

async function refuseUnknownPlan(
  { em }: Pick<CallerRequest<unknown, unknown, unknown>, 'em'>,
  code: string,
): Promise<void> {
  if ((await findPlanHead(em, code)) === null) throw notFound('plan');
}
