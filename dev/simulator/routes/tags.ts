import type { Router } from '@koa/router';
import type { Account, Tag } from '../account.ts';
import { addTag, findDroplet } from '../droplets.ts';
import { listAnswer, providerHost } from '../paging.ts';
import { unprocessable } from '../problem.ts';
import { found, integerParameter, type RequestState, type SimulatorState } from '../state.ts';

interface TaggedResource {
  readonly resource_id?: unknown;
  readonly resource_type?: unknown;
}

/** Tags, and putting them on droplets or taking them off; other kinds of resources are not tagged here. */
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
    for (const droplet of dropletsIn(account, ctx.request.body)) {
      droplet.tags = [...new Set([...droplet.tags, tag.name])];
    }
    ctx.status = 204;
  });

  router.delete('/v2/tags/:name/resources', (ctx) => {
    const tag = tagOf(ctx.params['name']);
    for (const droplet of dropletsIn(account, ctx.request.body)) {
      droplet.tags = droplet.tags.filter((name) => name !== tag.name);
    }
    ctx.status = 204;
  });
}

function dropletsIn(account: Account, body: unknown) {
  const { resources }: { resources?: unknown } = body ?? {};
  if (!Array.isArray(resources)) throw unprocessable('resources must be a list of resource ids and types.');
  return resources.map((resource: TaggedResource) => {
    if (resource.resource_type !== 'droplet') throw unprocessable('resource_type must be "droplet".');
    return found(findDroplet(account, integerParameter(String(resource.resource_id))));
  });
}

function wireTag(account: Account, tag: Tag): object {
  const droplets = account.droplets.filter((droplet) => droplet.tags.includes(tag.name));
  const last = droplets.at(-1);
  const use = {
    count: droplets.length,
    ...(last === undefined ? {} : { last_tagged_uri: `${providerHost}/v2/droplets/${last.id}` }),
  };
  return { name: tag.name, resources: { ...use, droplets: use } };
}
