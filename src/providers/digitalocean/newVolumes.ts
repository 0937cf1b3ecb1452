import { z } from 'zod';
import type { NewVolume } from '../provider.ts';
import { readJson, whenDone } from './client.ts';
import * as wire from './inventoryWire.ts';
import { list, streaming } from './listing.ts';
import { type Maker, oldestFirst, tagsOf } from './newResource.ts';
import { segment } from './pathSegments.ts';

const created = z.object({ volume: z.object({ id: z.string().min(1) }) });

/** Volumes can't be renamed, so that their name in their region leads to them; the identity tag says that it is the same wish. */
export const newVolumes: Maker<NewVolume> = {
  async create({ json }, wanted, signal) {
    const { name, region, sizeGigabytes, description, filesystemType } = wanted;
    const body = {
      name,
      region,
      size_gigabytes: sizeGigabytes,
      tags: tagsOf(wanted),
      ...(description === undefined ? {} : { description }),
      ...(filesystemType === undefined ? {} : { filesystem_type: filesystemType }),
    };
    const call = json.POST('/v2/volumes', { body, ...streaming(signal) });
    const { volume } = await readJson(`the new volume ${name}`, call, created);
    return { externalId: volume.id };
  },

  async find({ json }, { name, region, tag }, signal) {
    const volumes = await list({
      what: `volumes named ${name}`,
      key: 'volumes',
      item: wire.volume,
      identityOf: (volume) => volume.id,
      call: (query) =>
        json.GET('/v2/volumes', { params: { query: { ...query, name, region } }, ...streaming(signal) }),
    });
    const own = volumes.filter((volume) => volume.tags.includes(tag));
    return oldestFirst(own).map((volume) => ({ externalId: volume.id }));
  },

  async destroy({ json }, externalId, signal) {
    await whenDone(
      json.DELETE('/v2/volumes/{volume_id}', {
        params: { path: { volume_id: segment('id', 'a volume id', externalId) } },
        ...streaming(signal),
      }),
    );
  },
};
