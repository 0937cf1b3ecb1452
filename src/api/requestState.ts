import type Koa from 'koa';
import type { Session, SessionRole } from '../session.ts';

/** Every role that a token may name. */
export const callerRoles = [
  'platform_admin',
  'platform_viewer',
  'tenant',
  'gateway',
  'finance',
] as const satisfies readonly SessionRole[];
export type CallerRole = (typeof callerRoles)[number];

/** Who asks, as a verified token says. */
export interface Caller extends Session {
  readonly role: CallerRole;
}

/** What travels with a request. */
export interface RequestState {
  requestId: string;
  /** The pattern of the route that answers, for logs and metrics. */
  route?: string;
  caller?: Caller;
  /** What koa-jwt verified and from what; only auth.ts reads them. */
  claims?: unknown;
  token?: string;
}

export type ApiContext = Koa.ParameterizedContext<RequestState>;
export type ApiMiddleware = Koa.Middleware<RequestState>;
