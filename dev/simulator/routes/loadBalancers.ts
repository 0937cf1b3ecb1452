import type { Router } from '@koa/router';
import { addLoadBalancer, removeLoadBalancer } from '../loadBalancers.ts';
import { listAnswer } from '../paging.ts';
import { found, type RequestState, type SimulatorState } from '../state.ts';

/** List, get, create and destroy. */
export function addLoadBalancerRoutes(router: Router<RequestState>, state: SimulatorState): void {
  const { account } = state;

  router.get('/v2/load_balancers', (ctx) => {
    ctx.body = listAnswer(ctx, 'load_balancers', account.loadBalancers);
  });

  router.get('/v2/load_balancers/:id', (ctx) => {
    ctx.body = { load_balancer: found(account.loadBalancers.find(({ id }) => id === ctx.params['id'])) };
  });

  router.post('/v2/load_balancers', (ctx) => {
    const balancer = addLoadBalancer(state, ctx.request.body ?? {}, ctx.state);
    ctx.status = 202;
    ctx.body = { load_balancer: balancer };
  });

  router.delete('/v2/load_balancers/:id', (ctx) => {
    found(removeLoadBalancer(state, ctx.params['id'] ?? '') || undefined);
    ctx.status = 204;
  });
}
