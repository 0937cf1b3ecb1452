import createOpenApiClient, { type Client } from 'openapi-fetch';
import { z } from 'zod';
import type { ProviderLimiter } from '../limiter.ts';
import { InvalidInvoiceDocument } from '../providerErrors.ts';
import { allowedApiAddress } from './address.ts';
import { createDoor, type DoorOptions, type ProviderLog } from './door.ts';
import { badAnswer } from './httpErrors.ts';
import type { PageAnswer } from './paging.ts';
import type { paths } from './schema.generated.ts';

export interface DigitalOceanClientOptions {
  /** `https://api.digitalocean.com`. */
  readonly apiUrl: string;
  readonly token: string;
  readonly limiter: ProviderLimiter;
  readonly timeoutMs: number;
  /** The largest JSON answer that is read. */
  readonly maxAnswerBytes: number;
  /** The largest invoice document that is read. */
  readonly maxDocumentBytes: number;
  /** Accepts plain http on this machine too, for a simulator. */
  readonly allowLoopback?: boolean;
  readonly fetch?: typeof globalThis.fetch;
  readonly log?: ProviderLog;
}

/**
 * Typed calls by path; both go through the same limiter, token and address. Bodies come as streams
 * (`parseAs: 'stream'`), for `readJson` and `readPage`, or for whoever reads the document.
 */
export interface DigitalOceanClient {
  readonly json: Client<paths>;
  readonly documents: Client<paths>;
}

/** What a call returns; a success always, since everything else was raised before. */
export type Answer = Promise<{ data?: unknown; response: Response }>;

/** @throws ProviderError `provider_address_refused` where the address isn't on the list */
export function createDigitalOceanClient(options: DigitalOceanClientOptions): DigitalOceanClient {
  const { token, limiter, timeoutMs, fetch = globalThis.fetch, log = { warn: () => {} } } = options;
  const baseUrl = allowedApiAddress(options.apiUrl, options.allowLoopback ?? false);
  const open = (limits: Pick<DoorOptions, 'timeout' | 'maxBytes' | 'tooLarge'>) =>
    createOpenApiClient<paths>({
      baseUrl,
      headers: { accept: 'application/json' },
      fetch: createDoor({ token, limiter, timeoutMs, fetch, log, ...limits }),
    });
  return {
    json: open({
      timeout: 'total',
      maxBytes: options.maxAnswerBytes,
      tooLarge: (what, maxBytes) => badAnswer(what, `it is larger than ${maxBytes} bytes`),
    }),
    documents: open({
      timeout: 'stall',
      maxBytes: options.maxDocumentBytes,
      tooLarge: (what, maxBytes) =>
        new InvalidInvoiceDocument('invoice_too_large', `the document of ${what} exceeds ${maxBytes} bytes`, {
          maxBytes,
        }),
    }),
  };
}

/**
 * A JSON answer, checked; fields that the schema doesn't name are dropped here, and with them every secret.
 * @throws ProviderError `provider_bad_answer`
 */
export async function readJson<T>(what: string, call: Answer, schema: z.ZodType<T>): Promise<T> {
  return checked(what, await readBody(what, call), schema);
}

/** Waits for a call of which only the success matters; a body, where there is one, is let go unread. */
export async function whenDone(call: Answer): Promise<void> {
  const { data } = await call;
  if (data instanceof ReadableStream) await data.cancel();
}

const envelope = z.object({
  // Only whether there is a next page is read. Its address is never followed: it names a host of the provider's choice.
  links: z.object({ pages: z.object({ next: z.string().nullish() }).nullish() }).nullish(),
  meta: z.object({ total: z.int().nonnegative().optional() }).nullish(),
});

/** One page of a list that stands under `key`. @throws ProviderError `provider_bad_answer` */
export async function readPage<T>(
  what: string,
  call: Answer,
  key: string,
  item: z.ZodType<T>,
): Promise<PageAnswer<T>> {
  const body = await readBody(what, call);
  const { links, meta } = checked(what, body, envelope);
  // An empty list may come as null or, with a total of nothing, not at all: some of the provider's services write JSON so.
  const items = z.array(item).nullable();
  const list = checked(what, body, z.object({ [key]: meta?.total === 0 ? items.optional() : items }));
  return { items: list[key] ?? [], total: meta?.total, hasNext: typeof links?.pages?.next === 'string' };
}

async function readBody(what: string, call: Answer): Promise<unknown> {
  const { data } = await call;
  if (!(data instanceof ReadableStream)) throw badAnswer(what, 'it has no body', true);
  const text = await new Response(data).text();
  try {
    return JSON.parse(text);
  } catch {
    // Cut off on the way, or a page that some gateway put in its place: the next answer may be whole.
    const isCutOff = /^\s*\{/.test(text);
    throw badAnswer(what, isCutOff ? 'its JSON breaks off' : 'it is not JSON', true);
  }
}

function checked<T>(what: string, body: unknown, schema: z.ZodType<T>): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  // Paths and rules only: a value could be a secret.
  const faults = result.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw badAnswer(what, faults.join('; '));
}
