import { z } from 'zod';
import { liveAccrual, subscribedTenants, type TenantAccrual } from '../services/margin/liveAccrual.ts';
import { forSession, systemSession } from '../session.ts';
import { cursorOf, toNextCursor } from './pages.ts';
import { defineRoute, type Route } from './route.ts';
import { currency, instant, limit, pageOf, period, uuid } from './schemas.ts';

const cents = z.int().meta({ description: 'Whole cents of `currency`, before tax.' });
const tenantAccrual = z
  .strictObject({
    tenant_id: z.string(),
    currency: currency.nullable(),
    total_cents: cents,
    deployments: z.array(
      z.strictObject({
        deployment_id: uuid,
        recurring_cents: cents.meta({ description: 'Plan and addons of the whole month.' }),
        overage_cents: cents.meta({ description: 'Usage so far beyond the allowance of the whole month.' }),
        llm_cents: cents.meta({ description: 'Gateway charges so far.' }),
        total_cents: cents,
      }),
    ),
    problem: z
      .strictObject({ code: z.string(), message: z.string() })
      .nullable()
      .meta({ description: 'Why it can not be priced.' }),
  })
  .meta({ id: 'TenantAccrual' });
const stated = {
  period: period.meta({ description: 'The running month.' }),
  label: z.literal('estimated').meta({ description: 'The month goes on, and usage is metered hourly.' }),
  as_of: instant,
};

const toAccrual = (tenant: TenantAccrual): z.input<typeof tenantAccrual> => ({
  tenant_id: tenant.tenantId,
  currency: tenant.currency,
  total_cents: tenant.totalCents,
  deployments: tenant.deployments.map((one) => ({
    deployment_id: one.deploymentId,
    recurring_cents: one.recurringCents,
    overage_cents: one.overageCents,
    llm_cents: one.llmCents,
    total_cents: one.totalCents,
  })),
  problem: tenant.problem === null ? null : { code: tenant.problem.code, message: tenant.problem.message },
});

export const accrualRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/dashboard/accrual',
    tag: 'Margin',
    summary:
      'What each active subscription would be invoiced for the running month if nothing more was used or changed, before tax.',
    roles: ['platform_admin', 'platform_viewer'],
    query: z.strictObject({ limit, cursor: cursorOf('accrual', z.string()) }),
    answer: {
      status: 200,
      description: 'A page of tenants by id.',
      schema: z.strictObject({ ...stated, ...pageOf(tenantAccrual).shape }).meta({ id: 'Accrual' }),
    },
    async handle({ em, query, now }) {
      const ids = await subscribedTenants(em, { after: query.cursor, limit: query.limit + 1 });
      const shown = ids.slice(0, query.limit);
      const found = await liveAccrual(em, { tenantIds: shown, now });
      const last = shown.at(-1);
      return {
        status: 200,
        body: {
          period: found.period,
          label: 'estimated' as const,
          as_of: now.toISOString(),
          items: found.tenants.map(toAccrual),
          next_cursor: ids.length > query.limit && last !== undefined ? toNextCursor('accrual', last) : null,
        },
      };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/accrual',
    tag: 'Margin',
    summary:
      'What the caller would be invoiced for the running month if nothing more was used or changed, before tax.',
    roles: ['tenant'],
    answer: {
      status: 200,
      description: 'The tenant’s own.',
      schema: z.strictObject({ ...stated, ...tenantAccrual.shape }).meta({ id: 'OwnAccrual' }),
    },
    async handle({ caller, api, now }) {
      // Which days are metered is no row of a tenant; only the caller's own tenant is asked for.
      const em = forSession(api.orm, systemSession);
      const { period: running, tenants } = await liveAccrual(em, { tenantIds: [caller.tenantId], now });
      const [own] = tenants;
      const none = {
        tenantId: caller.tenantId,
        currency: null,
        deployments: [],
        totalCents: 0,
        inputs: null,
        problem: null,
      };
      return {
        status: 200,
        body: {
          period: running,
          label: 'estimated' as const,
          as_of: now.toISOString(),
          ...toAccrual(own ?? none),
        },
      };
    },
  }),
];
