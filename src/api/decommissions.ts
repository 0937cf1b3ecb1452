import { z } from 'zod';
import { hasStandingItems, refuseDecommission } from '../services/provisioning/beginDecommission.ts';
import { provisioningMessages } from '../workflows/provisioningMessages.ts';
import { toOperatorRequest } from './changeRequest.ts';
import { deploymentId, noSuchDeployment } from './deployments.ts';
import { Problem } from './problems.ts';
import { shown } from './provisioningAnswers.ts';
import {
  deploymentNamed,
  messageTo,
  noTemporal,
  refuseRunning,
  runsAlready,
  startedRun,
  withReason,
} from './provisioningRequests.ts';
import { defineRoute, type Route } from './route.ts';
import { reason, text } from './schemas.ts';
import { startedReply } from './startedWorkflow.ts';
import { startDecommission } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

const defaultGraceHours = 7 * 24;
const longestGraceHours = 90 * 24;

/** Taking cancelled deployments apart, and what is told to the run that does it. */
export const decommissionRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/decommission',
    tag: 'Provisioning',
    summary:
      'Destroys what templates made of a cancelled deployment, in reverse, after a grace time. What was attached by hand stays.',
    roles: ['platform_admin'],
    params: deploymentId,
    body: z.strictObject({
      grace_hours: z
        .int({ error: `expected a whole number from 0 to ${longestGraceHours}` })
        .min(0, `expected a whole number from 0 to ${longestGraceHours}`)
        .max(longestGraceHours, `expected a whole number from 0 to ${longestGraceHours}`)
        .default(defaultGraceHours)
        .meta({ description: 'For how long nothing is destroyed.' }),
      reason,
    }),
    answer: startedRun,
    problems: {
      404: noSuchDeployment,
      409: 'The deployment is not cancelled, has nothing that a template made, or a run has it.',
      ...noTemporal,
    },
    async handle(request) {
      const { em, caller, api, params, body } = request;
      const deployment = await deploymentNamed(em, params.id, caller);
      refuseDecommission(deployment);
      await refuseRunning(request);
      if (!(await hasStandingItems(em, params.id))) {
        throw new Problem(409, 'nothing_provisioned', 'the deployment has nothing that a template made');
      }
      const input = {
        deploymentId: params.id,
        graceMs: body.grace_hours * 3_600_000,
        request: toOperatorRequest(request, body.reason),
      };
      const started = await callTemporal(api, (client) =>
        startDecommission(client, deployment.tenantId, input),
      );
      if (started === undefined) throw runsAlready('decommission_running', 'a decommission');
      return startedReply(api.config, started);
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/decommission/cancel',
    tag: 'Provisioning',
    summary: 'Calls a decommission off in its grace time: everything stays.',
    roles: ['platform_admin'],
    params: deploymentId,
    body: withReason,
    answer: { ...startedRun, description: 'It is called off.' },
    problems: {
      404: noSuchDeployment,
      409: 'No decommission runs, or it destroys already.',
      ...noTemporal,
    },
    async handle(request) {
      return messageTo(request, 'decommission', provisioningMessages.cancelUpdate, {
        request: toOperatorRequest(request, request.body.reason),
      });
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/hold',
    tag: 'Provisioning',
    summary: 'Stops a decommission in its grace time from going on when that is over, or lets it go on.',
    roles: ['platform_admin'],
    params: deploymentId,
    body: z.strictObject({ held: z.boolean({ error: 'expected true or false' }), reason }),
    answer: { ...startedRun, description: 'It is held, or goes on.' },
    problems: {
      404: noSuchDeployment,
      409: 'No decommission runs, or it destroys already.',
      ...noTemporal,
    },
    async handle(request) {
      return messageTo(request, 'decommission', provisioningMessages.holdUpdate, {
        held: request.body.held,
        request: toOperatorRequest(request, request.body.reason),
      });
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/provisioning/retry',
    tag: 'Provisioning',
    summary:
      'Tries to destroy items again that were set aside, or, with `leave`, lets them stand: no run touches them any more.',
    roles: ['platform_admin'],
    params: deploymentId,
    body: z.strictObject({
      keys: z
        .array(text(100))
        .min(1)
        .max(shown.items)
        .optional()
        .meta({ description: 'All that are set aside where it is absent.' }),
      leave: z.boolean({ error: 'expected true or false' }).default(false),
      reason,
    }),
    answer: { ...startedRun, description: 'It is tried.' },
    problems: { 404: noSuchDeployment, 409: 'No such item is set aside.', ...noTemporal },
    async handle(request) {
      const { keys, leave, reason: why } = request.body;
      return messageTo(request, 'any', provisioningMessages.retryItemsUpdate, {
        ...(keys === undefined ? {} : { keys }),
        leave,
        request: toOperatorRequest(request, why),
      });
    },
  }),
];
