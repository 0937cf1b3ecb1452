import type { Router } from '@koa/router';
import { type ActionRequest, startAction } from '../actions.ts';
import { findDroplet } from '../droplets.ts';
import { listAnswer } from '../paging.ts';
import { type Action, found, integerParameter, type RequestState, type SimulatorState } from '../state.ts';

/** Actions on droplets: start one, and read how far it is. */
export function addActionRoutes(router: Router<RequestState>, state: SimulatorState): void {
  const { account, actions } = state;
  const wireAction = (action: Action) => ({
    id: action.id,
    status: action.status,
    type: action.type,
    started_at: action.startedAt.toISOString(),
    completed_at: action.status === 'in-progress' ? null : action.dueAt.toISOString(),
    resource_id: action.dropletId,
    resource_type: 'droplet',
    region: account.regions.find((region) => region.slug === action.regionSlug),
    region_slug: action.regionSlug,
  });

  router.post('/v2/droplets/:id/actions', (ctx) => {
    const droplet = found(findDroplet(account, integerParameter(ctx.params['id'])));
    const request: ActionRequest = ctx.request.body ?? {};
    const action = startAction(state, droplet, request, ctx.state.actionFails === true);
    ctx.status = 201;
    ctx.body = { action: wireAction(action) };
  });

  router.get('/v2/droplets/:id/actions', (ctx) => {
    const dropletId = integerParameter(ctx.params['id']);
    found(findDroplet(account, dropletId));
    const own = actions.filter((action) => action.dropletId === dropletId).toReversed();
    ctx.body = listAnswer(ctx, 'actions', own.map(wireAction));
  });

  router.get('/v2/actions/:id', (ctx) => {
    const id = integerParameter(ctx.params['id']);
    ctx.body = { action: wireAction(found(actions.find((action) => action.id === id))) };
  });
}
