import type { ActionTarget } from '../provider.ts';
import { type DigitalOceanClient, whenDone } from './client.ts';
import { streaming } from './listing.ts';
import { unlessNotFound } from './notFound.ts';
import { segment } from './pathSegments.ts';

/** A tag that the account doesn't have yet is made. @throws ProviderError `provider_not_found` where the resource is gone */
export async function addTags(
  client: DigitalOceanClient,
  target: ActionTarget,
  tags: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  for (const tag of tags) {
    const put = async () => {
      await whenDone(
        client.json.POST('/v2/tags/{tag_id}/resources', { ...tagged(tag, target), ...streaming(signal) }),
      );
      return true;
    };
    if (await unlessNotFound(put(), false)) continue;
    // Either the tag or the resource isn't there. With the tag made, the second try tells.
    await whenDone(client.json.POST('/v2/tags', { body: { name: tag }, ...streaming(signal) }));
    await put();
  }
}

/** Not there is done: a tag that nobody made and a resource that is gone alike. */
export async function removeTags(
  { json }: DigitalOceanClient,
  target: ActionTarget,
  tags: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  for (const tag of tags) {
    await unlessNotFound(
      whenDone(json.DELETE('/v2/tags/{tag_id}/resources', { ...tagged(tag, target), ...streaming(signal) })),
      undefined,
    );
  }
}

function tagged(tag: string, { kind, externalId }: ActionTarget) {
  return {
    params: { path: { tag_id: segment('tag', 'a tag', tag) } },
    body: { resources: [{ resource_id: externalId, resource_type: kind }] },
  };
}
