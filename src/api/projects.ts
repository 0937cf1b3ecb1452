import { z } from 'zod';
import type { CloudProject } from '../entities/cloudProject.ts';
import { assignProjectTenant } from '../services/assignProjectTenant.ts';
import { listProjects } from '../services/listInventory.ts';
import { checkMovedBooks } from './checkMovedBooks.ts';
import { cursorOf, toPage } from './pages.ts';
import { notFound } from './problems.ts';
import { defineRoute, type Route } from './route.ts';
import { instant, limit, pageOf, reason, tenantId, toInstant, toInstantOrNull, uuid } from './schemas.ts';

const project = z
  .strictObject({
    id: uuid,
    provider: z.string(),
    external_id: z.string(),
    name: z.string(),
    is_default: z.boolean(),
    tenant_id: z.string().nullable(),
    first_seen_at: instant,
    last_seen_at: instant,
    gone_at: instant.nullable(),
  })
  .meta({ id: 'Project' });

const toProject = (row: CloudProject): z.input<typeof project> => ({
  id: row.id,
  provider: row.provider,
  external_id: row.externalId,
  name: row.name,
  is_default: row.isDefault,
  tenant_id: row.tenantId ?? null,
  first_seen_at: toInstant(row.firstSeenAt),
  last_seen_at: toInstant(row.lastSeenAt),
  gone_at: toInstantOrNull(row.goneAt ?? null),
});

export const projectRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/projects',
    tag: 'Inventory',
    summary: "The provider's projects with their tenants.",
    roles: ['platform_admin', 'platform_viewer'],
    query: z.strictObject({ limit, cursor: cursorOf('projects', uuid) }),
    answer: { status: 200, description: 'A page of projects, by id.', schema: pageOf(project) },
    async handle({ em, query }) {
      const rows = await listProjects(em, { after: query.cursor, limit: query.limit });
      return { status: 200, body: toPage('projects', rows, query.limit, (row) => row.id, toProject) };
    },
  }),
  defineRoute({
    method: 'put',
    path: '/api/v1/projects/:id',
    tag: 'Inventory',
    summary:
      'Gives a project, and its resources that belong to no deployment, to a tenant; null takes it away.',
    roles: ['platform_admin'],
    params: z.strictObject({ id: uuid }),
    body: z.strictObject({ tenant_id: tenantId.nullable(), reason }),
    answer: {
      status: 200,
      description: 'The project and how many resources it took along.',
      schema: z.strictObject({ project, resources: z.int() }),
    },
    problems: { 404: 'No such project.' },
    async handle({ em, api, caller, params, body, now, requestId }) {
      const assigned = await assignProjectTenant(em, {
        projectId: params.id,
        tenantId: body.tenant_id,
        reason: body.reason,
        actor: caller,
        at: now,
        requestId,
      });
      if (assigned === undefined) throw notFound('project');
      await checkMovedBooks(api, em, { now, requestId, requestedBy: caller.subject });
      return {
        status: 200,
        body: { project: toProject(assigned.project), resources: assigned.resources },
      };
    },
  }),
];
