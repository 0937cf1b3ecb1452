import { createSecretKey } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import jwt from 'koa-jwt';
import type { ApiConfig } from '../config.ts';
import { forbidden, unauthenticated } from './problems.ts';
import { type ApiMiddleware, type Caller, type CallerRole, callerRoles } from './requestState.ts';
import { createTokenMemory } from './tokenMemory.ts';

/** How far the issuer's clock may be off, in seconds. */
const clockTolerance = 10;
const longestSubject = 255;
const longestTenantId = 200;

type Claims = Readonly<Record<string, unknown>>;

/**
 * Checks the bearer token and turns its claims into `state.caller`, where nothing before has found out who calls. A token that is not
 * ours is a 401, always with the same body; one that is ours and names no role or tenant that we know is a 403.
 */
export function authenticate(config: ApiConfig): ApiMiddleware[] {
  // The secret's own bytes, as Guardian uses them. A KeyObject can't be mistaken for a public key; koa-jwt's types don't
  // name it, jsonwebtoken, which receives it, does.
  const secret = createSecretKey(Buffer.from(config.JWT_SECRET)) as unknown as Buffer;
  const options = {
    secret,
    algorithms: config.JWT_ALGORITHMS,
    clockTolerance,
    key: 'claims',
    tokenKey: 'token',
    ...(config.JWT_ISSUER === undefined ? {} : { issuer: config.JWT_ISSUER }),
    ...(config.JWT_AUDIENCE === undefined ? {} : { audience: config.JWT_AUDIENCE }),
  };
  const memory = createTokenMemory();
  const recallCaller: ApiMiddleware = (ctx, next) => {
    const known = ctx.state.caller ?? memory.recall(ctx.get('authorization'), Date.now());
    if (known !== undefined) ctx.state.caller = known;
    return next();
  };
  const readCaller: ApiMiddleware = (ctx, next) => {
    const { claims, token } = ctx.state;
    if (!isPlainObject(claims) || hasCriticalHeader(token)) throw unauthenticated();
    ctx.state.caller = toCaller(claims);
    const expiresAt = (Number(own(claims, 'exp')) + clockTolerance) * 1000;
    memory.remember(ctx.get('authorization'), ctx.state.caller, expiresAt, Date.now());
    return next();
  };
  const unlessKnown =
    (check: ApiMiddleware): ApiMiddleware =>
    (ctx, next) =>
      ctx.state.caller === undefined ? check(ctx, next) : next();
  return [recallCaller, unlessKnown(jwt(options)), unlessKnown(readCaller)];
}

/** The caller that verified claims describe. @throws Problem 401 or 403 */
export function toCaller(claims: Claims): Caller {
  const subject = own(claims, 'sub');
  const hasTimes = Number.isFinite(own(claims, 'exp')) && isTimeOrAbsent(own(claims, 'iat'));
  if (!hasTimes || own(claims, 'typ') !== 'access' || !isCleanText(subject, longestSubject)) {
    throw unauthenticated();
  }
  const role = readRole(claims);
  const tenantId = own(claims, 'tenant_id') ?? undefined;
  if (tenantId === undefined && role !== 'tenant') return { role, tenantId: '', subject };
  if (!isCleanText(tenantId, longestTenantId)) {
    throw forbidden(`the token's tenant_id must be text of 1 to ${longestTenantId} characters`);
  }
  return { role, tenantId: role === 'tenant' ? tenantId : '', subject };
}

function readRole(claims: Claims): CallerRole {
  const named = own(claims, 'role');
  const listed = own(claims, 'roles');
  const found: unknown[] = [];
  if (named !== undefined) found.push(named);
  if (listed !== undefined) {
    if (!Array.isArray(listed) || listed.length !== 1) {
      throw forbidden("the token's roles must be a list of exactly one role");
    }
    found.push(listed[0]);
  }
  if (found.length === 0) return 'tenant';
  const role = callerRoles.find((known) => found.every((value) => value === known));
  if (role === undefined) {
    throw forbidden(
      `the token's role must be one of ${callerRoles.join(', ')}, the same wherever it says it`,
    );
  }
  return role;
}

/** RFC 7515 §4.1.11: a header that says `crit` asks for rules that we don't know. */
function hasCriticalHeader(token: string | undefined): boolean {
  const header = token === undefined ? undefined : jsonwebtoken.decode(token, { complete: true })?.header;
  return header === undefined || 'crit' in header;
}

function own(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

function isPlainObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTimeOrAbsent(value: unknown): boolean {
  return value === undefined || Number.isFinite(value);
}

/** Text that PostgreSQL can hold: not blank, no NUL, no half of a surrogate pair. */
function isCleanText(value: unknown, longest: number): value is string {
  return (
    typeof value === 'string' &&
    value.trim() !== '' &&
    value.length <= longest &&
    !value.includes('\0') &&
    value.isWellFormed()
  );
}
