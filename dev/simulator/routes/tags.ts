import type { Router } from '@koa/router';
import type { Account, Droplet, Tag, Volume } from '../account.ts';
import { addTag, findDroplet } from '../droplets.ts';
import { listAnswer, providerHost } from '../paging.ts';
import { unprocessable } from '../problem.ts';
import { found, integerParameter, type RequestState, type SimulatorState } from '../state.ts';

interface TaggedResource {
  readonly resource_id?: unknown;
  readonly resource_type?: unknown;
}

/** Tags, and putting them on droplets and volumes or taking them off; other kinds of resources are not tagged here. */
export function addTagRoutes(router: Router<RequestState>, { account }: SimulatorState): void {
  const tagOf = (name: string | undefined) => found(account.tags.find((tag) => tag.name === name));

  router.get('/v2/tags', (ctx) => {
    const tags = account.tags.map((tag) => wireTag(account, tag));
    ctx.body = listAnswer(ctx, 'tags', tags);
  });

  router.get('/v2/tags/:name', (ctx) => {
    ctx.body = { tag: wireTag(account, tagOf(ctx.params['name'])) };
  });

  router.post('/v2/tags', (ctx) => {
    const { name }: { name?: unknown } = ctx.request.body ?? {};
    if (typeof name !== 'string' || !/^[a-zA-Z0-9_\-:]{1,255}$/.test(name)) {
      throw unprocessable('Tag name may only contain letters, numbers, colons, dashes, and underscores.');
    }
    addTag(account, name);
    ctx.status = 201;
    ctx.body = { tag: wireTag(account, tagOf(name)) };
  });

  router.post('/v2/tags/:name/resources', (ctx) => {
    const tag = tagOf(ctx.params['name']);
    for (const resource of resourcesIn(account, ctx.request.body)) {
      resource.tags = [...new Set([...resource.tags, tag.name])];
    }
    ctx.status = 204;
  });

  router.delete('/v2/tags/:name/resources', (ctx) => {
    const tag = tagOf(ctx.params['name']);
    for (const resource of resourcesIn(account, ctx.request.body)) {
      resource.tags = resource.tags.filter((name) => name !== tag.name);
    }
    ctx.status = 204;
  });
}

/** All of them or a problem, so that a request with one unknown resource changes nothing. */
function resourcesIn(account: Account, body: unknown): (Droplet | Volume)[] {
  const { resources }: { resources?: unknown } = body ?? {};
  if (!Array.isArray(resources)) throw unprocessable('resources must be a list of resource ids and types.');
  return resources.map(({ resource_id: id, resource_type: type }: TaggedResource) => {
    if (type === 'droplet') return found(findDroplet(account, integerParameter(String(id))));
    if (type === 'volume') return found(account.volumes.find((volume) => volume.id === id));
    throw unprocessable('resource_type must be "droplet" or "volume".');
  });
}

function wireTag(account: Account, { name }: Tag): object {
  const droplets = useOf(name, 'droplets', account.droplets);
  const volumes = useOf(name, 'volumes', account.volumes);
  const all = { ...volumes, ...droplets, count: droplets.count + volumes.count };
  return { name, resources: { ...all, droplets, volumes } };
}

/** How many resources of a kind wear a tag, and the last of them. */
function useOf(name: string, path: string, resources: readonly (Droplet | Volume)[]) {
  const tagged = resources.filter((resource) => resource.tags.includes(name));
  const last = tagged.at(-1);
  const uri = last === undefined ? {} : { last_tagged_uri: `${providerHost}/v2/${path}/${last.id}` };
  return { count: tagged.length, ...uri };
}
