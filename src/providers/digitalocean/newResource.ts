import type { NewResource } from '../provider.ts';
import type { DigitalOceanClient } from './client.ts';

/** Makes, finds and destroys one kind; see `ProviderOperations` for what each promises. */
export interface Maker<Wanted extends NewResource> {
  readonly create: (
    client: DigitalOceanClient,
    wanted: Wanted,
    signal?: AbortSignal,
  ) => Promise<{ readonly externalId: string }>;
  readonly find: (
    client: DigitalOceanClient,
    wanted: Wanted,
    signal?: AbortSignal,
  ) => Promise<{ readonly externalId: string }[]>;
  /** @throws ProviderError `provider_not_found` where it is gone already */
  readonly destroy: (client: DigitalOceanClient, externalId: string, signal?: AbortSignal) => Promise<void>;
}

/** A tag list without repeats, the identity tag first. */
export function tagsOf({
  tag,
  tags = [],
}: {
  readonly tag: string;
  readonly tags?: readonly string[];
}): string[] {
  return [...new Set([tag, ...tags])];
}

/** By time of creation, so that the first of two is the one that was there first. */
export function oldestFirst<T extends { readonly created_at: Date }>(found: readonly T[]): T[] {
  return found.toSorted((left, right) => left.created_at.getTime() - right.created_at.getTime());
}
