import { z } from 'zod';
import { resourceKinds } from '../domain/resourceKind.ts';
import type { DriftIgnoreRule } from '../entities/driftIgnoreRule.ts';
import { createIgnoreRule, endIgnoreRule, listIgnoreRules } from '../services/drift/driftIgnoreRules.ts';
import { cursorOf, toPage } from './pages.ts';
import { notFound } from './problems.ts';
import { defineRoute, type Route } from './route.ts';
import {
  flag,
  instant,
  instantInput,
  limit,
  pageOf,
  reason,
  text,
  toInstant,
  toInstantOrNull,
  uuid,
} from './schemas.ts';

const fieldForm = 'A field of the spec, or `missing` or `unmanaged`; any where it is absent.';

const ignoreRule = z
  .strictObject({
    id: uuid,
    provider: z.string().nullable(),
    kind: z.enum(resourceKinds).nullable(),
    resource_id: uuid.nullable(),
    field: z.string().nullable().meta({ description: fieldForm }),
    owner: z.string(),
    reason: z.string(),
    expires_at: instant,
    created_at: instant,
    created_by: z.string(),
    ended_at: instant.nullable().meta({ description: 'When it was ended before it expired.' }),
  })
  .meta({ id: 'DriftIgnoreRule', description: 'What is null matches everything.' });

const createdRule = z
  .strictObject({
    ...ignoreRule.shape,
    ignored: z.int().meta({ description: 'How many open drifts it closed.' }),
  })
  .meta({ id: 'CreatedDriftIgnoreRule' });

const toRule = (rule: DriftIgnoreRule): z.input<typeof ignoreRule> => ({
  id: rule.id,
  provider: rule.provider ?? null,
  kind: rule.kind ?? null,
  resource_id: rule.resource ?? null,
  field: rule.field ?? null,
  owner: rule.owner,
  reason: rule.reason,
  expires_at: toInstant(rule.expiresAt),
  created_at: toInstant(rule.createdAt),
  created_by: rule.createdBy,
  ended_at: toInstantOrNull(rule.endedAt ?? null),
});

export const driftIgnoreRuleRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/drift/ignore-rules',
    tag: 'Drift',
    summary:
      'Which differences are ignored, by the time they expire. Rules in force, unless `over=true` asks for the others.',
    roles: ['platform_admin', 'platform_viewer'],
    query: z.strictObject({
      over: flag.optional(),
      limit,
      cursor: cursorOf('drift-ignore-rules', z.strictObject({ expiresAt: z.iso.datetime(), id: uuid })),
    }),
    answer: { status: 200, description: 'A page of rules.', schema: pageOf(ignoreRule) },
    async handle({ em, query, now }) {
      const page = { after: query.cursor, limit: query.limit };
      const rules = await listIgnoreRules(em, { isOver: query.over ?? false, now }, page);
      const keyOf = (rule: DriftIgnoreRule) => ({ expiresAt: toInstant(rule.expiresAt), id: rule.id });
      return { status: 200, body: toPage('drift-ignore-rules', rules, query.limit, keyOf, toRule) };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/drift/ignore-rules',
    tag: 'Drift',
    summary:
      'Ignores a difference of a kind or of one resource until the rule expires, and closes what is open of it.',
    roles: ['platform_admin'],
    body: z.strictObject({
      provider: text(100).optional(),
      kind: z.enum(resourceKinds, { error: `expected one of ${resourceKinds.join(', ')}` }).optional(),
      resource_id: uuid.optional(),
      field: text(100).optional().meta({ description: fieldForm }),
      owner: text(200).optional().meta({ description: 'Who answers for it; the caller unless given.' }),
      reason,
      expires_at: instantInput.meta({ description: 'At most 366 days ahead.' }),
    }),
    answer: { status: 201, description: 'The rule.', schema: createdRule },
    problems: {
      422: 'Invalid input; neither kind nor resource_id; no such resource; an expiry too far ahead.',
    },
    async handle({ em, caller, body, now, requestId }) {
      const { rule, closed } = await createIgnoreRule(
        em,
        {
          provider: body.provider,
          kind: body.kind,
          resourceId: body.resource_id,
          field: body.field,
          owner: body.owner ?? caller.subject,
          expiresAt: body.expires_at,
        },
        { actor: caller, now, reason: body.reason, requestId },
      );
      return { status: 201, body: { ...toRule(rule), ignored: closed } };
    },
  }),
  defineRoute({
    method: 'delete',
    path: '/api/v1/drift/ignore-rules/:id',
    tag: 'Drift',
    summary: 'Ends a rule: where the difference is still there, the next sweep opens it anew.',
    roles: ['platform_admin'],
    params: z.strictObject({ id: uuid }),
    query: z.strictObject({ reason }),
    answer: { status: 200, description: 'The rule, ended.', schema: ignoreRule },
    problems: { 404: 'No such rule.', 409: 'It was ended before, or has expired.' },
    async handle({ em, caller, params, query, now, requestId }) {
      const request = { actor: caller, now, reason: query.reason, requestId };
      const rule = await endIgnoreRule(em, params.id, request);
      if (rule === null) throw notFound('rule');
      return { status: 200, body: toRule(rule) };
    },
  }),
];
