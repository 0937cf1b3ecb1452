import { z } from 'zod';
import type { NewDroplet } from '../provider.ts';
import { readJson, whenDone } from './client.ts';
import * as wire from './inventoryWire.ts';
import { list, streaming } from './listing.ts';
import { type Maker, oldestFirst, tagsOf } from './newResource.ts';
import { numericId, segment } from './pathSegments.ts';

const created = z.object({ droplet: z.object({ id: z.int() }) });

/** Droplets are known by their identity tag; names are not unique. */
export const newDroplets: Maker<NewDroplet> = {
  async create({ json }, wanted, signal) {
    const call = json.POST('/v2/droplets', { body: bodyOf(wanted), ...streaming(signal) });
    const { droplet } = await readJson(`the new droplet ${wanted.name}`, call, created);
    return { externalId: String(droplet.id) };
  },

  async find({ json }, wanted, signal) {
    const tag = segment('tag', 'an identity tag', wanted.tag);
    // The list leaves droplets with a GPU out unless it is asked for nothing but them, which excludes asking by tag.
    const filter = wanted.sizeSlug.startsWith('gpu-') ? { type: 'gpus' as const } : { tag_name: tag };
    const droplets = await list({
      what: `droplets tagged ${tag}`,
      key: 'droplets',
      item: wire.droplet,
      identityOf: (droplet) => String(droplet.id),
      call: (query) =>
        json.GET('/v2/droplets', { params: { query: { ...query, ...filter } }, ...streaming(signal) }),
    });
    const own = droplets.filter((droplet) => droplet.tags.includes(tag));
    return oldestFirst(own).map((droplet) => ({ externalId: String(droplet.id) }));
  },

  async destroy({ json }, externalId, signal) {
    await whenDone(
      json.DELETE('/v2/droplets/{droplet_id}', {
        params: { path: { droplet_id: numericId('a droplet id', externalId) } },
        ...streaming(signal),
      }),
    );
  },
};

function bodyOf(wanted: NewDroplet) {
  const { vpcUuid, userData, sshKeys = [], volumeIds = [] } = wanted;
  return {
    name: wanted.name,
    region: wanted.region,
    size: wanted.sizeSlug,
    image: numberOrText(wanted.image),
    tags: tagsOf(wanted),
    ssh_keys: sshKeys.map(numberOrText),
    volumes: [...volumeIds],
    backups: wanted.backups ?? false,
    ipv6: false,
    monitoring: wanted.monitoring ?? false,
    ...(vpcUuid === undefined ? {} : { vpc_uuid: vpcUuid }),
    ...(userData === undefined ? {} : { user_data: userData }),
  };
}

/** Private images and keys go by number, public images by slug and keys by fingerprint too. */
function numberOrText(id: string): number | string {
  return /^\d{1,15}$/.test(id) ? Number(id) : id;
}
