import { z } from 'zod';
import { type Alert, alertStates } from '../entities/alert.ts';
import { acknowledgeAlert, listAlerts } from '../services/alerts/alerts.ts';
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
  toInstantOrNull,
  uuid,
} from './schemas.ts';
import { started, startedReply } from './startedWorkflow.ts';
import { startEvaluateAlerts } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

const alert = z
  .strictObject({
    id: uuid,
    rule_id: uuid,
    subject: z.string().meta({ description: 'A tenant, a provider, an invoice or a period.' }),
    tenant_id: z.string().nullable(),
    state: z.enum(alertStates),
    value: z
      .string()
      .nullable()
      .meta({ description: 'What was measured last, in the unit of the threshold.' }),
    threshold: z.string().nullable(),
    currency: currency.nullable(),
    message: z.string(),
    opened_at: instant,
    last_seen_at: instant,
    acknowledged_at: instant.nullable(),
    acknowledged_by: z.string().nullable(),
    acknowledged_reason: z.string().nullable(),
    resolved_at: instant.nullable(),
  })
  .meta({ id: 'Alert' });

const toDecimalOrNull = (value: string | null | undefined) => (value == null ? null : toDecimalText(value));
const toAlert = (row: Alert): z.input<typeof alert> => ({
  id: row.id,
  rule_id: row.rule,
  subject: row.subject,
  tenant_id: row.tenantId ?? null,
  state: row.state,
  value: toDecimalOrNull(row.value),
  threshold: toDecimalOrNull(row.threshold),
  currency: row.currency ?? null,
  message: row.message,
  opened_at: toInstant(row.openedAt),
  last_seen_at: toInstant(row.lastSeenAt),
  acknowledged_at: toInstantOrNull(row.acknowledgedAt ?? null),
  acknowledged_by: row.acknowledgedBy ?? null,
  acknowledged_reason: row.acknowledgedReason ?? null,
  resolved_at: toInstantOrNull(row.resolvedAt ?? null),
});

export const alertRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/alerts',
    tag: 'Alerts',
    summary: 'What rules found, the newest first.',
    roles: ['platform_admin', 'platform_viewer'],
    query: z.strictObject({
      state: z.enum(alertStates, { error: `expected one of ${alertStates.join(', ')}` }).optional(),
      rule_id: uuid.optional(),
      tenant_id: tenantId.optional(),
      limit,
      cursor: cursorOf('alerts', z.strictObject({ openedAt: z.iso.datetime(), id: uuid })),
    }),
    answer: { status: 200, description: 'A page of alerts.', schema: pageOf(alert) },
    async handle({ em, query }) {
      const filter = { state: query.state, ruleId: query.rule_id, tenantId: query.tenant_id };
      const rows = await listAlerts(em, filter, { after: query.cursor, limit: query.limit });
      const keyOf = (row: Alert) => ({ openedAt: toInstant(row.openedAt), id: row.id });
      return { status: 200, body: toPage('alerts', rows, query.limit, keyOf, toAlert) };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/alerts/evaluate',
    tag: 'Alerts',
    summary: 'Looks at the books by every rule now, not at the next :50.',
    roles: ['platform_admin'],
    answer: started,
    async handle({ api }) {
      return startedReply(api.config, await callTemporal(api, startEvaluateAlerts));
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/alerts/:id/acknowledge',
    tag: 'Alerts',
    summary: 'Says that somebody knows of an alert; it stays until what it tells of is over.',
    roles: ['platform_admin'],
    params: z.strictObject({ id: uuid }),
    body: z.strictObject({ reason }),
    answer: { status: 200, description: 'The alert as it is now.', schema: alert },
    problems: { 404: 'No such alert.', 409: 'It is acknowledged or resolved already.' },
    async handle({ em, caller, params, body, now, requestId }) {
      const request = { actor: caller, now, reason: body.reason, requestId };
      const row = await acknowledgeAlert(em, params.id, request);
      if (row === null) throw notFound('alert');
      return { status: 200, body: toAlert(row) };
    },
  }),
];
