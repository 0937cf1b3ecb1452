import { z } from 'zod';
import { focusVersions } from '../domain/focusColumns.ts';
import { exportTenantFocus } from '../services/exportTenantFocus.ts';
import { focusFormats } from '../services/focusCsv.ts';
import { issuerOf } from './printedDocuments.ts';
import { defineRoute, type Route } from './route.ts';
import { period, tenantId } from './schemas.ts';

/** Before the routes of a single invoice, whose id would match the last part of its path. */
export const tenantFocusExportRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/invoices/focus-export',
    tag: 'Invoices',
    summary:
      'What tenants are charged for a period as a FOCUS file: the lines and credit notes of issued and paid invoices. A tenant gets its own. Audited. A download that ends without its last chunk is not whole.',
    roles: ['platform_admin', 'platform_viewer', 'tenant'],
    query: z.strictObject({
      period,
      version: z.enum(focusVersions, { error: `expected one of ${focusVersions.join(', ')}` }).default('1.2'),
      format: z
        .enum(focusFormats, { error: `expected one of ${focusFormats.join(', ')}` })
        .default('csv')
        .meta({ description: '`csv.gz` answers `application/gzip`.' }),
      tenant: tenantId.optional(),
    }),
    answer: {
      status: 200,
      description: 'The file, streamed.',
      contentType: 'text/csv',
      schema: z.unknown().meta({ type: 'string' }),
    },
    problems: { 503: 'The service was not told who issues its invoices.' },
    async handle({ api, query, caller, now, requestId }) {
      const file = await exportTenantFocus(api.orm, {
        ...query,
        tenant: query.tenant ?? (caller.role === 'tenant' ? caller.tenantId : undefined),
        issuer: issuerOf(api.config).name,
        actor: caller,
        now,
        requestId,
      });
      // A fault from here on finds the answer under way: Koa then cuts the connection, and no reader takes what came for the whole.
      return {
        status: 200,
        headers: {
          'content-type': file.contentType,
          'content-disposition': `attachment; filename="${file.fileName}"`,
        },
        body: file.content,
      };
    },
  }),
];
