import { z } from 'zod';
import { type SharedCostPolicy, sharedCostMethods } from '../entities/sharedCostPolicy.ts';
import { createSharedCostPolicy, listSharedCostPolicies } from '../services/margin/sharedCostPolicies.ts';
import { meterKind } from './catalogInputs.ts';
import { defineRoute, type Route } from './route.ts';
import { instant, period, reason, toInstant } from './schemas.ts';

const method = z.enum(sharedCostMethods, { error: `expected one of ${sharedCostMethods.join(', ')}` }).meta({
  description:
    '`direct_cost`: by what each tenant costs directly. `usage`: by its usage of a kind. `even`: the same for each. `none`: not at all.',
});
const policy = z
  .strictObject({
    method,
    resource_kind: z.string().nullable(),
    effective_from: period,
    reason: z.string(),
    created_at: instant,
    created_by: z.string(),
  })
  .meta({ id: 'SharedCostPolicy' });

const toPolicy = (row: SharedCostPolicy): z.input<typeof policy> => ({
  method: row.method,
  resource_kind: row.resourceKind ?? null,
  effective_from: row.effectiveFrom,
  reason: row.reason,
  created_at: toInstant(row.createdAt),
  created_by: row.createdBy,
});

export const sharedCostPolicyRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/shared-cost-policies',
    tag: 'Margin',
    summary: 'How shared cost is spread over tenants, from which month on.',
    roles: ['platform_admin', 'platform_viewer'],
    answer: {
      status: 200,
      description: 'All of them, the latest first.',
      schema: z.strictObject({ items: z.array(policy) }),
    },
    async handle({ em }) {
      return { status: 200, body: { items: (await listSharedCostPolicies(em)).map(toPolicy) } };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/shared-cost-policies',
    tag: 'Margin',
    summary: 'Sets how shared cost is spread from a month on, until the next policy.',
    roles: ['platform_admin'],
    body: z
      .strictObject({ method, resource_kind: meterKind.optional(), effective_from: period, reason })
      .refine((body) => (body.method === 'usage') === (body.resource_kind !== undefined), {
        path: ['resource_kind'],
        error: 'is required with the method usage, and with no other',
      }),
    answer: { status: 201, description: 'The policy.', schema: policy },
    problems: { 409: 'There is one from that month already.' },
    async handle({ em, caller, body, now, requestId }) {
      const created = await createSharedCostPolicy(
        em,
        {
          method: body.method,
          resourceKind: body.resource_kind ?? null,
          effectiveFrom: body.effective_from,
        },
        { actor: caller, now, reason: body.reason, requestId },
      );
      return { status: 201, body: toPolicy(created) };
    },
  }),
];
