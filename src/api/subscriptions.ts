import { z } from 'zod';
import { Forbidden } from '../domain/errors.ts';
import { attachAddon } from '../services/attachAddon.ts';
import { changePlan } from '../services/changePlan.ts';
import { detachAddon } from '../services/detachAddon.ts';
import { refuseProvisioning } from '../services/provisioning/beginProvisioning.ts';
import { subscribeDeployment } from '../services/subscribeDeployment.ts';
import { toChangeRequest } from './changeRequest.ts';
import { attachedAddon, subscription, toAttachedAddon } from './deploymentAnswers.ts';
import { deploymentId, deploymentReply, noSuchDeployment } from './deployments.ts';
import { notFound } from './problems.ts';
import { type ProvisionBody, provisionBody, readProvision } from './provisionBody.ts';
import { beginProvision, deploymentNamed } from './provisioningRequests.ts';
import { type CallerRequest, defineRoute, type Route } from './route.ts';
import { day, instantInput, reason, text, uuid } from './schemas.ts';
import { startedReply, startedWorkflow } from './startedWorkflow.ts';

const code = text(100);
const startsOn = day
  .optional()
  .meta({ description: 'The first day, UTC; today where it is absent. Only admins back-date.' });
const invoiced = 'or the day lies in a month that was invoiced already';
const notSubscribed = 'The deployment is not subscribed, its subscription is cancelled';

async function subscriptionReply(
  request: Pick<CallerRequest<unknown, unknown, unknown>, 'em' | 'caller' | 'now'>,
  id: string,
): Promise<z.input<typeof subscription>> {
  const reply = await deploymentReply(request, id);
  if (reply.subscription === null) throw notFound('subscription');
  return reply.subscription;
}

const newSubscription = z
  .strictObject({
    ...subscription.shape,
    provisioning: startedWorkflow.nullable().optional().meta({
      description:
        'Where `provision` was given: the process that runs; null where it could not be started, and is to be with `…/provision`.',
    }),
  })
  .meta({ id: 'NewSubscription' });

/**
 * Checks a provisioning before anything is subscribed.
 * @returns what starts it, once the subscription is there
 */
async function planProvision(
  request: Pick<
    CallerRequest<{ id: string }, unknown, unknown>,
    'em' | 'api' | 'caller' | 'requestId' | 'params'
  >,
  body: ProvisionBody,
): Promise<(why: string) => Promise<z.input<typeof startedWorkflow> | null>> {
  const { em, api, caller, params } = request;
  if (caller.role === 'tenant') throw new Forbidden('only admins have resources created');
  const deployment = await deploymentNamed(em, params.id, caller);
  const wanted = readProvision(body, deployment, '/body/provision');
  await refuseProvisioning(em, deployment);
  return async (why) => {
    try {
      const run = await beginProvision(request, deployment, wanted, why);
      return run === undefined ? null : startedReply(api.config, run).body;
    } catch (error) {
      api.log.warn({ err: error, deployment_id: params.id }, 'a subscribed deployment is not provisioned');
      return null;
    }
  };
}

export const subscriptionRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/subscribe',
    tag: 'Subscriptions',
    summary: 'Subscribes a deployment to the active version of a plan, with addons.',
    roles: ['platform_admin', 'tenant'],
    params: deploymentId,
    body: z.strictObject({
      plan_code: code,
      addons: z
        .array(code, { error: 'expected a list of addon codes' })
        .max(50)
        .default([])
        .meta({ description: 'Codes; one that comes twice is attached twice.' }),
      starts_on: startsOn,
      trial_ends_at: instantInput
        .optional()
        .meta({ description: 'Only admins; required while the deployment is on trial.' }),
      provision: provisionBody
        .optional()
        .meta({ description: 'Only admins: creates its resources by a template, too.' }),
      reason: reason.optional(),
    }),
    answer: { status: 201, description: 'The subscription.', schema: newSubscription },
    problems: {
      404: noSuchDeployment,
      409: 'The deployment is subscribed or cancelled already, or the same request still runs.',
      422: "Invalid input: no such plan or addon, no version for sale, or another currency than the tenant's.",
    },
    async handle(request) {
      const { em, params, body } = request;
      const provision = body.provision === undefined ? null : await planProvision(request, body.provision);
      const done = await subscribeDeployment(
        em,
        params.id,
        {
          planCode: body.plan_code,
          addons: body.addons,
          startsOn: body.starts_on,
          trialEndsAt: body.trial_ends_at,
        },
        toChangeRequest(request, body.reason),
      );
      if (!done) throw notFound('deployment');
      const reply = await subscriptionReply(request, params.id);
      if (provision === null) return { status: 201, body: reply };
      const provisioning = await provision(body.reason ?? 'it was subscribed');
      return { status: 201, body: { ...reply, provisioning } };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/change-plan',
    tag: 'Subscriptions',
    summary:
      'Puts a subscription on the active version of a plan from a day on; a change that was made for that day before is replaced.',
    roles: ['platform_admin', 'tenant'],
    params: deploymentId,
    body: z.strictObject({ plan_code: code, starts_on: startsOn, reason: reason.optional() }),
    answer: { status: 200, description: 'The subscription as it is now.', schema: subscription },
    problems: { 404: noSuchDeployment, 409: `${notSubscribed}, ${invoiced}.` },
    async handle(request) {
      const { em, params, body } = request;
      const done = await changePlan(
        em,
        params.id,
        { planCode: body.plan_code, startsOn: body.starts_on },
        toChangeRequest(request, body.reason),
      );
      if (!done) throw notFound('deployment');
      return { status: 200, body: await subscriptionReply(request, params.id) };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/addons',
    tag: 'Subscriptions',
    summary: 'Attaches an addon at the price and quantity that the catalog has now; they stay as they are.',
    roles: ['platform_admin', 'tenant'],
    params: deploymentId,
    body: z.strictObject({ code, starts_on: startsOn, reason: reason.optional() }),
    answer: { status: 201, description: 'The attached addon.', schema: attachedAddon },
    problems: { 404: noSuchDeployment, 409: `${notSubscribed}, ${invoiced}.` },
    async handle(request) {
      const { em, params, body } = request;
      const addon = await attachAddon(
        em,
        params.id,
        { code: body.code, startsOn: body.starts_on },
        toChangeRequest(request, body.reason),
      );
      if (addon === null) throw notFound('deployment');
      return { status: 201, body: toAttachedAddon(addon) };
    },
  }),
  defineRoute({
    method: 'delete',
    path: '/api/v1/deployments/:id/addons/:addon_id',
    tag: 'Subscriptions',
    summary: 'Ends an attached addon; before its first day it is as if it had never been attached.',
    roles: ['platform_admin', 'tenant'],
    params: z.strictObject({ id: uuid, addon_id: uuid }),
    query: z.strictObject({
      ends_on: day.optional().meta({
        description: 'The last day that counts, UTC; today where it is absent. Only admins back-date.',
      }),
      reason: reason.optional(),
    }),
    answer: { status: 200, description: 'The addon with its last day.', schema: attachedAddon },
    problems: {
      404: `${noSuchDeployment.slice(0, -1)}, or no such addon on it.`,
      409: `The deployment is not subscribed, the addon ends earlier already, ${invoiced}.`,
    },
    async handle(request) {
      const { em, params, query } = request;
      const addon = await detachAddon(
        em,
        params.id,
        params.addon_id,
        { endsOn: query.ends_on },
        toChangeRequest(request, query.reason),
      );
      if (addon === 'no_deployment') throw notFound('deployment');
      if (addon === 'no_addon') throw notFound('addon on this deployment');
      return { status: 200, body: toAttachedAddon(addon) };
    },
  }),
];
