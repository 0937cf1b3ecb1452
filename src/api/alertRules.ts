import { z } from 'zod';
import { alertTypes } from '../domain/alerts.ts';
import type { AlertRule } from '../entities/alertRule.ts';
import {
  changeAlertRule,
  createAlertRule,
  deleteAlertRule,
  listAlertRules,
} from '../services/alerts/alertRules.ts';
import { currencyCode } from './catalogInputs.ts';
import { cursorOf, toPage } from './pages.ts';
import { notFound } from './problems.ts';
import { defineRoute, type Route } from './route.ts';
import {
  currency,
  instant,
  limit,
  pageOf,
  reason,
  tenantId,
  toDecimalText,
  toInstant,
  uuid,
} from './schemas.ts';

const thresholdForm = 'expected a decimal text of at most 12 digits and 4 decimals, like 20 or 150.00';
const thresholdMeaning =
  'Percent for `tenant_margin_below` and `unattributed_above`, units of `currency` for `accrual_above` and `provider_spend_above`; the others have none.';
const threshold = z
  .string({ error: thresholdForm })
  .regex(/^-?\d{1,12}(?:\.\d{1,4})?$/, thresholdForm)
  .meta({ example: '20', description: thresholdMeaning });
const type = z.enum(alertTypes, { error: `expected one of ${alertTypes.join(', ')}` });
const enabled = z.boolean({ error: 'expected true or false' });

const alertRule = z
  .strictObject({
    id: uuid,
    type,
    tenant_id: z.string().nullable().meta({ description: 'The one tenant that it looks at; null for all.' }),
    threshold: z.string().nullable().meta({ description: thresholdMeaning }),
    currency: currency.nullable(),
    enabled: z.boolean(),
    created_at: instant,
    created_by: z.string(),
    updated_at: instant,
    updated_by: z.string(),
  })
  .meta({ id: 'AlertRule' });

const toRule = (rule: AlertRule): z.input<typeof alertRule> => ({
  id: rule.id,
  type: rule.type,
  tenant_id: rule.tenantId ?? null,
  threshold: rule.threshold == null ? null : toDecimalText(rule.threshold),
  currency: rule.currency ?? null,
  enabled: rule.enabled,
  created_at: toInstant(rule.createdAt),
  created_by: rule.createdBy,
  updated_at: toInstant(rule.updatedAt),
  updated_by: rule.updatedBy,
});

const unknownRule = { 404: 'No such rule.' };

export const alertRuleRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/alert-rules',
    tag: 'Alerts',
    summary: 'What operators want to be told of.',
    roles: ['platform_admin', 'platform_viewer'],
    query: z.strictObject({ limit, cursor: cursorOf('alert-rules', uuid) }),
    answer: { status: 200, description: 'A page of rules, by id.', schema: pageOf(alertRule) },
    async handle({ em, query }) {
      const rules = await listAlertRules(em, { after: query.cursor, limit: query.limit });
      return { status: 200, body: toPage('alert-rules', rules, query.limit, ({ id }) => id, toRule) };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/alert-rules',
    tag: 'Alerts',
    summary: 'Asks to be told of something from the next evaluation on.',
    roles: ['platform_admin'],
    body: z.strictObject({
      type,
      tenant_id: tenantId.optional(),
      threshold: threshold.optional(),
      currency: currencyCode.optional(),
      enabled: enabled.default(true),
      reason: reason.optional(),
    }),
    answer: { status: 201, description: 'The rule.', schema: alertRule },
    problems: { 422: 'Invalid input; a threshold, currency or tenant that the type has not, or lacks.' },
    async handle({ em, caller, body, now, requestId }) {
      const rule = await createAlertRule(
        em,
        {
          type: body.type,
          tenantId: body.tenant_id ?? null,
          threshold: body.threshold ?? null,
          currency: body.currency ?? null,
          enabled: body.enabled,
        },
        { actor: caller, now, reason: body.reason, requestId },
      );
      return { status: 201, body: toRule(rule) };
    },
  }),
  defineRoute({
    method: 'patch',
    path: '/api/v1/alert-rules/:id',
    tag: 'Alerts',
    summary: 'Changes a threshold, or disables a rule, which resolves its alerts.',
    roles: ['platform_admin'],
    params: z.strictObject({ id: uuid }),
    body: z.strictObject({
      threshold: threshold.optional(),
      enabled: enabled.optional(),
      reason: reason.optional(),
    }),
    answer: { status: 200, description: 'The rule as it is now.', schema: alertRule },
    problems: unknownRule,
    async handle({ em, caller, params, body, now, requestId }) {
      const request = { actor: caller, now, reason: body.reason, requestId };
      const rule = await changeAlertRule(em, params.id, body, request);
      if (rule === null) throw notFound('rule');
      return { status: 200, body: toRule(rule) };
    },
  }),
  defineRoute({
    method: 'delete',
    path: '/api/v1/alert-rules/:id',
    tag: 'Alerts',
    summary: 'Deletes a rule and resolves its alerts.',
    roles: ['platform_admin'],
    params: z.strictObject({ id: uuid }),
    query: z.strictObject({ reason: reason.optional() }),
    answer: { status: 200, description: 'The rule, deleted.', schema: alertRule },
    problems: unknownRule,
    async handle({ em, caller, params, query, now, requestId }) {
      const request = { actor: caller, now, reason: query.reason, requestId };
      const rule = await deleteAlertRule(em, params.id, request);
      if (rule === null) throw notFound('rule');
      return { status: 200, body: toRule(rule) };
    },
  }),
];
