import { z } from 'zod';
import { addDays, dayOf, daysBetween } from '../domain/calendar.ts';
import { Unprocessable } from '../domain/errors.ts';
import { type MeterKind, meterKindNames, meterKinds } from '../domain/meters.ts';
import type { ManualUsage } from '../entities/manualUsage.ts';
import { meteredDayStates } from '../entities/meteredDay.ts';
import { type DeploymentUsage, listUsage, listUsageDays } from '../services/listUsage.ts';
import { acceptUnknownDays } from '../services/meteredDays.ts';
import { recordAudit } from '../services/recordAudit.ts';
import { recordManualUsage } from '../services/recordManualUsage.ts';
import { forSession, systemSession } from '../session.ts';
import { workflowIds } from '../workflows/ids.ts';
import { cursorOf, toPage } from './pages.ts';
import { notFound, Problem } from './problems.ts';
import type { Caller } from './requestState.ts';
import { defineRoute, type Route } from './route.ts';
import { day, instant, limit, pageOf, period, reason, tenantId, toInstant, uuid } from './schemas.ts';
import { started, startedReply } from './startedWorkflow.ts';
import { startMetering } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

/** Ten years: what a tenant may have been subscribed for. */
const mostDays = 3_660;

const resourceKind = z.enum(meterKindNames, { error: `expected one of ${meterKindNames.join(', ')}` });
const meteredUnits = ['second', 'byte_second', 'byte', 'zone', 'token'] as const;
const meteredUnit = z
  .enum(meteredUnits)
  .meta({ description: 'The unit of usage rows, which are exact integers.' });
const integer = z
  .string()
  .regex(/^-?\d+$/)
  .meta({ description: 'An exact integer, as text: it may have more digits than a JSON number can hold.' });
const wholeQuantity = 'expected a whole number other than 0 as text, like -3600, of up to 30 digits';
const signedInteger = z
  .string({ error: wholeQuantity })
  .regex(/^-?[1-9]\d{0,29}$/, wholeQuantity)
  .meta({ example: '-3600' });

const usage = z
  .strictObject({
    deployment_id: uuid,
    tenant_id: z.string(),
    slug: z.string(),
    period,
    kinds: z.array(
      z.strictObject({
        resource_kind: resourceKind,
        metered: integer,
        metered_unit: meteredUnit,
        qty: z.string().meta({
          description:
            'In the unit that plans count, as a decimal text, rounded once to six decimals; of dns_zones the maximum of the days.',
        }),
        unit: z.enum(['hour', 'gb_month', 'gb', 'zone', 'token']),
        days: z.strictObject({ closed: z.int(), open: z.int(), unknown: z.int() }).meta({
          description: 'Of the days of the month that have begun. An unknown day holds up the invoice.',
        }),
      }),
    ),
  })
  .meta({ id: 'DeploymentUsage' });

const correction = z
  .strictObject({
    id: uuid,
    quantity: integer,
    reason: z.string(),
    actor: z.string().nullable().meta({ description: 'Null for tenants.' }),
    created_at: instant,
  })
  .meta({ id: 'UsageCorrection' });

const manualUsage = z
  .strictObject({
    ...correction.shape,
    deployment_id: uuid,
    tenant_id: z.string(),
    resource_kind: resourceKind,
    day,
    metered_unit: meteredUnit,
  })
  .meta({ id: 'ManualUsage' });

const usageDay = z
  .strictObject({
    day,
    state: z.enum(meteredDayStates),
    reason: z.string().nullable().meta({ description: 'Why it is unknown; null for tenants.' }),
    metered: integer,
    metered_unit: meteredUnit,
    resources: z.int().meta({ description: 'How many resources it was metered from.' }),
    corrections: z.array(correction),
  })
  .meta({ id: 'UsageDay' });

const toUsage =
  (month: string) =>
  ({ deployment, usage: kinds }: DeploymentUsage): z.input<typeof usage> => ({
    deployment_id: deployment.id,
    tenant_id: deployment.tenantId,
    slug: deployment.slug,
    period: month,
    kinds: kinds.map((kind) => ({
      resource_kind: kind.resourceKind,
      metered: kind.metered,
      metered_unit: meterKinds[kind.resourceKind].meteredUnit,
      qty: kind.qty,
      unit: meterKinds[kind.resourceKind].baseUnit,
      days: kind.days,
    })),
  });

const toCorrection = (row: ManualUsage, caller: Caller): z.input<typeof correction> => ({
  id: row.id,
  quantity: row.quantity,
  reason: row.reason,
  actor: caller.role === 'tenant' ? null : row.actor,
  created_at: toInstant(row.createdAt),
});

const unitOf = (kind: MeterKind) => meterKinds[kind].meteredUnit;
const ownTenant = (caller: Caller) => (caller.role === 'tenant' ? caller.tenantId : undefined);
const withOrder = z.strictObject({ from: day, until: day.meta({ description: 'Exclusive.' }) });
type Days = z.output<typeof withOrder>;
const isInOrder = (body: Days) => body.from < body.until;
const afterFrom = { path: ['until'], error: 'expected a day after from' };
const isShort = (body: Days) => daysBetween(body.from, body.until) <= mostDays;
const notTooLong = { path: ['until'], error: `expected at most ${mostDays} days after from` };

export const usageRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/usage',
    tag: 'Usage',
    summary:
      "What the caller's deployments used in a month so far, by kind, corrections included; platform roles see all.",
    roles: ['platform_admin', 'platform_viewer', 'tenant'],
    query: z.strictObject({
      period,
      deployment_id: uuid.optional(),
      tenant: tenantId.optional(),
      limit,
      cursor: cursorOf('usage', uuid),
    }),
    answer: { status: 200, description: 'A page of deployments, by id.', schema: pageOf(usage) },
    async handle({ em, api, caller, query, now }) {
      const rows = await listUsage(
        em,
        forSession(api.orm, systemSession),
        {
          period: query.period,
          deploymentId: query.deployment_id,
          tenants: [ownTenant(caller), query.tenant].filter((tenant) => tenant !== undefined),
          now,
        },
        { after: query.cursor, limit: query.limit },
      );
      return {
        status: 200,
        body: toPage('usage', rows, query.limit, (row) => row.deployment.id, toUsage(query.period)),
      };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/usage/days',
    tag: 'Usage',
    summary: 'What a deployment used of one kind on each day of a month so far, with its corrections.',
    roles: ['platform_admin', 'platform_viewer', 'tenant'],
    query: z.strictObject({ deployment_id: uuid, resource_kind: resourceKind, period }),
    answer: {
      status: 200,
      description: 'The days that have begun.',
      schema: z.strictObject({ items: z.array(usageDay) }),
    },
    problems: { 404: "No such deployment, or another tenant's." },
    async handle({ em, api, caller, query, now }) {
      const days = await listUsageDays(em, forSession(api.orm, systemSession), {
        deploymentId: query.deployment_id,
        tenantId: ownTenant(caller),
        resourceKind: query.resource_kind,
        period: query.period,
        now,
      });
      if (days === undefined) throw notFound('deployment');
      return {
        status: 200,
        body: {
          items: days.map((entry) => ({
            ...entry,
            reason: caller.role === 'tenant' ? null : entry.reason,
            metered_unit: unitOf(query.resource_kind),
            corrections: entry.corrections.map((row) => toCorrection(row, caller)),
          })),
        },
      };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/usage',
    tag: 'Usage',
    summary:
      'Adds usage by hand: a correction of what was metered, or a kind without a source. What a day had then is never below zero.',
    roles: ['platform_admin'],
    body: z.strictObject({
      deployment_id: uuid,
      resource_kind: resourceKind,
      day: day.meta({ description: 'Not in the future, and within the subscription.' }),
      quantity: signedInteger.meta({
        description:
          'In the metered unit: seconds of droplets, byte-seconds of storage, bytes of traffic, zones, tokens. Negative takes away.',
      }),
      reason,
    }),
    answer: { status: 201, description: 'It counts from now on.', schema: manualUsage },
    problems: { 404: 'No such deployment.' },
    async handle({ em, caller, body, now, requestId }) {
      const row = await recordManualUsage(em, {
        deploymentId: body.deployment_id,
        resourceKind: body.resource_kind,
        day: body.day,
        quantity: body.quantity,
        reason: body.reason,
        actor: caller,
        at: now,
        requestId,
      });
      if (row === undefined) throw notFound('deployment');
      return {
        status: 201,
        body: {
          ...toCorrection(row, caller),
          deployment_id: row.deployment,
          tenant_id: row.tenantId,
          resource_kind: row.resourceKind,
          day: row.day,
          metered_unit: unitOf(row.resourceKind),
        },
      };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/usage/meter',
    tag: 'Usage',
    summary:
      'Meters the days from `from` up to before `until` again, closed ones too. The same history gives the same usage.',
    roles: ['platform_admin'],
    body: withOrder.refine(isInOrder, afterFrom).refine(isShort, notTooLong),
    answer: started,
    problems: {
      409: 'A metering runs already, of other days, or the same request still runs.',
      422: 'The days are in the future, or too many.',
      503: "Temporal can't be reached.",
    },
    async handle({ em, api, caller, body, now, requestId }) {
      const tomorrow = addDays(dayOf(now.toISOString()), 1);
      if (body.until > tomorrow) {
        throw new Unprocessable(
          'usage_day_in_future',
          `until is ${body.until}; the last day that has begun ends on ${tomorrow}`,
          { field: 'until' },
        );
      }
      const run = await callTemporal(api, (client) => startMetering(client, body, caller.subject));
      if (run === undefined) {
        throw new Problem(
          409,
          'metering_running',
          'a metering runs already, and does other days; try again when it has ended',
        );
      }
      await recordAudit(em, caller, {
        occurredAt: now,
        action: 'metered_day.meter',
        subjectType: 'metered_day',
        subjectId: body.from,
        after: { from: body.from, until: body.until },
        requestId,
        workflowId: workflowIds.meterUsage(),
      });
      return startedReply(api.config, run);
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/usage/days/accept',
    tag: 'Usage',
    summary:
      'Closes unknown days of a kind as they are, for what nobody will ever know, so that they hold up no invoice any longer.',
    roles: ['platform_admin'],
    body: z
      .strictObject({ resource_kind: resourceKind, ...withOrder.shape, reason })
      .refine(isInOrder, afterFrom)
      .refine(isShort, notTooLong),
    answer: {
      status: 200,
      description: 'How many days were unknown and are closed now.',
      schema: z.strictObject({ days: z.int() }),
    },
    async handle({ em, caller, body, now, requestId }) {
      const days = await acceptUnknownDays(
        em,
        { resourceKind: body.resource_kind, from: body.from, until: body.until },
        { actor: caller, reason: body.reason, at: now, requestId },
      );
      return { status: 200, body: { days } };
    },
  }),
];
