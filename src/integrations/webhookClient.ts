import { type LookupAddress, lookup as lookUp } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { JsonValue } from '../domain/errors.ts';
import { isLoopbackAddress, isPublicAddress } from './publicAddress.ts';

/** One event for one endpoint. */
export interface WebhookMessage {
  /** The same with each try. */
  readonly eventId: string;
  readonly url: string;
  /** `whsec_…`, each of which signs: more than one while a secret is replaced. */
  readonly secrets: readonly string[];
  readonly payload: { readonly [key: string]: JsonValue };
}

/** What a try came to; `error` is null where it was taken. */
export interface WebhookAnswer {
  readonly status: number | null;
  readonly error: string | null;
  /** Whether another try may do: not where the address is refused, or the other side says that it is gone. */
  readonly retryable: boolean;
}

export interface WebhookClient {
  /** Sends a signed event, once. What goes wrong is an answer, not an exception, unless `signal` ended it. */
  readonly send: (message: WebhookMessage, signal?: AbortSignal) => Promise<WebhookAnswer>;
}

/** All addresses of a name. */
export type Resolve = (
  hostname: string,
  answer: (error: Error | null, addresses: readonly LookupAddress[]) => void,
) => void;

/** The name stands for an address that is not on the internet. */
class AddressRefused extends Error {}

const defaultTimeoutMs = 10_000;

/**
 * Sends webhooks under Standard Webhooks signatures, to public addresses alone. The addresses that a name stands for are looked up once, all
 * of them are checked, and the connection is made to one of these: a name that says something else a moment later changes nothing.
 * Redirects are not followed, and of the answer only the status is read.
 */
export function createWebhookClient(options: {
  /** Whether this very machine may be an endpoint, also by http; for tries on it. */
  readonly allowLoopback: boolean;
  /** Ten seconds for the whole of a try, unless given. */
  readonly timeoutMs?: number;
  /** The system's resolver unless given. */
  readonly resolve?: Resolve;
}): WebhookClient {
  const { allowLoopback, timeoutMs = defaultTimeoutMs, resolve = resolveAll } = options;

  function refuse(address: string, protocol: string): void {
    const isLoopback = isLoopbackAddress(address);
    if (isLoopback && allowLoopback) return;
    if (!isPublicAddress(address)) throw new AddressRefused(`${address} is not a public address`);
    if (protocol !== 'https:') throw new AddressRefused(`${protocol} is not https:`);
  }

  const checkedLookup =
    (protocol: string): LookupFunction =>
    (hostname, { all }, answer) =>
      resolve(hostname, (error, addresses) => {
        if (error !== null) return answer(error, '');
        const [first] = addresses;
        if (first === undefined) return answer(new Error(`${hostname} has no address`), '');
        try {
          for (const { address } of addresses) refuse(address, protocol);
        } catch (refused) {
          return answer(refused instanceof Error ? refused : new Error(String(refused)), '');
        }
        if (all === true) answer(null, [...addresses]);
        else answer(null, first.address, first.family);
      });

  function post(url: URL, message: WebhookMessage, signal: AbortSignal): Promise<number> {
    const body = JSON.stringify(message.payload);
    const now = new Date();
    return new Promise((fulfil, reject) => {
      const request = (url.protocol === 'https:' ? https : http).request(
        url,
        {
          method: 'POST',
          // A connection of its own, so that every try looks at the address again.
          agent: false,
          lookup: checkedLookup(url.protocol),
          signal,
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            'user-agent': 'arcadia-cloud',
            'webhook-id': message.eventId,
            'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
            'webhook-signature': message.secrets
              .map((secret) => new Webhook(secret).sign(message.eventId, now, body))
              .join(' '),
          },
        },
        (response) => {
          fulfil(response.statusCode ?? 0);
          response.destroy();
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  }

  return {
    async send(message, signal) {
      const deadline = AbortSignal.timeout(timeoutMs);
      try {
        const url = new URL(message.url);
        const host = url.hostname.replace(/^\[|\]$/g, '');
        // An address needs no looking up, so it is checked here.
        if (isIP(host) !== 0) refuse(host, url.protocol);
        if (!['http:', 'https:'].includes(url.protocol))
          throw new AddressRefused(`${url.protocol} is not https:`);
        const status = await post(url, message, AbortSignal.any([deadline, ...(signal ? [signal] : [])]));
        return answerOf(status);
      } catch (error) {
        signal?.throwIfAborted();
        if (deadline.aborted) return failed(`no answer within ${timeoutMs / 1000} s`);
        if (error instanceof AddressRefused)
          return { ...failed(`refused: ${error.message}`), retryable: false };
        return failed(error instanceof Error ? error.message : String(error));
      }
    },
  };
}

const failed = (error: string): WebhookAnswer => ({ status: null, error, retryable: true });

function answerOf(status: number): WebhookAnswer {
  if (status >= 200 && status < 300) return { status, error: null, retryable: false };
  if (status === 410) return { status, error: 'answered 410: the endpoint is gone', retryable: false };
  const error = `answered ${status}${status >= 300 && status < 400 ? ': redirects are not followed' : ''}`;
  return { status, error, retryable: true };
}

const resolveAll: Resolve = (hostname, answer) =>
  lookUp(hostname, { all: true }, (error, addresses) => answer(error, addresses));
