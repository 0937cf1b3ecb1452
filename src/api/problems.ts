import { STATUS_CODES } from 'node:http';
import { ConnectionException, DriverException } from '@mikro-orm/core';
import { ArcadiaError, Conflict, Forbidden, type JsonValue, Unprocessable } from '../domain/errors.ts';
import { InvalidAmount } from '../domain/money.ts';
import { InvalidPeriod } from '../domain/period.ts';

/**
 * One thing wrong with a request. `pointer` is a JSON pointer into the request seen as the object
 * `{ path, query, headers, body }`: `/query/limit`, `/body/tenant_id`.
 */
export interface InputFault {
  readonly pointer: string;
  readonly detail: string;
}

interface ProblemOptions {
  readonly errors?: readonly InputFault[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly context?: Readonly<Record<string, JsonValue>>;
}

/** An answer that is not a success: RFC 9457 problem details with a stable `code`. */
export class Problem extends ArcadiaError {
  readonly status: number;
  readonly errors: readonly InputFault[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, detail: string, options: ProblemOptions = {}) {
    super(code, detail, { retryable: status >= 500, context: options.context ?? {} });
    this.status = status;
    this.errors = options.errors ?? [];
    this.headers = options.headers ?? {};
  }
}

/** 422 with every fault at once. */
export const invalidInput = (errors: readonly InputFault[]) =>
  new Problem(422, 'invalid_input', `the request has ${errors.length} invalid input(s), see errors`, {
    errors,
  });
/** 401, always the same, so that nobody learns which check a token failed. */
export const unauthenticated = () =>
  new Problem(401, 'unauthenticated', 'a valid bearer token is required', {
    headers: { 'WWW-Authenticate': 'Bearer' },
  });
export const forbidden = (detail: string) => new Problem(403, 'forbidden', detail);
/** 404, for what is not there and for what belongs to another tenant alike. */
export const notFound = (what: string) => new Problem(404, 'not_found', `there is no such ${what}`);
export const temporalUnavailable = () =>
  new Problem(503, 'temporal_unavailable', "the Temporal server can't be reached, try again soon", {
    headers: { 'Retry-After': '5' },
  });

/** The body of problem details as it is sent. */
export function problemBody(problem: Problem, requestId: string): { [key: string]: JsonValue } {
  return {
    type: `urn:problem:arcadia-cloud:${problem.code}`,
    title: STATUS_CODES[problem.status] ?? 'Error',
    status: problem.status,
    detail: problem.message,
    code: problem.code,
    request_id: requestId,
    ...(problem.errors.length === 0
      ? {}
      : { errors: problem.errors.map(({ pointer, detail }) => ({ pointer, detail })) }),
    ...(Object.keys(problem.context).length === 0 ? {} : { context: problem.context }),
  };
}

/** What libraries raise for bad requests, by HTTP status; their own wording stays inside. */
const libraryProblems: Readonly<Record<number, () => Problem>> = {
  400: () => new Problem(400, 'malformed_body', 'the body is not a JSON object'),
  401: unauthenticated,
  413: () => new Problem(413, 'body_too_large', 'the body is larger than 256 kB'),
  415: () => new Problem(415, 'unsupported_media_type', 'the body must be JSON in UTF-8, not compressed'),
};

/** SQLSTATE and socket errors that mean that the database can't answer now. */
const databaseIsAway = /^(?:08\w{3}|57P0[123]|57014|53\w{3}|ECONN\w+|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN)$/;

/** The one table from errors to answers. What it does not know is a 500 that says nothing. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof Conflict) {
    return new Problem(409, error.code, error.message, { context: error.context });
  }
  if (error instanceof Unprocessable) {
    return new Problem(422, error.code, error.message, {
      context: error.context,
      errors: error.field === undefined ? [] : [{ pointer: `/body/${error.field}`, detail: error.message }],
    });
  }
  if (error instanceof InvalidAmount || error instanceof InvalidPeriod) {
    return new Problem(422, error.code, error.message);
  }
  if (error instanceof Forbidden) return forbidden(error.message);
  if (isDatabaseAway(error)) {
    return new Problem(503, 'database_unavailable', "the database can't answer, try again soon", {
      headers: { 'Retry-After': '5' },
    });
  }
  if (error instanceof Error && 'status' in error && typeof error.status === 'number') {
    const known = libraryProblems[error.status];
    if (known !== undefined) return known();
  }
  return new Problem(500, 'internal_error', 'something went wrong on our side; the request id finds it');
}

function isDatabaseAway(error: unknown): boolean {
  if (error instanceof ConnectionException) return true;
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (databaseIsAway.test(code)) return true;
  if (error instanceof AggregateError) return error.errors.some(isDatabaseAway);
  const fromPool =
    /^(?:Connection terminated|timeout exceeded when trying to connect|Query read timeout)/.test(
      error.message,
    );
  return fromPool || (error instanceof DriverException && isDatabaseAway(error.cause));
}
