import { z } from 'zod';
import { listAudit } from '../services/listAudit.ts';
import { countingId, cursorOf, toPage } from './pages.ts';
import { defineRoute, type Route } from './route.ts';
import { instant, json, limit, pageOf, text, toInstant } from './schemas.ts';

const auditEntry = z
  .strictObject({
    id: z.string(),
    occurred_at: instant,
    actor: z.string(),
    role: z.string(),
    tenant_id: z.string().nullable(),
    action: z.string(),
    subject_type: z.string(),
    subject_id: z.string(),
    reason: z.string().nullable(),
    before: json.nullable(),
    after: json.nullable(),
    request_id: z.string().nullable(),
    workflow_id: z.string().nullable(),
  })
  .meta({ id: 'AuditEntry' });

export const auditRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/audit',
    tag: 'Operators',
    summary: 'Who did what to which row, why, under which request or workflow. Newest first.',
    roles: ['platform_admin', 'platform_viewer'],
    query: z.strictObject({
      subject_type: text(100).optional(),
      subject_id: text(500).optional(),
      action: text(100).optional(),
      limit,
      cursor: cursorOf('audit', countingId),
    }),
    answer: { status: 200, description: 'A page of the audit log.', schema: pageOf(auditEntry) },
    async handle({ em, query }) {
      const rows = await listAudit(
        em,
        { subjectType: query.subject_type, subjectId: query.subject_id, action: query.action },
        { after: query.cursor, limit: query.limit },
      );
      return {
        status: 200,
        body: toPage(
          'audit',
          rows,
          query.limit,
          (row) => String(row.id),
          (row): z.input<typeof auditEntry> => ({
            id: String(row.id),
            occurred_at: toInstant(row.occurredAt),
            actor: row.actor,
            role: row.role,
            tenant_id: row.tenantId ?? null,
            action: row.action,
            subject_type: row.subjectType,
            subject_id: row.subjectId,
            reason: row.reason ?? null,
            before: row.before ?? null,
            after: row.after ?? null,
            request_id: row.requestId ?? null,
            workflow_id: row.workflowId ?? null,
          }),
        ),
      };
    },
  }),
];
