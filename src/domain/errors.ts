/**
 * The base of every error that this service raises on purpose.
 * `code` is a stable snake_case name (it becomes the problem type in the API and the failure type in Temporal),
 * `retryable` says whether the same call may succeed later without anybody changing anything.
 */
export class ArcadiaError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly context: Readonly<Record<string, JsonValue>>;
  /** Seconds that the other side asked us to wait before the next try. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: string, message: string, options: ArcadiaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.context = options.context ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** What was asked for contradicts what is stored now; the API answers 409. */
export class Conflict extends ArcadiaError {}

/**
 * What was asked for is well-formed and can't be done as it is; the API answers 422, and points to the `field` of the body where one is
 * at fault (`addons/1`).
 */
export class Unprocessable extends ArcadiaError {
  readonly field: string | undefined;

  constructor(
    code: string,
    message: string,
    options: ArcadiaErrorOptions & { readonly field?: string } = {},
  ) {
    super(code, message, options);
    this.field = options.field;
  }
}

/** Who asks may do this kind of thing, but not this; the API answers 403. */
export class Forbidden extends ArcadiaError {
  constructor(message: string) {
    super('forbidden', message);
  }
}

export interface ArcadiaErrorOptions {
  readonly retryable?: boolean;
  readonly context?: Readonly<Record<string, JsonValue>>;
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };
