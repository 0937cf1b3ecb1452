import { z } from 'zod';
import { listTemplates } from '../domain/templates/templates.ts';
import { listAttachedByHand } from '../services/provisioning/beginDecommission.ts';
import { refuseProvisioning } from '../services/provisioning/beginProvisioning.ts';
import { listProvisionedItems, listProvisioningRuns } from '../services/provisioning/listProvisioning.ts';
import { previewProvisioning } from '../services/provisioning/previewProvisioning.ts';
import { provisioningMessages } from '../workflows/provisioningMessages.ts';
import { toOperatorRequest } from './changeRequest.ts';
import { deploymentId, noSuchDeployment } from './deployments.ts';
import { provisionBody, readProvision } from './provisionBody.ts';
import {
  preview,
  provisioning,
  shown,
  template,
  toAttached,
  toItem,
  toPreview,
  toRun,
  toTemplate,
} from './provisioningAnswers.ts';
import {
  beginProvision,
  deploymentNamed,
  messageTo,
  noTemporal,
  refuseRunning,
  runsAlready,
  startedRun,
  withReason,
} from './provisioningRequests.ts';
import { defineRoute, type Route } from './route.ts';
import { reason } from './schemas.ts';
import { startedReply, startedWorkflow } from './startedWorkflow.ts';

const platformReaders = ['platform_admin', 'platform_viewer'] as const;
/** Templates are in the words of this provider. */
const provider = 'digitalocean';

export const provisioningRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/templates',
    tag: 'Provisioning',
    summary: 'The templates by which deployments are provisioned, with their parameters.',
    roles: platformReaders,
    answer: {
      status: 200,
      description: 'All templates, by code, the newest version first.',
      schema: z.strictObject({ items: z.array(template) }),
    },
    async handle() {
      return { status: 200, body: { items: listTemplates().map(toTemplate) } };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/deployments/:id/provisioning',
    tag: 'Provisioning',
    summary: 'What templates made of a deployment, and the runs that did it or undid it.',
    roles: platformReaders,
    params: deploymentId,
    answer: { status: 200, description: 'Runs and items.', schema: provisioning },
    problems: { 404: noSuchDeployment },
    async handle({ em, caller, api, params }) {
      await deploymentNamed(em, params.id, caller);
      const runs = await listProvisioningRuns(em, params.id, shown.runs);
      const items = await listProvisionedItems(em, params.id, shown.items);
      const byHand = await listAttachedByHand(em, params.id);
      return {
        status: 200,
        body: {
          deployment_id: params.id,
          runs: runs.map((row) => toRun(row, api)),
          items: items.map(toItem),
          attached_by_hand: byHand.map(toAttached),
        },
      };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/provision',
    tag: 'Provisioning',
    summary:
      "Creates a deployment's resources by a template. With `dry_run` it says what that would be and what it costs, and writes nothing.",
    roles: ['platform_admin'],
    params: deploymentId,
    body: z.strictObject({
      ...provisionBody.shape,
      dry_run: z.boolean({ error: 'expected true or false' }).default(false),
      reason,
    }),
    answer: {
      status: 202,
      description: 'It runs; `Location` and the links say where to watch it.',
      schema: z.union([startedWorkflow, preview]),
      alsoStatus: { 200: 'What it would be; nothing was written.' },
    },
    problems: {
      404: noSuchDeployment,
      409: 'The deployment is cancelled, provisioned already, or a run has it.',
      422: 'Invalid input: no such template, or parameters that it does not take.',
      ...noTemporal,
    },
    async handle(request) {
      const { em, caller, api, params, body } = request;
      const deployment = await deploymentNamed(em, params.id, caller);
      const wanted = readProvision(body, deployment, '/body');
      await refuseProvisioning(em, deployment);
      if (body.dry_run) {
        const previewed = await previewProvisioning(
          em,
          { deploymentId: params.id, provider, template: wanted, parameters: body.parameters },
          api.listPrice,
        );
        return { status: 200, body: toPreview(params.id, wanted, previewed) };
      }
      await refuseRunning(request);
      const started = await beginProvision(request, deployment, wanted, body.reason);
      if (started === undefined) throw runsAlready('provisioning_running', 'a provisioning');
      return startedReply(api.config, started);
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/provision/cancel',
    tag: 'Provisioning',
    summary: 'Cancels a provisioning that runs: what it created is destroyed again.',
    roles: ['platform_admin'],
    params: deploymentId,
    body: withReason,
    answer: { ...startedRun, description: 'It is being undone.' },
    problems: {
      404: noSuchDeployment,
      409: 'No provisioning runs, or it is undone already.',
      ...noTemporal,
    },
    async handle(request) {
      return messageTo(request, 'provision', provisioningMessages.cancelUpdate, {
        request: toOperatorRequest(request, request.body.reason),
      });
    },
  }),
];
