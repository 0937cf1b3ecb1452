import type { Router } from '@koa/router';
import * as z from 'zod';
import type { Account } from './account.ts';
import { dropletName, endAction, switchBackups, takeId } from './actions.ts';
import { parseBody } from './controlBody.ts';
import { addDroplet, addTag, buildDroplet, findDroplet, removeDroplet, resizeDroplet } from './droplets.ts';
import { removeLoadBalancer } from './loadBalancers.ts';
import { conflict, unprocessable } from './problem.ts';
import { found, integerParameter, type RequestState, type SimulatorState } from './state.ts';
import { attachVolume, detachVolume, removeVolume } from './volumes.ts';

const newDroplet = z.strictObject({
  name: z.string(),
  size: z.string(),
  region: z.string().default('syd1'),
  tags: z.array(z.string()).default([]),
  createdAt: z.iso.datetime().optional(),
});
const dropletChange = z.strictObject({
  name: z.string().optional(),
  size: z.string().optional(),
  /** Whether the disk takes the new size's; unless given, only where that one is larger. */
  resize_disk: z.boolean().optional(),
  status: z.enum(['active', 'off']).optional(),
  tags: z.array(z.string()).optional(),
  backups: z.boolean().optional(),
  locked: z.boolean().optional(),
  vpc_uuid: z.string().optional(),
});
const volumeChange = z.strictObject({
  name: z.string().optional(),
  /** May shrink, too, as the API never lets it. */
  size_gigabytes: z.int().min(1).max(16_384).optional(),
  tags: z.array(z.string()).optional(),
  /** Null detaches. */
  droplet_id: z.int().nullable().optional(),
});
const firewallChange = z.strictObject({
  name: z.string().optional(),
  droplet_ids: z.array(z.int()).optional(),
  tags: z.array(z.string()).optional(),
});
const loadBalancerChange = z.strictObject({
  name: z.string().optional(),
  size_unit: z.int().min(1).max(100).optional(),
  droplet_ids: z.array(z.int()).optional(),
  status: z.enum(['new', 'active', 'errored']).optional(),
});
const actionEnd = z.strictObject({ status: z.enum(['completed', 'errored']) });

/** Resources and actions that change by hand, behind the service's back. Nothing is refused but what isn't there or makes no sense. */
export function addResourceControls(router: Router<RequestState>, state: SimulatorState): void {
  addDropletControls(router, state);
  addVolumeControls(router, state);
  const { account, actions } = state;

  router.patch('/_control/firewalls/:id', (ctx) => {
    const firewall = found(account.firewalls.find(({ id }) => id === ctx.params['id']));
    const change = parseBody(firewallChange, ctx.request.body);
    firewall.name = change.name ?? firewall.name;
    firewall.droplet_ids = change.droplet_ids ?? firewall.droplet_ids;
    firewall.tags = change.tags ?? firewall.tags;
    ctx.body = { firewall };
  });

  router.patch('/_control/load_balancers/:id', (ctx) => {
    const balancer = found(account.loadBalancers.find(({ id }) => id === ctx.params['id']));
    const change = parseBody(loadBalancerChange, ctx.request.body);
    balancer.name = change.name ?? balancer.name;
    balancer.size_unit = change.size_unit ?? balancer.size_unit;
    balancer.droplet_ids = change.droplet_ids ?? balancer.droplet_ids;
    balancer.status = change.status ?? balancer.status;
    ctx.body = { load_balancer: balancer };
  });

  router.delete('/_control/load_balancers/:id', (ctx) => {
    found(removeLoadBalancer(state, ctx.params['id'] ?? '') || undefined);
    ctx.status = 204;
  });

  router.patch('/_control/actions/:id', (ctx) => {
    const id = integerParameter(ctx.params['id']);
    const action = found(actions.find((candidate) => candidate.id === id));
    const { status } = parseBody(actionEnd, ctx.request.body);
    if (action.status !== 'in-progress') throw conflict(`Action ${id} has ended as ${action.status}.`);
    endAction(state, action, status, new Date());
    ctx.body = { status: action.status };
  });
}

function addDropletControls(router: Router<RequestState>, state: SimulatorState): void {
  const { account } = state;

  router.post('/_control/droplets', (ctx) => {
    const wanted = parseBody(newDroplet, ctx.request.body);
    const region = account.regions.find((candidate) => candidate.slug === wanted.region);
    const image = account.images[0];
    if (region === undefined || image === undefined) {
      throw unprocessable(`region "${wanted.region}" is not one that /v2/regions lists.`);
    }
    const droplet = buildDroplet({
      id: takeId(state),
      name: dropletName(wanted.name),
      size: sizeOf(account, wanted.size),
      region,
      image,
      createdAt: wanted.createdAt ?? new Date().toISOString(),
      status: 'active',
      tags: wanted.tags,
    });
    addDroplet(account, droplet);
    ctx.status = 201;
    ctx.body = { droplet };
  });

  router.patch('/_control/droplets/:id', (ctx) => {
    const droplet = found(findDroplet(account, integerParameter(ctx.params['id'])));
    const change = parseBody(dropletChange, ctx.request.body);
    const size = change.size === undefined ? undefined : sizeOf(account, change.size);
    if (change.name !== undefined) droplet.name = dropletName(change.name);
    if (size !== undefined) resizeDroplet(droplet, size, change.resize_disk ?? size.disk > droplet.disk);
    if (change.backups !== undefined) switchBackups(droplet, change.backups);
    droplet.status = change.status ?? droplet.status;
    droplet.tags = change.tags ?? droplet.tags;
    droplet.locked = change.locked ?? droplet.locked;
    droplet.vpc_uuid = change.vpc_uuid ?? droplet.vpc_uuid;
    for (const tag of droplet.tags) addTag(account, tag);
    ctx.body = { droplet };
  });

  router.delete('/_control/droplets/:id', (ctx) => {
    found(removeDroplet(account, integerParameter(ctx.params['id'])) || undefined);
    ctx.status = 204;
  });
}

function addVolumeControls(router: Router<RequestState>, { account }: SimulatorState): void {
  router.patch('/_control/volumes/:id', (ctx) => {
    const volume = found(account.volumes.find(({ id }) => id === ctx.params['id']));
    const change = parseBody(volumeChange, ctx.request.body);
    const { droplet_id: dropletId } = change;
    const droplet = typeof dropletId === 'number' ? found(findDroplet(account, dropletId)) : undefined;
    if (dropletId !== undefined) detachVolume(account, volume);
    if (droplet !== undefined) attachVolume(volume, droplet);
    volume.name = change.name ?? volume.name;
    volume.size_gigabytes = change.size_gigabytes ?? volume.size_gigabytes;
    volume.tags = change.tags ?? volume.tags;
    for (const tag of volume.tags) addTag(account, tag);
    ctx.body = { volume };
  });

  router.delete('/_control/volumes/:id', (ctx) => {
    found(removeVolume(account, ctx.params['id'] ?? '') || undefined);
    ctx.status = 204;
  });
}

function sizeOf(account: Account, slug: string) {
  const size = account.sizes.find((candidate) => candidate.slug === slug);
  if (size === undefined) throw unprocessable(`size "${slug}" is not one that /v2/sizes lists.`);
  return size;
}
