import type { z } from 'zod';
import type { ProviderResource } from '../provider.ts';
import { aborting } from './billing.ts';
import { type Answer, type DigitalOceanClient, readPage } from './client.ts';
import { listWhole } from './paging.ts';

/** Lists one kind whole. */
export type Lister = (client: DigitalOceanClient, signal?: AbortSignal) => Promise<ProviderResource[]>;

interface Call<T> {
  readonly what: string;
  /** The field of the answer that holds the list. */
  readonly key: string;
  readonly item: z.ZodType<T>;
  readonly identityOf: (item: T) => string;
  readonly call: (query: { page: number; per_page: number }) => Answer;
}

/** A whole list, all its pages. @throws PartialListing where it never came whole */
export function list<T>({ what, key, item, identityOf, call }: Call<T>): Promise<T[]> {
  return listWhole({
    what,
    fetchPage: (page, perPage) => readPage(what, call({ page, per_page: perPage }), key, item),
    identityOf,
  });
}

/** Lists a kind of which one call gives all that there is to know. @param map makes of an item what we know of it */
export function lister<T>(
  { call, ...listed }: Omit<Call<T>, 'call'> & { readonly call: PageCall },
  map: (item: T) => ProviderResource,
): Lister {
  return async ({ json }, signal) => {
    const found = await list({
      ...listed,
      call: (query) => call(json, { params: { query }, ...streaming(signal) }),
    });
    return found.map(map);
  };
}

type PageCall = (
  json: DigitalOceanClient['json'],
  options: ReturnType<typeof streaming> & {
    readonly params: { readonly query: { page: number; per_page: number } };
  },
) => Answer;

export function streaming(signal: AbortSignal | undefined) {
  return { parseAs: 'stream' as const, ...aborting(signal) };
}
