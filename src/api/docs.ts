import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { z } from 'zod';
import { definePublicRoute, type Route } from './route.ts';

const swaggerUi = path.dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));

/** Swagger UI from our own origin: no inline script, no address but ours, no badge of an outside validator. */
const page = `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>arcadia-cloud API</title>
    <link rel="stylesheet" href="/api/docs/swagger-ui.css">
    <link rel="icon" type="image/png" href="/api/docs/favicon-32x32.png">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/api/docs/swagger-ui-bundle.js"></script>
    <script src="/api/docs/initializer.js"></script>
  </body>
</html>
`;

const initializer = `window.ui = SwaggerUIBundle({
  url: '/api/openapi.json',
  dom_id: '#swagger-ui',
  validatorUrl: null,
  deepLinking: true,
  persistAuthorization: false,
});
`;

const files = {
  'initializer.js': 'text/javascript; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
  'favicon-32x32.png': 'image/png',
} as const;
type FileName = keyof typeof files;
const fileNames = Object.keys(files) as FileName[];

const kept = new Map<FileName, Promise<Buffer>>();

function readAsset(name: FileName): Promise<Buffer> {
  const before = kept.get(name);
  if (before !== undefined) return before;
  const contents =
    name === 'initializer.js'
      ? Promise.resolve(Buffer.from(initializer))
      : readFile(path.join(swaggerUi, name));
  kept.set(name, contents);
  return contents;
}

const anything = z.unknown();

export const docsRoutes: readonly Route[] = [
  definePublicRoute({
    method: 'get',
    path: '/api/openapi.json',
    tag: 'Service',
    summary: 'This document.',
    answer: { status: 200, description: 'OpenAPI 3.1.', schema: z.record(z.string(), anything) },
    async handle() {
      // The document is made of every route, this one too: it can only be read once they all are there.
      const { buildOpenApiDocument } = await import('./openapi.ts');
      return { status: 200, body: { ...buildOpenApiDocument() } };
    },
  }),
  definePublicRoute({
    method: 'get',
    path: '/api/docs',
    tag: 'Service',
    summary: 'The API as a page to read and to try.',
    answer: { status: 200, description: 'A page.', contentType: 'text/html', schema: z.string() },
    handle: async () => ({
      status: 200,
      headers: { 'content-type': 'text/html; charset=utf-8' },
      body: page,
    }),
  }),
  definePublicRoute({
    method: 'get',
    path: '/api/docs/:file',
    tag: 'Service',
    summary: 'What that page is made of.',
    params: z.strictObject({ file: z.enum(fileNames, { error: `expected one of ${fileNames.join(', ')}` }) }),
    answer: {
      status: 200,
      description: 'A script, a style sheet or an image.',
      contentType: '*/*',
      schema: anything,
    },
    handle: async ({ params }) => ({
      status: 200,
      headers: { 'content-type': files[params.file], 'cache-control': 'public, max-age=3600' },
      body: await readAsset(params.file),
    }),
  }),
];
