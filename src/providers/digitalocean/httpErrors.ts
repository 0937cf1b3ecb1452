import { z } from 'zod';
import { ProviderError } from '../providerErrors.ts';

/**
 * How a droplet says that another action runs: "Droplet already has a pending event." It is a 422 like any refusal, and passes by
 * itself; its words alone tell it apart (hashicorp/packer#1814).
 */
const pendingEvent = /\bpending event\b/i;

/** A provider that asks for more than an hour's wait isn't believed: its longest window is an hour. */
const longestRetryAfterSeconds = 3600;

const errorBody = z.object({
  message: z.string().optional(),
  request_id: z.string().optional(),
});

export interface FailedAnswer {
  readonly what: string;
  readonly status: number;
  readonly headers: Headers;
  /** The start of the body; may be cut, may be anything. */
  readonly body: string;
  readonly token: string;
}

/** The typed error for an answer that isn't a success; quotes the provider's message, never our token. */
export function errorOfAnswer(answer: FailedAnswer): ProviderError {
  const { what, status } = answer;
  const { message, request_id: requestId } = readErrorBody(answer.body);
  const context = { what, status, ...(requestId === undefined ? {} : { requestId }) };
  const said = message === undefined ? '' : `: ${message.replaceAll(answer.token, '[token]').slice(0, 300)}`;
  const retryAfterSeconds = retryAfterOf(answer.headers, status, new Date());

  if (status === 429) {
    const sentence = `the provider has had too many requests (${what})${said}`;
    return new ProviderError('provider_rate_limited', sentence, {
      retryable: true,
      retryAfterSeconds,
      context,
    });
  }
  if (status >= 500 || status === 408) {
    const sentence = `the provider failed with status ${status} (${what})${said}`;
    return new ProviderError('provider_unavailable', sentence, {
      retryable: true,
      retryAfterSeconds,
      context,
    });
  }
  if (status === 401 || status === 403) {
    const sentence = `the provider refuses the token, or the token lacks the scope (${what}, status ${status})${said}`;
    return new ProviderError('provider_unauthorized', sentence, { context });
  }
  if (status === 404) {
    return new ProviderError('provider_not_found', `the provider has no ${what}${said}`, { context });
  }
  if (status === 422 && message !== undefined && pendingEvent.test(message)) {
    const sentence = `the provider is still busy with another event of the resource (${what})${said}`;
    return new ProviderError('provider_busy', sentence, { retryable: true, retryAfterSeconds, context });
  }
  const reason = status >= 300 && status < 400 ? ': redirects are never followed' : said;
  return new ProviderError(
    'provider_rejected',
    `the provider answered ${what} with status ${status}${reason}`,
    {
      context,
    },
  );
}

function readErrorBody(text: string): z.infer<typeof errorBody> {
  try {
    return errorBody.safeParse(JSON.parse(text)).data ?? {};
  } catch {
    return {};
  }
}

/**
 * Whole seconds to wait. `retry-after` comes first; on a 429 without one, `ratelimit-reset` says when the oldest request
 * leaves the sliding window, which may already be past: then a place is about to come free.
 */
function retryAfterOf(headers: Headers, status: number, now: Date): number | undefined {
  const asked = headers.get('retry-after')?.trim();
  if (asked !== undefined && asked !== '') {
    const seconds = /^\d+$/.test(asked) ? Number(asked) : (Date.parse(asked) - now.getTime()) / 1000;
    if (!Number.isNaN(seconds)) return bounded(seconds);
  }
  const reset = headers.get('ratelimit-reset');
  if (status !== 429 || reset === null || !/^\d+$/.test(reset)) return undefined;
  return bounded(Number(reset) - now.getTime() / 1000);
}

function bounded(seconds: number): number {
  return Math.min(Math.max(Math.ceil(seconds), 1), longestRetryAfterSeconds);
}

/** The typed error for a request that got no answer. */
export function errorOfTransport(what: string, failure: unknown): ProviderError {
  const code = codeOf(failure) ?? 'unknown';
  return new ProviderError(
    'provider_unavailable',
    `the connection to the provider broke (${what}): ${code}`,
    {
      retryable: true,
      context: { what, code },
    },
  );
}

/** The system's name of a failure; fetch hides it in the cause. */
function codeOf(failure: unknown): string | undefined {
  if (typeof failure !== 'object' || failure === null) return undefined;
  if ('code' in failure && typeof failure.code === 'string') return failure.code;
  return 'cause' in failure ? codeOf(failure.cause) : undefined;
}

/** The typed error for an answer that breaks the contract. A text that breaks off may come whole next time. */
export function badAnswer(what: string, detail: string, retryable = false): ProviderError {
  return new ProviderError(
    'provider_bad_answer',
    `the provider's answer to ${what} is not as agreed: ${detail}`,
    {
      retryable,
      context: { what, detail },
    },
  );
}
