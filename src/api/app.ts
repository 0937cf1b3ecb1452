import { randomUUID } from 'node:crypto';
import cors from '@koa/cors';
import { Router } from '@koa/router';
import Koa from 'koa';
import helmet from 'koa-helmet';
import { startLlmUsageWriter } from '../services/llmUsageWriter.ts';
import { authenticate } from './auth.ts';
import { answerOnce } from './idempotency.ts';
import type { Metrics } from './metrics.ts';
import { notFound, Problem, problemBody, toProblem } from './problems.ts';
import { createRateLimits } from './rateLimits.ts';
import { checkBodyHeaders, checkFileHeaders, readBody } from './requestBody.ts';
import type { ApiContext, ApiMiddleware, RequestState } from './requestState.ts';
import { type ApiDependencies, authorize, type Reply, type Route, takesBody, takesKey } from './route.ts';
import { routes } from './routes.ts';
import { verifySignature } from './webhookSignature.ts';

export interface AppOptions extends Omit<ApiDependencies, 'clock' | 'llmUsage'> {
  readonly clock?: () => Date;
  readonly metrics?: Metrics;
}

export type App = Koa<RequestState>;

/** The whole HTTP API. The order of its middleware is a decision: docs/decisions/0004-api.md. */
export function createApp(options: AppOptions): App {
  const api: ApiDependencies = {
    ...options,
    clock: options.clock ?? (() => new Date()),
    llmUsage: startLlmUsageWriter(options.orm),
  };
  const limits = createRateLimits(api.config, webhookPaths);
  const app: App = new Koa<RequestState>();
  // What happens to an answer that is under way, where no problem details can be sent any more: the reader left, or a stream broke.
  app.on('error', (error: unknown) => api.log.warn({ err: error }, 'an answer broke off'));
  app.use(identifyRequest);
  app.use(logRequest(api, options.metrics));
  app.use(answerProblems(api));
  app.use(securityHeaders);
  if (api.config.CORS_ORIGINS.length > 0) app.use(allowOrigins(api.config.CORS_ORIGINS));
  app.use(checkBodyHeaders(uploadPaths));
  app.use(limits.byAddress);
  // A router tries all of its paths on each request. What comes by the thousand a second has a short one of its own.
  app.use(createRouter(api, limits.bySubject, webhookRoutes).routes());
  const router = createRouter(api, limits.bySubject);
  app.use(router.routes());
  app.use(refuseUnrouted(router));
  return app;
}

/** The router alone; a test compares what it serves with the OpenAPI document. */
export function createRouter(
  api: ApiDependencies,
  limitSubject: ApiMiddleware,
  served: readonly Route[] = routes,
): Router<RequestState> {
  // Paths are exact: with the router's defaults `/API/V1/…` and a trailing slash would be the same route.
  const router = new Router<RequestState>({ exclusive: 'specificity', sensitive: true, strict: true });
  const checkToken = authenticate(api.config);
  for (const route of served) {
    const checkSignature = route.webhook === undefined ? [] : [verifySignature(route.webhook, api.config)];
    const before = route.access === 'public' ? [] : [...checkSignature, ...checkToken, limitSubject];
    router[route.method](
      route.path,
      nameRoute(route),
      ...before,
      allowRoles(route),
      ...readers(route, api),
      (ctx) => answer(ctx, route, api),
    );
  }
  return router;
}

async function answer(ctx: ApiContext, route: Route, api: ApiDependencies): Promise<void> {
  const { caller } = ctx.state;
  const work = route.prepare(ctx, api);
  const reply =
    caller === undefined || !takesKey(route)
      ? await work()
      : await answerOnce(
          ctx,
          {
            orm: api.orm,
            session: caller,
            route: `${route.method.toUpperCase()} ${route.path}`,
            now: api.clock(),
          },
          work,
        );
  send(ctx, reply);
}

function send(ctx: ApiContext, reply: Reply): void {
  ctx.status = reply.status;
  ctx.body = reply.body;
  ctx.set({ ...reply.headers });
}

/** What stands before a handler to take the body. */
function readers(route: Route, api: ApiDependencies): ApiMiddleware[] {
  if (route.upload !== undefined) {
    return [checkFileHeaders(route.upload.contentTypes, route.upload.limit(api.config))];
  }
  return takesBody(route.method) ? [readBody] : [];
}

const uploadPaths: ReadonlySet<string> = new Set(
  routes.filter((route) => route.upload !== undefined).map((route) => route.path),
);

const webhookRoutes = routes.filter((route) => route.webhook !== undefined);
const webhookPaths: ReadonlySet<string> = new Set(webhookRoutes.map((route) => route.path));

const nameRoute =
  (route: Route): ApiMiddleware =>
  (ctx, next) => {
    ctx.state.route = route.path;
    if (route.access !== 'public') ctx.set('Cache-Control', 'no-store');
    return next();
  };

/** Before the body is read: who may not do it can't make us read it. */
const allowRoles =
  (route: Route): ApiMiddleware =>
  (ctx, next) => {
    if (route.access !== 'public') authorize(ctx, route.access);
    return next();
  };

const saneRequestId = /^[A-Za-z0-9._:-]{1,128}$/;

const identifyRequest: ApiMiddleware = (ctx, next) => {
  const given = ctx.get('x-request-id');
  ctx.state.requestId = saneRequestId.test(given) ? given : randomUUID();
  ctx.set('X-Request-Id', ctx.state.requestId);
  return next();
};

const logRequest = (api: ApiDependencies, metrics: Metrics | undefined): ApiMiddleware => {
  // Its lines are made below, of fields that hold no secret: to look for some in each costs as much as to write it.
  const log = api.log.child({}, { redact: [] });
  return async (ctx, next) => {
    const start = performance.now();
    metrics?.startRequest();
    await next();
    const milliseconds = Math.round(performance.now() - start);
    const route = ctx.state.route ?? 'unmatched';
    metrics?.endRequest(ctx.method, route, ctx.status, milliseconds / 1000);
    const { caller, requestId } = ctx.state;
    log.info(
      {
        request_id: requestId,
        method: ctx.method,
        path: ctx.path.slice(0, 500),
        route,
        status: ctx.status,
        milliseconds,
        ...(caller === undefined
          ? {}
          : { subject: caller.subject, role: caller.role, tenant_id: caller.tenantId }),
      },
      'request',
    );
  };
};

const answerProblems =
  (api: ApiDependencies): ApiMiddleware =>
  async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      const problem = toProblem(error);
      const { requestId } = ctx.state;
      if (problem.status >= 500) api.log.error({ request_id: requestId, err: error }, problem.message);
      ctx.status = problem.status;
      ctx.body = problemBody(problem, requestId);
      ctx.set({ ...problem.headers });
      ctx.type = 'application/problem+json';
    }
  };

const securityHeaders = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      // Swagger UI's style sheet draws its icons from data: addresses.
      imgSrc: ["'self'", 'data:'],
      objectSrc: ["'none'"],
      baseUri: ["'none'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
    },
  },
});

const allowOrigins = (origins: readonly string[]) =>
  cors({
    origin: (ctx) => {
      const origin = ctx.get('origin');
      return origins.includes(origin) ? origin : '';
    },
    allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'X-Request-Id'],
    exposeHeaders: ['Location', 'Retry-After', 'X-Request-Id', 'Idempotency-Replayed'],
  });

/** What no route took: another method of a known path is a 405 that names the right ones, the rest is a 404. */
const refuseUnrouted =
  (router: Router<RequestState>): ApiMiddleware =>
  (ctx) => {
    const methods = new Set(router.match(ctx.path, ctx.method).path.flatMap((layer) => layer.methods));
    if (methods.size === 0) throw notFound('path');
    throw new Problem(405, 'method_not_allowed', 'this path has no such method, see Allow', {
      headers: { Allow: [...methods].sort().join(', ') },
    });
  };
