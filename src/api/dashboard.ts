import { z } from 'zod';
import { figureLabels } from '../domain/margin/figureLabel.ts';
import type { Figure, Margin, TenantMargin } from '../domain/margin/marginTable.ts';
import { sharedCostMethods } from '../entities/sharedCostPolicy.ts';
import { closureOf } from '../services/margin/closure.ts';
import { revenueBases } from '../services/margin/convertibleBooks.ts';
import type { RateInForce } from '../services/margin/exchangeRates.ts';
import { marginByKind } from '../services/margin/marginByKind.ts';
import { marginPages, type SourceTotal } from '../services/margin/marginSummary.ts';
import { marginTrend } from '../services/margin/marginTrend.ts';
import { cursorOf, toPage } from './pages.ts';
import { readTogether } from './readTogether.ts';
import { noTemporal } from './rollUpAnswers.ts';
import { type ApiDependencies, defineRoute, type Route } from './route.ts';
import { amount, currency, instant, limit, pageOf, period, toAmount } from './schemas.ts';
import { started, startedReply } from './startedWorkflow.ts';
import { startClosureCheck } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

const platformReaders = ['platform_admin', 'platform_viewer'] as const;
const mostMonths = 36;

const cents = z.int().meta({ description: 'Whole cents of the reporting `currency`.' });
const figure = z
  .strictObject({
    cents,
    label: z.enum(figureLabels).meta({
      description:
        '`reconciled`: settled. `estimated`: a part of it may still change (a draft, an accrual, a provider’s estimate of a month that it has not invoiced, or an invoice of it that is held, unread or restated). `adjusted`: it has manual lines or credit notes.',
    }),
  })
  .meta({ id: 'Figure' });
const marginShape = {
  revenue: figure,
  cogs: figure,
  margin_cents: cents.meta({ description: 'Revenue − COGS.' }),
  margin_percent: z
    .string()
    .nullable()
    .meta({ description: 'Of the revenue, to one decimal; null without revenue.' }),
};
const margin = z.strictObject(marginShape).meta({ id: 'Margin' });
const deploymentMargin = z
  .strictObject({
    deployment_id: z.string().nullable().meta({ description: 'Null for what is outside of any deployment.' }),
    ...marginShape,
  })
  .meta({ id: 'DeploymentMargin' });
const tenantMargin = z
  .strictObject({ tenant_id: z.string(), ...marginShape, deployments: z.array(deploymentMargin) })
  .meta({ id: 'TenantMargin' });
const rate = z
  .strictObject({
    from: currency,
    to: currency,
    rate: z.string().meta({ description: 'Units of `to` for one of `from`.' }),
    effective_from: z.string().nullable(),
  })
  .meta({ id: 'RateInForce' });
const sourceTotal = z.strictObject({ currency, amount });

const summary = z
  .strictObject({
    period,
    currency,
    as_of: instant,
    revenue_basis: z.enum(revenueBases).meta({
      description:
        '`accrual`: the month runs, and its revenue is what each active subscription would be invoiced for it if nothing more was used or changed.',
    }),
    cost_estimates: z
      .array(
        z.strictObject({
          provider: z.string(),
          currency,
          amount,
          estimated_at: instant,
          balance: z.strictObject({ month_to_date_usage: amount, generated_at: instant }).nullable().meta({
            description:
              'Beside it what the newest balance of the month says: the provider’s other word for it, which counts for nothing.',
          }),
        }),
      )
      .meta({ description: 'What counts as COGS of the providers that have not invoiced the period.' }),
    overall: margin,
    buckets: z
      .array(z.strictObject({ bucket: z.string(), cogs: figure }))
      .meta({ description: 'COGS that no tenant bears; with the tenants’ they are all of it.' }),
    rates: z.array(rate).meta({ description: 'In force on the last day of the period.' }),
    shared_cost_method: z.enum(sharedCostMethods).meta({
      description:
        'How shared cost is spread; what is spread stands against itself in the bucket `shared_spread`.',
    }),
    sources: z
      .strictObject({ cogs: z.array(sourceTotal), revenue: z.array(sourceTotal) })
      .meta({ description: 'Both sides before conversion, exact.' }),
    tenants: pageOf(tenantMargin),
  })
  .meta({ id: 'MarginSummary' });

const kinds = z.array(z.strictObject({ kind: z.string().nullable(), cents }));
const byKind = z
  .strictObject({ period, currency, as_of: instant, rates: z.array(rate), revenue: kinds, cogs: kinds })
  .meta({ id: 'MarginByKind' });

const trend = z
  .strictObject({
    currency,
    as_of: instant,
    points: z.array(
      z.strictObject({
        period,
        overall: margin.nullable(),
        rates: z.array(rate),
        unavailable: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
      }),
    ),
  })
  .meta({ id: 'MarginTrend' });

const toFigure = ({ cents: value, label }: Figure) => ({ cents: value, label });
const toMargin = (one: Margin) => ({
  revenue: toFigure(one.revenue),
  cogs: toFigure(one.cogs),
  margin_cents: one.marginCents,
  margin_percent: one.percentage,
});
const toRate = (one: RateInForce) => ({
  from: one.from,
  to: one.to,
  rate: one.rate.toFixed(),
  effective_from: one.effectiveFrom,
});
const toTotal = (total: SourceTotal) => ({ currency: total.currency, amount: toAmount(total.amount) });
const toTenant = (tenant: TenantMargin): z.input<typeof tenantMargin> => ({
  tenant_id: tenant.tenantId,
  ...toMargin(tenant),
  deployments: tenant.deployments.map((one) => ({ deployment_id: one.deploymentId, ...toMargin(one) })),
});

const decimal = z.string().meta({ description: 'A decimal text in units of `currency`.' });
const closure = z
  .strictObject({
    period,
    as_of: instant,
    closes: z.boolean(),
    cogs: z.array(
      z.strictObject({
        provider: z.string(),
        currency,
        basis: z
          .enum(['invoice', 'estimate'])
          .meta({ description: '`estimate` where the provider has not invoiced the period.' }),
        invoiced: decimal.meta({ description: 'What the provider states.' }),
        attributed: decimal,
        shared: decimal,
        tax: decimal,
        credit: decimal,
        unattributed: decimal,
        difference: decimal.meta({ description: 'Invoiced − all of the buckets.' }),
      }),
    ),
    revenue: z.array(
      z.strictObject({
        currency,
        invoices: z.int(),
        subtotal_cents: z.string(),
        line_cents: z.string(),
        tax_cents: z.string(),
        tax_line_cents: z.string(),
      }),
    ),
    faults: z
      .array(z.strictObject({ code: z.string(), subject: z.string(), message: z.string() }))
      .meta({ description: 'The rows that keep the books from closing; the first hundred.' }),
  })
  .meta({ id: 'Closure' });

/** The same answer for all who ask for it meanwhile, and the moment that it is of. */
const oneForAll = <Found>(api: ApiDependencies, key: string, now: Date, read: () => Promise<Found>) =>
  readTogether(api.orm, key, now, async (wishes) => {
    const found = await read();
    return wishes.map(() => ({ found, asOf: now }));
  });

const sidesMissing = {
  409: 'A side is not there: no provider invoice or estimate of the period is known, it was not rolled up, or an accrual can not be priced.',
  422: 'Invalid input, or no exchange rate: `context` has the pair and the day.',
};

export const dashboardRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/dashboard/margin',
    tag: 'Margin',
    summary:
      'Revenue less COGS of a period: overall, by tenant and deployment, with what nobody bears beside it.',
    roles: platformReaders,
    query: z.strictObject({ period, limit, cursor: cursorOf('margin', z.string()) }),
    answer: { status: 200, description: 'The totals, and a page of tenants by id.', schema: summary },
    problems: sidesMissing,
    async handle({ em, query, api, caller, now }) {
      const { period: month, cursor: after, limit: size } = query;
      const { REPORTING_CURRENCY: reportingCurrency } = api.config;
      const { found, asOf } = await readTogether(
        api.orm,
        `${caller.role} margin ${month}`,
        { after, limit: size + 1 },
        async (pages) => {
          const summaries = await marginPages(em, { period: month, reportingCurrency, now }, pages);
          return summaries.map((summary) => ({ found: summary, asOf: now }));
        },
      );
      const idOf = (row: TenantMargin) => row.tenantId;
      return {
        status: 200,
        body: {
          period: found.period,
          currency: found.currency,
          as_of: asOf.toISOString(),
          revenue_basis: found.revenueBasis,
          cost_estimates: found.estimates.map((estimate) => ({
            provider: estimate.provider,
            currency: estimate.currency,
            amount: toAmount(estimate.amount),
            estimated_at: estimate.estimatedAt.toISOString(),
            balance:
              estimate.balance === null
                ? null
                : {
                    month_to_date_usage: toAmount(estimate.balance.monthToDateUsage),
                    generated_at: estimate.balance.generatedAt.toISOString(),
                  },
          })),
          overall: toMargin(found.overall),
          buckets: found.buckets.map(({ bucket, cogs }) => ({ bucket, cogs: toFigure(cogs) })),
          rates: found.rates.map(toRate),
          shared_cost_method: found.sharedCostMethod,
          sources: { cogs: found.sources.cogs.map(toTotal), revenue: found.sources.revenue.map(toTotal) },
          tenants: toPage('margin', found.tenants, size, idOf, toTenant),
        },
      };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/dashboard/by-kind',
    tag: 'Margin',
    summary: 'Revenue by what tenants are charged for, and COGS by what the provider charges for: two axes.',
    roles: platformReaders,
    query: z.strictObject({ period }),
    answer: { status: 200, description: 'Each axis adds up to its side of the margin.', schema: byKind },
    problems: sidesMissing,
    async handle({ em, query, api, caller, now }) {
      const { found, asOf } = await oneForAll(api, `${caller.role} by-kind ${query.period}`, now, () =>
        marginByKind(em, query.period, api.config.REPORTING_CURRENCY, now),
      );
      return {
        status: 200,
        body: {
          period: found.period,
          currency: found.currency,
          as_of: asOf.toISOString(),
          rates: found.rates.map(toRate),
          revenue: [...found.revenue],
          cogs: [...found.cogs],
        },
      };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/dashboard/trend',
    tag: 'Margin',
    summary: 'The overall margin of each period of a range; a period with a side missing says which.',
    roles: platformReaders,
    query: z
      .strictObject({ from: period, to: period })
      .refine(({ from, to }) => from <= to, { path: ['to'], error: 'expected a period not before `from`' })
      .refine(({ from, to }) => monthsBetween(from, to) < mostMonths, {
        path: ['to'],
        error: `expected at most ${mostMonths} periods`,
      }),
    answer: { status: 200, description: 'Every period of the range, in order.', schema: trend },
    problems: { 422: sidesMissing[422] },
    async handle({ em, query, api, caller, now }) {
      const { from: first, to: last } = query;
      const { found: points, asOf } = await oneForAll(api, `${caller.role} trend ${first} ${last}`, now, () =>
        marginTrend(em, { first, last }, api.config.REPORTING_CURRENCY, now),
      );
      return {
        status: 200,
        body: {
          currency: api.config.REPORTING_CURRENCY,
          as_of: asOf.toISOString(),
          points: points.map((point) =>
            'unavailable' in point
              ? {
                  period: point.period,
                  overall: null,
                  rates: [],
                  unavailable: { code: point.unavailable.code, message: point.unavailable.message },
                }
              : {
                  period: point.period,
                  overall: toMargin(point.overall),
                  rates: point.rates.map(toRate),
                  unavailable: null,
                },
          ),
        },
      };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/dashboard/closure',
    tag: 'Margin',
    summary:
      'Whether the books of a period close: each cent of the provider is in a bucket, each invoice the sum of its lines.',
    roles: platformReaders,
    query: z.strictObject({ period }),
    answer: { status: 200, description: 'Both sides, and what does not agree.', schema: closure },
    async handle({ em, query, api, caller, now }) {
      const { found, asOf } = await oneForAll(api, `${caller.role} closure ${query.period}`, now, () =>
        closureOf(em, query.period),
      );
      return {
        status: 200,
        body: {
          period: found.period,
          as_of: asOf.toISOString(),
          closes: found.faults.length === 0,
          cogs: found.cogs.map(({ provider, currency: of, basis, invoiced, buckets, difference }) => ({
            provider,
            currency: of,
            basis,
            invoiced,
            ...buckets,
            difference,
          })),
          revenue: found.revenue.map((side) => ({
            currency: side.currency,
            invoices: side.invoices,
            subtotal_cents: side.subtotalCents,
            line_cents: side.lineCents,
            tax_cents: side.taxCents,
            tax_line_cents: side.taxLineCents,
          })),
          faults: found.faults.map((fault) => ({ ...fault })),
        },
      };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/dashboard/closure',
    tag: 'Margin',
    summary:
      'Checks as a process that the books of a period close. Rows that do not agree end it as failed, and are named.',
    roles: ['platform_admin'],
    body: z.strictObject({ period }),
    answer: started,
    problems: noTemporal,
    async handle({ api, caller, body }) {
      const run = await callTemporal(api, (client) => startClosureCheck(client, body.period, caller.subject));
      return startedReply(api.config, run);
    },
  }),
];

function monthsBetween(from: string, to: string): number {
  const months = (text: string) => Number(text.slice(0, 4)) * 12 + Number(text.slice(5, 7));
  return months(to) - months(from);
}
