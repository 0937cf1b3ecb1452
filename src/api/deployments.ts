import { z } from 'zod';
import { dayOf } from '../domain/calendar.ts';
import { deploymentStates } from '../domain/lifecycle.ts';
import type { CloudDeployment } from '../entities/cloudDeployment.ts';
import { createDeployment } from '../services/createDeployment.ts';
import { findDeployment } from '../services/findDeployment.ts';
import { listDeploymentEvents, listDeployments } from '../services/listDeployments.ts';
import { readSubscription } from '../services/readSubscription.ts';
import { transitionDeployment } from '../services/transitionDeployment.ts';
import { updateDeployment } from '../services/updateDeployment.ts';
import { toChangeRequest, toOperatorRequest } from './changeRequest.ts';
import {
  deployment,
  deploymentEvent,
  subscription,
  toDeployment,
  toDeploymentEvent,
  toSubscription,
} from './deploymentAnswers.ts';
import { decommissionCancelled } from './endedDeployment.ts';
import { cursorOf, toPage } from './pages.ts';
import { notFound } from './problems.ts';
import type { Caller } from './requestState.ts';
import { type CallerRequest, defineRoute, type Route } from './route.ts';
import { limit, pageOf, reason, tenantId, text, uuid } from './schemas.ts';

const eventsShown = 100;

const slugForm = 'expected 1 to 63 lower-case letters, digits and hyphens, none at either end';
const slug = z
  .string({ error: slugForm })
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, slugForm)
  .meta({ example: 'shop-1', description: "Unique among the tenant's deployments." });
const llmMode = z
  .string({ error: 'expected a word like gateway' })
  .regex(/^[a-z][a-z0-9_]{0,49}$/, 'expected a word like gateway');

export const deploymentId = z.strictObject({ id: uuid });
export const noSuchDeployment = "No such deployment, or another tenant's.";

const deploymentWithHistory = z
  .strictObject({
    ...deployment.shape,
    subscription: subscription.nullable(),
    events: z.array(deploymentEvent).meta({ description: `The last ${eventsShown}, newest first.` }),
  })
  .meta({ id: 'DeploymentWithHistory' });

/** A deployment as every write answers it. */
export async function deploymentReply(
  { em, caller, now }: Pick<CallerRequest<unknown, unknown, unknown>, 'em' | 'caller' | 'now'>,
  id: string,
): Promise<z.input<typeof deploymentWithHistory>> {
  // Writes are made in transactions of their own: this reads what is stored.
  em.clear();
  const found = await findDeployment(em, id, caller);
  if (found === null) throw notFound('deployment');
  const details = await readSubscription(em, id);
  const events = await listDeploymentEvents(em, id, eventsShown);
  return {
    ...toDeployment(found),
    subscription: details === null ? null : toSubscription(details, dayOf(now.toISOString())),
    events: events.map((event) => toDeploymentEvent(event, caller.role === 'tenant')),
  };
}

/** The condition that every list of a tenant carries; row level security holds without it. */
const ownTenant = (caller: Caller) => (caller.role === 'tenant' ? [caller.tenantId] : []);

export const deploymentRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/deployments',
    tag: 'Deployments',
    summary: "The caller's deployments; platform roles see all.",
    roles: ['platform_admin', 'platform_viewer', 'tenant'],
    query: z.strictObject({
      state: z.enum(deploymentStates, { error: `expected one of ${deploymentStates.join(', ')}` }).optional(),
      slug: text(63).optional(),
      tenant: tenantId.optional(),
      limit,
      cursor: cursorOf('deployments', uuid),
    }),
    answer: { status: 200, description: 'A page of deployments, by id.', schema: pageOf(deployment) },
    async handle({ em, caller, query }) {
      const rows = await listDeployments(
        em,
        {
          state: query.state,
          slug: query.slug,
          tenants: [...ownTenant(caller), ...(query.tenant === undefined ? [] : [query.tenant])],
        },
        { after: query.cursor, limit: query.limit },
      );
      const idOf = (row: CloudDeployment) => row.id;
      return { status: 200, body: toPage('deployments', rows, query.limit, idOf, toDeployment) };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments',
    tag: 'Deployments',
    summary:
      'Creates a deployment, the billable unit. Admins say for which tenant, and may begin it as a trial.',
    roles: ['platform_admin', 'tenant'],
    body: z.strictObject({
      tenant_id: tenantId.optional().meta({ description: "A tenant's own where it is absent." }),
      slug,
      display_name: text(200).optional().meta({ description: 'The slug where it is absent.' }),
      region: text(100).optional(),
      state: z
        .enum(['active', 'trial'], { error: 'expected active or trial' })
        .optional()
        .meta({ description: '`active` where it is absent; only admins begin a trial.' }),
      llm_mode: llmMode.optional(),
      billing_action_suspended: z.boolean({ error: 'expected true or false' }).optional(),
      template_code: text(100).optional(),
      template_version: z.int({ error: 'expected a whole number from 1' }).min(1).max(1_000_000).optional(),
      reason: reason.optional(),
    }),
    answer: { status: 201, description: 'The deployment.', schema: deploymentWithHistory },
    problems: { 409: 'The tenant has a deployment with that slug, or the same request still runs.' },
    async handle(request) {
      const { em, body } = request;
      const created = await createDeployment(
        em,
        {
          tenantId: body.tenant_id,
          slug: body.slug,
          displayName: body.display_name,
          region: body.region,
          state: body.state,
          llmMode: body.llm_mode,
          billingActionSuspended: body.billing_action_suspended,
          templateCode: body.template_code,
          templateVersion: body.template_version,
        },
        toChangeRequest(request, body.reason),
      );
      return {
        status: 201,
        headers: { Location: `/api/v1/deployments/${created.id}` },
        body: await deploymentReply(request, created.id),
      };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/deployments/:id',
    tag: 'Deployments',
    summary: 'One deployment with its subscription and its last events.',
    roles: ['platform_admin', 'platform_viewer', 'tenant'],
    params: deploymentId,
    answer: { status: 200, description: 'The deployment.', schema: deploymentWithHistory },
    problems: { 404: noSuchDeployment },
    async handle(request) {
      return { status: 200, body: await deploymentReply(request, request.params.id) };
    },
  }),
  defineRoute({
    method: 'patch',
    path: '/api/v1/deployments/:id',
    tag: 'Deployments',
    summary: "Changes a deployment's own data. Only admins suspend billing actions or let them go on.",
    roles: ['platform_admin', 'tenant'],
    params: deploymentId,
    body: z
      .strictObject({
        display_name: text(200).optional(),
        region: text(100).nullable().optional(),
        llm_mode: llmMode.optional(),
        billing_action_suspended: z.boolean({ error: 'expected true or false' }).optional(),
        reason: reason.optional(),
      })
      .refine(({ reason: _, ...changes }) => Object.keys(changes).length > 0, 'expected something to change'),
    answer: { status: 200, description: 'The deployment as it is now.', schema: deploymentWithHistory },
    problems: { 404: noSuchDeployment },
    async handle(request) {
      const { em, params, body } = request;
      const updated = await updateDeployment(
        em,
        params.id,
        {
          displayName: body.display_name,
          region: body.region,
          llmMode: body.llm_mode,
          billingActionSuspended: body.billing_action_suspended,
        },
        toChangeRequest(request, body.reason),
      );
      if (updated === null) throw notFound('deployment');
      return { status: 200, body: await deploymentReply(request, params.id) };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/transition',
    tag: 'Deployments',
    summary:
      'Brings a deployment into another state. Tenants pause, resume (unless an overdue invoice paused it) and cancel their own. After a cancel, what templates made of it is destroyed once the grace time of 7 days is over.',
    roles: ['platform_admin', 'tenant'],
    params: deploymentId,
    body: z.strictObject({
      to: z.enum(deploymentStates, { error: `expected one of ${deploymentStates.join(', ')}` }),
      reason: reason.optional(),
    }),
    answer: { status: 200, description: 'The deployment as it is now.', schema: deploymentWithHistory },
    problems: {
      404: noSuchDeployment,
      422: 'Invalid input, or a transition that there is none of: `context.allowed` lists those that there are.',
    },
    async handle(request) {
      const { em, params, body } = request;
      const done = await transitionDeployment(em, params.id, body.to, toChangeRequest(request, body.reason));
      if (!done) throw notFound('deployment');
      const reply = await deploymentReply(request, params.id);
      if (body.to === 'cancelled') {
        await decommissionCancelled(
          request.api,
          { id: params.id, tenantId: reply.tenant_id },
          toOperatorRequest(request, body.reason ?? 'the deployment was cancelled'),
        );
      }
      return { status: 200, body: reply };
    },
  }),
];
