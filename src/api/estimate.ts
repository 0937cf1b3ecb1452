import { z } from 'zod';
import { resourceKinds } from '../domain/resourceKind.ts';
import { type CostEstimate, readCostEstimates } from '../services/readCostEstimates.ts';
import { defineRoute, type Route } from './route.ts';
import { amount, currency, instant, limit, period, toAmount, toInstant } from './schemas.ts';

const estimate = z
  .strictObject({
    provider: z.string(),
    period,
    status: z
      .literal('estimated')
      .meta({ description: "The provider's own figure before its invoice; never part of the cost lines." }),
    as_of: instant.meta({ description: 'When the provider computed it.' }),
    amount,
    currency,
    superseded_by: z
      .strictObject({ invoice_uuid: z.string(), amount, currency })
      .nullable()
      .meta({ description: "The month's invoice, once it is ingested." }),
    by_product: z.array(z.strictObject({ product: z.string(), lines: z.int(), amount })),
    by_resource: z
      .array(
        z.strictObject({
          resource_id: z.string(),
          kind: z.enum(resourceKinds),
          external_id: z.string(),
          name: z.string(),
          lines: z.int(),
          amount,
        }),
      )
      .meta({ description: 'The dearest first; matched by the ids that the estimate names.' }),
    resources: z.int().meta({ description: 'How many there are; `by_resource` shows up to `limit`.' }),
    attributed: amount,
    unattributed: amount.meta({
      description: 'Tax, credits, shared charges, and lines that name no known resource.',
    }),
    unexplained: amount.meta({ description: 'What the stated amount has that no line says.' }),
    trend: z.array(z.strictObject({ as_of: instant, amount })),
  })
  .meta({ id: 'CostEstimate' });

const toEstimate = (found: CostEstimate): z.input<typeof estimate> => ({
  provider: found.provider,
  period: found.period,
  status: 'estimated',
  as_of: toInstant(found.estimatedAt),
  amount: toAmount(found.amount),
  currency: found.currency,
  superseded_by:
    found.supersededBy === null
      ? null
      : {
          invoice_uuid: found.supersededBy.invoiceUuid,
          amount: toAmount(found.supersededBy.amount),
          currency: found.supersededBy.currency,
        },
  by_product: found.byProduct.map((entry) => ({ ...entry, amount: toAmount(entry.amount) })),
  by_resource: found.byResource.map((entry) => ({
    resource_id: entry.resourceId,
    kind: entry.kind,
    external_id: entry.externalId,
    name: entry.name,
    lines: entry.lines,
    amount: toAmount(entry.amount),
  })),
  resources: found.resources,
  attributed: toAmount(found.attributed),
  unattributed: toAmount(found.unattributed),
  unexplained: toAmount(found.unexplained),
  trend: found.trend.map((entry) => ({
    as_of: toInstant(entry.estimatedAt),
    amount: toAmount(entry.amount),
  })),
});

export const estimateRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/billing/estimate',
    tag: 'Billing',
    summary: 'What a month costs so far, by the estimate of each provider that gives one.',
    roles: ['platform_admin', 'platform_viewer'],
    query: z.strictObject({ period: period.optional(), limit }),
    answer: {
      status: 200,
      description:
        "The newest estimate of each provider for the period, or for the provider's latest month; none before the first.",
      schema: z.strictObject({ estimates: z.array(estimate) }),
    },
    async handle({ em, query }) {
      const estimates = await readCostEstimates(em, { period: query.period ?? null, limit: query.limit });
      return { status: 200, body: { estimates: estimates.map(toEstimate) } };
    },
  }),
];
