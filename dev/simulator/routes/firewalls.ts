import type { Router } from '@koa/router';
import { changeMembers } from '../firewalls.ts';
import { listAnswer } from '../paging.ts';
import { type Context, found, type RequestState, type SimulatorState } from '../state.ts';

/** List, get, put droplets under one and take them out. */
export function addFirewallRoutes(router: Router<RequestState>, state: SimulatorState): void {
  const firewallOf = (id: string | undefined) =>
    found(state.account.firewalls.find((firewall) => firewall.id === id));
  const change = (ctx: Context, id: string | undefined, removing: boolean) => {
    const { droplet_ids: dropletIds }: { droplet_ids?: unknown } = ctx.request.body ?? {};
    changeMembers(state, firewallOf(id), { dropletIds, removing }, ctx.state);
    ctx.status = 204;
  };

  router.get('/v2/firewalls', (ctx) => {
    ctx.body = listAnswer(ctx, 'firewalls', state.account.firewalls);
  });

  router.get('/v2/firewalls/:id', (ctx) => {
    ctx.body = { firewall: firewallOf(ctx.params['id']) };
  });

  router.post('/v2/firewalls/:id/droplets', (ctx) => change(ctx, ctx.params['id'], false));
  router.delete('/v2/firewalls/:id/droplets', (ctx) => change(ctx, ctx.params['id'], true));
}
