import { z } from 'zod';
import { attachResource } from '../services/attachResource.ts';
import { detachResource } from '../services/detachResource.ts';
import { checkMovedBooks } from './checkMovedBooks.ts';
import { membership, toMembership } from './deploymentAnswers.ts';
import { deploymentId } from './deployments.ts';
import { invalidInput, notFound } from './problems.ts';
import { defineRoute, type Route } from './route.ts';
import { instantInput, reason, uuid } from './schemas.ts';

const memberships = z
  .strictObject({
    resource_id: uuid,
    memberships: z
      .array(membership)
      .meta({ description: 'All that the resource ever belonged to, by time.' }),
  })
  .meta({ id: 'ResourceMemberships' });

export const deploymentResourceRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/resources',
    tag: 'Deployments',
    summary:
      'Gives a resource to a deployment for a time, which may lie in the past. What it belonged to then is shortened, split or replaced; cost and usage follow, to the second.',
    roles: ['platform_admin'],
    params: deploymentId,
    body: z.strictObject({
      resource_id: uuid,
      from: instantInput.optional().meta({ description: 'Now where it is absent; not in the future.' }),
      to: instantInput
        .nullable()
        .optional()
        .meta({ description: 'Exclusive; without it the resource stays.' }),
      reason: reason.optional(),
    }),
    answer: { status: 201, description: "The resource's memberships.", schema: memberships },
    problems: { 404: 'No such deployment.' },
    async handle({ em, api, caller, params, body, now, requestId }) {
      const rows = await attachResource(
        em,
        params.id,
        { resourceId: body.resource_id, from: body.from, to: body.to },
        { actor: caller, now, reason: body.reason, requestId },
      );
      if (rows === null) throw notFound('deployment');
      await checkMovedBooks(api, em, { now, requestId, requestedBy: caller.subject });
      return {
        status: 201,
        body: { resource_id: body.resource_id, memberships: rows.map(toMembership) },
      };
    },
  }),
  defineRoute({
    method: 'delete',
    path: '/api/v1/deployments/:id/resources/:resource_id',
    tag: 'Deployments',
    summary: 'Takes a resource from a deployment, now or at a moment in the past.',
    roles: ['platform_admin'],
    params: z.strictObject({ id: uuid, resource_id: uuid }),
    query: z.strictObject({
      to: instantInput
        .optional()
        .meta({ description: 'When it left; now where it is absent. Later memberships of it end too.' }),
      reason: reason.optional(),
    }),
    answer: { status: 200, description: "The resource's memberships.", schema: memberships },
    problems: { 404: 'No such deployment, or the resource never belonged to it.' },
    async handle({ em, api, caller, params, query, now, requestId }) {
      if (query.to !== undefined && query.to > now) {
        throw invalidInput([{ pointer: '/query/to', detail: 'must not be in the future' }]);
      }
      const rows = await detachResource(
        em,
        params.id,
        { resourceId: params.resource_id, to: query.to },
        { actor: caller, now, reason: query.reason, requestId },
      );
      if (rows === null) throw notFound('deployment or resource of it');
      await checkMovedBooks(api, em, { now, requestId, requestedBy: caller.subject });
      return {
        status: 200,
        body: { resource_id: params.resource_id, memberships: rows.map(toMembership) },
      };
    },
  }),
];
