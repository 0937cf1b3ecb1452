import type { Router } from '@koa/router';
import { type ActionRequest, startAction } from '../actions.ts';
import { findDroplet } from '../droplets.ts';
import { listAnswer } from '../paging.ts';
import { type Action, found, integerParameter, type RequestState, type SimulatorState } from '../state.ts';
import { startVolumeAction, type VolumeActionRequest } from '../volumeActions.ts';

/** Actions on droplets and volumes: start one, list those of one, newest first, and read how far one is. */
export function addActionRoutes(router: Router<RequestState>, state: SimulatorState): void {
  const { account, actions } = state;
  const actionsOf = (type: Action['resourceType'], id: string) =>
    actions
      .filter((action) => action.resourceType === type && action.resourceId === id)
      .toReversed()
      .map((action) => wireAction(state, action));

  router.post('/v2/droplets/:id/actions', (ctx) => {
    const droplet = found(findDroplet(account, integerParameter(ctx.params['id'])));
    const request: ActionRequest = ctx.request.body ?? {};
    const action = startAction(state, droplet, request, ctx.state);
    ctx.status = 201;
    ctx.body = { action: wireAction(state, action) };
  });

  router.get('/v2/droplets/:id/actions', (ctx) => {
    const droplet = found(findDroplet(account, integerParameter(ctx.params['id'])));
    ctx.body = listAnswer(ctx, 'actions', actionsOf('droplet', String(droplet.id)));
  });

  router.post('/v2/volumes/:id/actions', (ctx) => {
    const volume = found(account.volumes.find(({ id }) => id === ctx.params['id']));
    const request: VolumeActionRequest = ctx.request.body ?? {};
    const action = startVolumeAction(state, volume, request, ctx.state);
    ctx.status = 202;
    ctx.body = { action: wireAction(state, action) };
  });

  router.get('/v2/volumes/:id/actions', (ctx) => {
    const volume = found(account.volumes.find(({ id }) => id === ctx.params['id']));
    ctx.body = listAnswer(ctx, 'actions', actionsOf('volume', volume.id));
  });

  router.get('/v2/actions/:id', (ctx) => {
    const id = integerParameter(ctx.params['id']);
    ctx.body = { action: wireAction(state, found(actions.find((action) => action.id === id))) };
  });
}

/** A volume's id is no number, so its actions name none. */
function wireAction({ account }: SimulatorState, action: Action): object {
  return {
    id: action.id,
    status: action.status,
    type: action.type,
    started_at: action.startedAt.toISOString(),
    completed_at: action.completedAt?.toISOString() ?? null,
    resource_id: action.resourceType === 'droplet' ? Number(action.resourceId) : null,
    resource_type: action.resourceType,
    region: account.regions.find((region) => region.slug === action.regionSlug),
    region_slug: action.regionSlug,
  };
}
