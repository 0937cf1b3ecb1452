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
