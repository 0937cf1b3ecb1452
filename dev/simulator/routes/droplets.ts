import type { Router } from '@koa/router';
import type { Account, Droplet } from '../account.ts';
import { beginDropletAction, dropletName, pendingEvent, switchBackups, takeId } from '../actions.ts';
import { addDroplet, buildDroplet, findDroplet, removeDroplet } from '../droplets.ts';
import { listAnswer, providerHost } from '../paging.ts';
import { unprocessable } from '../problem.ts';
import { type Context, found, integerParameter, type RequestState, type SimulatorState } from '../state.ts';
import { attachVolume } from '../volumes.ts';

/** The body of `POST /v2/droplets`, as far as it is read. */
interface DropletRequest {
  readonly name?: unknown;
  readonly region?: unknown;
  readonly size?: unknown;
  readonly image?: unknown;
  readonly tags?: unknown;
  readonly volumes?: unknown;
  readonly backups?: unknown;
  readonly vpc_uuid?: unknown;
}

/** List, get, create, destroy, and a droplet's backups. Creating takes the time of an action. */
export function addDropletRoutes(router: Router<RequestState>, state: SimulatorState): void {
  const { account } = state;

  router.get('/v2/droplets', (ctx) => {
    ctx.body = listAnswer(ctx, 'droplets', listed(ctx, state));
  });

  router.get('/v2/droplets/:id', (ctx) => {
    ctx.body = { droplet: found(findDroplet(account, integerParameter(ctx.params['id']))) };
  });

  router.get('/v2/droplets/:id/backups', (ctx) => {
    const droplet = found(findDroplet(account, integerParameter(ctx.params['id'])));
    const backups = account.images
      .filter((image) => droplet.backup_ids.includes(image.id))
      .map(({ id, name, created_at, regions, min_disk_size, size_gigabytes }) => {
        return { id, name, created_at, regions, min_disk_size, size_gigabytes, type: 'backup' };
      });
    ctx.body = listAnswer(ctx, 'backups', backups);
  });

  router.post('/v2/droplets', (ctx) => {
    const droplet = createDroplet(state, ctx.request.body ?? {});
    const apply = () => {
      droplet.status = 'active';
    };
    const action = beginDropletAction(state, droplet, { type: 'create', apply }, ctx.state);
    ctx.status = 202;
    const href = `${providerHost}/v2/actions/${action.id}`;
    ctx.body = { droplet, links: { actions: [{ id: action.id, rel: 'create', href }] } };
  });

  router.delete('/v2/droplets/:id', (ctx) => {
    const droplet = found(findDroplet(account, integerParameter(ctx.params['id'])));
    if (droplet.locked) throw unprocessable(pendingEvent);
    removeDroplet(account, droplet.id);
    ctx.status = 204;
  });
}

function listed(ctx: Context, { account }: SimulatorState) {
  const { tag_name: tag, name, type } = ctx.query;
  return account.droplets
    .filter((droplet) => isGpu(droplet) === (type === 'gpus'))
    .filter((droplet) => typeof tag !== 'string' || droplet.tags.includes(tag))
    .filter((droplet) => typeof name !== 'string' || droplet.name === name);
}

/** Those with a GPU are left out unless they are asked for. */
function isGpu(droplet: Droplet): boolean {
  return droplet.size_slug.startsWith('gpu-');
}

/** Adds a droplet as asked for, or refuses with a 422. */
function createDroplet(state: SimulatorState, request: DropletRequest) {
  const { account } = state;
  const size = account.sizes.find((candidate) => candidate.slug === request.size);
  if (size === undefined) throw unprocessable('You specified an invalid size for Droplet creation.');
  const region = account.regions.find((candidate) => candidate.slug === (request.region ?? 'syd1'));
  if (region === undefined) throw unprocessable('You specified an invalid region for Droplet creation.');
  const image = account.images.find(({ id, slug }) => request.image === id || request.image === slug);
  if (image === undefined) throw unprocessable('You specified an invalid image for Droplet creation.');
  const volumes = volumesFor(account, request, region.slug);
  const droplet = buildDroplet({
    id: takeId(state),
    name: dropletName(request.name),
    size,
    region,
    image,
    createdAt: new Date().toISOString(),
    status: 'new',
    tags: Array.isArray(request.tags) ? request.tags.map(String) : [],
  });
  if (typeof request.vpc_uuid === 'string') droplet.vpc_uuid = request.vpc_uuid;
  if (request.backups === true) switchBackups(droplet, true);
  addDroplet(account, droplet);
  for (const volume of volumes) attachVolume(volume, droplet);
  return droplet;
}

/** The volumes that a droplet starts with; each has to be free and in its region. */
function volumesFor(account: Account, { volumes = [] }: DropletRequest, region: string) {
  if (!Array.isArray(volumes)) throw unprocessable('volumes must be a list of volume ids.');
  return volumes.map((id: unknown) => {
    const volume = account.volumes.find((candidate) => candidate.id === id);
    if (volume === undefined || volume.region.slug !== region || volume.droplet_ids.length > 0) {
      throw unprocessable(`Volume ${String(id)} can't be attached to this Droplet.`);
    }
    return volume;
  });
}
