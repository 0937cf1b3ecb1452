import { z } from 'zod';
import { focusAllocations, focusVersions } from '../domain/focusColumns.ts';
import { exportFocus } from '../services/exportFocus.ts';
import { focusFormats } from '../services/focusCsv.ts';
import { defineRoute, type Route } from './route.ts';
import { period, text } from './schemas.ts';

const oneOf = <Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, { error: `expected one of ${values.join(', ')}` });

export const focusExportRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/billing/focus-export',
    tag: 'Billing',
    summary:
      "A period's provider charges as a FOCUS file, of the current version of each invoice. Audited. A download that ends without its last chunk is not whole.",
    roles: ['platform_admin', 'platform_viewer'],
    query: z.strictObject({
      period,
      version: oneOf(focusVersions).default('1.2'),
      format: oneOf(focusFormats)
        .default('csv')
        .meta({ description: '`csv.gz` answers `application/gzip`.' }),
      provider: text(100).optional(),
      allocation: oneOf(focusAllocations).default('owners').meta({
        description:
          '`owners`: a row for each owner of a line, and one for what an invoice states beyond its lines. `none`: the lines as the provider billed them.',
      }),
    }),
    answer: {
      status: 200,
      description: 'The file, streamed.',
      contentType: 'text/csv',
      schema: z.unknown().meta({ type: 'string' }),
    },
    async handle({ api, query, caller, now, requestId }) {
      const file = await exportFocus(api.orm, { ...query, actor: caller, now, requestId });
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
