import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import type { ApiConfig } from '../config.ts';
import type { Log } from '../logging.ts';
import type { LlmUsageWriter } from '../services/llmUsageWriter.ts';
import type { ListPriceOf } from '../services/provisioning/previewProvisioning.ts';
import { forSession } from '../session.ts';
import { createInputReader, readQuery, refuseFaults } from './inputs.ts';
import { forbidden, unauthenticated } from './problems.ts';
import type { ApiContext, Caller, CallerRole } from './requestState.ts';
import type { WebhookSource } from './webhookSignature.ts';

/** What the API is built from; the composition root gives it. */
export interface ApiDependencies {
  readonly orm: MikroORM;
  /** Connects on first use; a rejection becomes a 503. */
  readonly temporal: () => Promise<Client> | Client;
  readonly config: ApiConfig;
  readonly log: Log;
  readonly clock: () => Date;
  /** Shared by all requests, so that they can share its commits. */
  readonly llmUsage: LlmUsageWriter;
  /** What a month of a resource costs by the provider's list; without it, a preview names no prices. */
  readonly listPrice?: ListPriceOf | undefined;
}

/** A success. A text or buffer is sent as it is under the `content-type` of `headers`, anything else as JSON. */
export interface Reply<Body = unknown> {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Body;
}

/** A body that is a file: it is read while it arrives and never held whole. */
export interface Upload {
  readonly contentTypes: readonly string[];
  /** The most bytes that it may have. */
  readonly limit: (config: ApiConfig) => number;
}

export interface RouteRequest<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** The body as it arrives; only for routes with `upload`. */
  readonly file: AsyncIterable<Uint8Array>;
  readonly requestId: string;
  readonly now: Date;
  readonly api: ApiDependencies;
}
export interface CallerRequest<Params, Query, Body> extends RouteRequest<Params, Query, Body> {
  readonly caller: Caller;
  /** Sees what row level security lets this caller see. */
  readonly em: EntityManager;
}

/** A GET and a DELETE say all in their path and query; the rest take a JSON body. Everything but a GET takes an Idempotency-Key. */
export type RouteMethod = 'get' | 'post' | 'put' | 'patch' | 'delete';

/** Whether requests of this method have a body: that of a DELETE has no meaning (RFC 9110) and is not read. */
export const takesBody = (method: RouteMethod): boolean => method !== 'get' && method !== 'delete';

const nothing = z.strictObject({});
type Nothing = typeof nothing;

interface RouteShape<Params, Query, Body, Answer> {
  readonly method: RouteMethod;
  /** As the router reads it: `/api/v1/projects/:id`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** What the document says of the body, where `body` reads it by code that says nothing of its form. */
  readonly bodyDocument?: z.ZodType;
  /** Instead of a JSON body. Its content is its own key: such a route takes no Idempotency-Key. */
  readonly upload?: Upload;
  /**
   * Whose signature does instead of a token. What it brings is its own key: such a route takes no Idempotency-Key, and has
   * the rate limit of the integrations.
   */
  readonly webhook?: WebhookSource;
  readonly answer: AnswerShape<Answer>;
  /** Problems beyond those that every route of its kind may answer, with what they mean here. */
  readonly problems?: Readonly<Record<number, string>>;
}
interface AnswerShape<Answer> {
  readonly status: 200 | 201 | 202;
  readonly description: string;
  readonly schema: Answer;
  /** `application/json` where it is absent. */
  readonly contentType?: string;
  /** Further content types in which the caller may ask for the same, as text. */
  readonly alsoContentTypes?: readonly string[];
  /** A second status with the same body, for a service that says that it is not ready. */
  readonly alsoStatus?: Readonly<Record<number, string>>;
}

/** One route: what the router serves and what the OpenAPI document says come from this and nothing else. */
export interface Route {
  readonly method: RouteMethod;
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  /** Who may call it; `public` needs no token. */
  readonly access: 'public' | readonly CallerRole[];
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  /** As the document shows it. */
  readonly body: z.ZodType | undefined;
  readonly upload: Upload | undefined;
  readonly webhook: WebhookSource | undefined;
  readonly answer: AnswerShape<z.ZodType>;
  readonly problems: Readonly<Record<number, string>>;
  /** Validates the request. What it returns does the work, and can't fail on input any more. @throws Problem */
  prepare(ctx: ApiContext, api: ApiDependencies): () => Promise<Reply>;
}

/** A route for callers with a token of one of `roles`. Its input is validated, all faults at once, before `handle` sees it. */
export function defineRoute<
  Answer extends z.ZodType,
  Params extends z.ZodObject = Nothing,
  Query extends z.ZodObject = Nothing,
  Body extends z.ZodType = Nothing,
>(
  shape: RouteShape<Params, Query, Body, Answer> & {
    readonly roles: readonly CallerRole[];
    handle(
      request: CallerRequest<z.output<Params>, z.output<Query>, z.output<Body>>,
    ): Promise<Reply<z.input<Answer>>>;
  },
): Route {
  return {
    ...describe(shape),
    access: shape.roles,
    prepare(ctx, api) {
      const caller = authorize(ctx, shape.roles);
      const request = readRequest(ctx, api, shape);
      let em: EntityManager | undefined;
      return () =>
        shape.handle({
          ...request,
          caller,
          // Made for who asks for it: what gathers the rows of many requests has one of its own.
          get em() {
            em ??= forSession(api.orm, caller);
            return em;
          },
        });
    },
  };
}

/** A route for everybody. */
export function definePublicRoute<
  Answer extends z.ZodType,
  Params extends z.ZodObject = Nothing,
  Query extends z.ZodObject = Nothing,
>(
  shape: RouteShape<Params, Query, Nothing, Answer> & {
    handle(
      request: RouteRequest<z.output<Params>, z.output<Query>, unknown>,
    ): Promise<Reply<z.input<Answer>>>;
  },
): Route {
  return {
    ...describe(shape),
    access: 'public',
    prepare(ctx, api) {
      const request = readRequest(ctx, api, shape);
      return () => shape.handle(request);
    },
  };
}

/** Whether an Idempotency-Key counts on this route. */
export const takesKey = (route: Route): boolean =>
  route.method !== 'get' &&
  route.access !== 'public' &&
  route.upload === undefined &&
  route.webhook === undefined;

/** The caller, where its role may use a route of these. @throws Problem 401 or 403 */
export function authorize(ctx: ApiContext, roles: readonly CallerRole[]): Caller {
  const { caller } = ctx.state;
  if (caller === undefined) throw unauthenticated();
  if (!roles.includes(caller.role)) throw forbidden(`the role ${caller.role} may not do this`);
  return caller;
}

function describe(shape: RouteShape<z.ZodObject, z.ZodObject, z.ZodType, z.ZodType>) {
  return {
    method: shape.method,
    path: shape.path,
    tag: shape.tag,
    summary: shape.summary,
    params: shape.params ?? nothing,
    query: shape.query ?? nothing,
    body:
      takesBody(shape.method) && shape.upload === undefined
        ? (shape.bodyDocument ?? shape.body ?? nothing)
        : undefined,
    upload: shape.upload,
    webhook: shape.webhook,
    answer: shape.answer,
    problems: shape.problems ?? {},
  };
}

function readRequest<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType>(
  ctx: ApiContext,
  api: ApiDependencies,
  shape: RouteShape<Params, Query, Body, z.ZodType>,
): RouteRequest<z.output<Params>, z.output<Query>, z.output<Body>> {
  const input = createInputReader();
  const search = readQuery(ctx.querystring, input.faults);
  const params = input.read('path', shape.params ?? nothing, ctx['params']);
  const query = input.read('query', shape.query ?? nothing, search);
  const body = takesBody(shape.method)
    ? input.read('body', shape.body ?? nothing, ctx.request.body ?? {})
    : {};
  refuseFaults(input.faults);
  return {
    params: params as z.output<Params>,
    query: query as z.output<Query>,
    body: body as z.output<Body>,
    file: ctx.req,
    requestId: ctx.state.requestId,
    now: api.clock(),
    api,
  };
}
