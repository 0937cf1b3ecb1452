import {
  OpenAPIRegistry,
  OpenApiGeneratorV31,
  type ResponseConfig,
  type RouteConfig,
  type ZodRequestBody,
} from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { service } from './health.ts';
import { type Route, takesBody, takesKey, type Upload } from './route.ts';
import { routes } from './routes.ts';

const problem = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().meta({ description: 'Stable; programs decide by it.' }),
    request_id: z.string(),
    errors: z
      .array(
        z.strictObject({
          pointer: z
            .string()
            .meta({ description: 'JSON pointer into `{ path, query, headers, body }`, like /query/limit.' }),
          detail: z.string(),
        }),
      )
      .optional(),
    context: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details.' });

/** A second schema than the one that reads the header: bare or quoted is told apart before zod sees it. */
const writeHeaders = z.object({
  'Idempotency-Key': z.string().min(1).max(257).optional().meta({
    description:
      'Quoted or bare, kept 24 hours for each subject and route. The same request gets the stored answer.',
  }),
});

/** All three together are one signature, as Standard Webhooks 1.0 has it. */
const signatureSchemes = {
  webhookId: { type: 'apiKey', in: 'header', name: 'webhook-id', description: 'Letters, digits, _ and -.' },
  webhookTimestamp: {
    type: 'apiKey',
    in: 'header',
    name: 'webhook-timestamp',
    description: 'Seconds since 1970, at most 300 from our clock.',
  },
  webhookSignature: {
    type: 'apiKey',
    in: 'header',
    name: 'webhook-signature',
    description:
      'Standard Webhooks 1.0: `v1,` and the base64 of the HMAC-SHA256 of `<id>.<timestamp>.<body>`; several are separated by blanks.',
  },
} as const;
const signed = Object.fromEntries(Object.keys(signatureSchemes).map((name) => [name, []]));

const tokenProblems: Readonly<Record<number, string>> = {
  401: 'No valid token.',
  403: 'The token does not allow it.',
};
const writeProblems: Readonly<Record<number, string>> = {
  409: 'The first request with this Idempotency-Key still runs.',
};
const bodyProblems: Readonly<Record<number, string>> = {
  400: 'The body is not JSON.',
  413: 'The body is larger than 256 kB.',
  415: 'The body is not plain JSON.',
};
const everyProblem: Readonly<Record<number, string>> = {
  422: 'Invalid input, all faults at once, or an Idempotency-Key that was used for another request.',
  429: 'Too many requests; Retry-After says how long to wait.',
  500: 'A fault on our side.',
};

let built: ReturnType<typeof build> | undefined;

/** The OpenAPI 3.1 document, made from the schemas that validate. `openapi.json` is this, written down. */
export function buildOpenApiDocument(): object {
  built ??= build();
  return built;
}

function build() {
  const registry = new OpenAPIRegistry();
  const bearer = registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'HS512, `typ: access` in the payload, with `sub`, `tenant_id` and `role`.',
  });
  for (const [name, scheme] of Object.entries(signatureSchemes)) {
    registry.registerComponent('securitySchemes', name, scheme);
  }
  for (const route of routes) registry.registerPath(toPath(route, bearer.name));
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: {
      title: service.service,
      version: service.version,
      description:
        'The money side of a cloud platform: what the provider charges, what runs and what was asked for, what tenants buy and use, their invoices, the margin, and the processes behind them.',
    },
    servers: [{ url: '/' }],
  });
}

function toPath(route: Route, bearer: string): RouteConfig {
  return {
    method: route.method,
    path: route.path.replaceAll(/:(\w+)/g, '{$1}'),
    tags: [route.tag],
    summary: route.summary,
    ...(route.access === 'public'
      ? {}
      : {
          description: `Roles: ${route.access.join(', ')}.`,
          security: [{ [bearer]: [] }, ...(route.webhook === undefined ? [] : [signed])],
        }),
    request: {
      params: route.params,
      query: route.query,
      ...(takesKey(route) ? { headers: writeHeaders } : {}),
      ...(route.upload === undefined ? {} : { body: fileBody(route.upload) }),
      ...(route.body === undefined
        ? {}
        : {
            body: {
              content: { 'application/json': { schema: route.body } },
              required: !isOptional(route.body),
            },
          }),
    },
    responses: { ...answers(route), ...problems(route) },
  };
}

function fileBody(upload: Upload): ZodRequestBody {
  const file = { schema: { type: 'string', format: 'binary' } } as const;
  return {
    required: true,
    content: Object.fromEntries(upload.contentTypes.map((type) => [type, file])),
  };
}

const isOptional = (body: z.ZodType) => body.safeParse({}).success;

function answers(route: Route): Record<number, ResponseConfig> {
  const { status, description, schema, contentType, alsoContentTypes, alsoStatus } = route.answer;
  const text = { schema: { type: 'string' } } as const;
  const content = {
    [contentType ?? 'application/json']: { schema },
    ...Object.fromEntries((alsoContentTypes ?? []).map((type) => [type, text])),
  };
  const all: Record<number, ResponseConfig> = { [status]: { description, content } };
  for (const [other, meaning] of Object.entries(alsoStatus ?? {})) {
    all[Number(other)] = { description: meaning, content };
  }
  return all;
}

function problems(route: Route): Record<number, ResponseConfig> {
  const all = {
    ...everyProblem,
    ...(route.access === 'public' ? {} : tokenProblems),
    ...(takesKey(route) ? writeProblems : {}),
    ...(takesBody(route.method) ? bodyProblems : {}),
    ...route.problems,
  };
  return Object.fromEntries(
    Object.entries(all).map(([status, description]) => [
      status,
      { description, content: { 'application/problem+json': { schema: problem } } },
    ]),
  );
}
