import type { ProviderLimiter } from '../limiter.ts';
import { ProviderError } from '../providerErrors.ts';
import { type Deadline, startDeadline } from './deadline.ts';
import { errorOfAnswer, errorOfTransport } from './httpErrors.ts';

/** The part of a pino logger that a provider uses. */
export interface ProviderLog {
  readonly warn: (fields: Readonly<Record<string, unknown>>, message: string) => void;
}

export interface DoorOptions {
  readonly token: string;
  readonly limiter: ProviderLimiter;
  readonly fetch: typeof globalThis.fetch;
  readonly log: ProviderLog;
  readonly timeoutMs: number;
  /** Whether the time-out bounds the whole exchange or each wait. */
  readonly timeout: 'total' | 'stall';
  readonly maxBytes: number;
  /** The error for an answer that is larger than `maxBytes`. */
  readonly tooLarge: (what: string, maxBytes: number) => ProviderError;
}

const errorBodyBytes = 4096;

/**
 * The one way out to the provider: waits for the limiter, adds the token, refuses redirects, and bounds time and size.
 * Comes back with a success whose body is still to be read, or raises a typed error.
 */
export function createDoor(options: DoorOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    const what = `${request.method} ${new URL(request.url).pathname}`;
    await options.limiter.acquire(request.signal);
    const deadline = startDeadline(options.timeout, options.timeoutMs);
    const exchange: Exchange = { what, options, deadline, caller: request.signal };
    try {
      const headers = new Headers(request.headers);
      headers.set('authorization', `Bearer ${options.token}`);
      const answer = await options.fetch(request, {
        headers,
        redirect: 'manual',
        signal: AbortSignal.any([request.signal, deadline.signal]),
      });
      if (!answer.ok) throw await refusal(exchange, answer);
      // Nothing is left to wait for.
      if (answer.body === null) deadline.end();
      const body = answer.body === null ? null : guard(exchange, answer.body);
      return new Response(body, { status: answer.status, headers: answer.headers });
    } catch (failure) {
      deadline.end();
      throw translate(exchange, failure);
    }
  };
}

interface Exchange {
  readonly what: string;
  readonly options: DoorOptions;
  readonly deadline: Deadline;
  readonly caller: AbortSignal;
}

async function refusal(exchange: Exchange, answer: Response): Promise<ProviderError> {
  const { what, options, deadline } = exchange;
  const body = await startOf(answer);
  deadline.end();
  const { status, headers } = answer;
  const error = errorOfAnswer({ what, status, headers, body, token: options.token });
  options.log.warn({ what, status, code: error.code }, 'the provider did not answer as hoped');
  if (status === 429) await pauseEverybody(options, error.retryAfterSeconds ?? 1);
  return error;
}

/** The pause is a courtesy; where it can't be stored, the 429 itself still makes the caller wait. */
async function pauseEverybody(options: DoorOptions, seconds: number): Promise<void> {
  try {
    await options.limiter.pauseFor(seconds);
  } catch (failure) {
    options.log.warn({ failure: String(failure) }, 'the pause after a 429 could not be shared');
  }
}

/** As much of an error's body as a message needs; what can't be read is left out. */
async function startOf(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer.body ?? []) {
      chunks.push(chunk);
      bytes += chunk.byteLength;
      if (bytes >= errorBodyBytes) break;
    }
  } catch {
    return '';
  }
  return Buffer.concat(chunks).toString('utf8', 0, errorBodyBytes);
}

/** The body with its size and time bounded while it streams, and its failures typed. */
function guard(
  exchange: Exchange,
  body: ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { what, options, deadline } = exchange;
  const reader = body.getReader();
  let bytes = 0;
  return new ReadableStream({
    async pull(controller) {
      try {
        deadline.waiting();
        const { done, value } = await reader.read();
        deadline.delivered();
        if (done) {
          deadline.end();
          controller.close();
          return;
        }
        bytes += value.byteLength;
        if (bytes > options.maxBytes) throw options.tooLarge(what, options.maxBytes);
        controller.enqueue(new Uint8Array(value));
      } catch (failure) {
        deadline.end();
        // Cancelling what has already failed fails too; the first failure is the one that counts.
        await reader.cancel().catch(() => undefined);
        throw translate(exchange, failure);
      }
    },
    async cancel() {
      deadline.end();
      await reader.cancel();
    },
  });
}

/** Our own errors and the caller's abort pass as they are; the rest is the connection. */
function translate({ what, options, deadline, caller }: Exchange, failure: unknown): unknown {
  if (failure instanceof ProviderError) return failure;
  if (caller.aborted) return caller.reason;
  if (deadline.signal.aborted) {
    return new ProviderError(
      'provider_unavailable',
      `the provider did not answer ${what} within ${options.timeoutMs} ms`,
      { retryable: true, context: { what, timeoutMs: options.timeoutMs } },
    );
  }
  return errorOfTransport(what, failure);
}
