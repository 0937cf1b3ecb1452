import type { Router } from '@koa/router';
import { findDroplet } from '../droplets.ts';
import { listAnswer } from '../paging.ts';
import { found, type RequestState, type SimulatorState } from '../state.ts';

/** Kinds that are only read. Registries and functions namespaces come whole: no pages, no links, no total. */
export function addPlatformRoutes(router: Router<RequestState>, { account }: SimulatorState): void {
  router.get('/v2/apps', (ctx) => {
    ctx.body = listAnswer(ctx, 'apps', account.apps);
  });
  router.get('/v2/registries', (ctx) => {
    ctx.body = { registries: account.registries };
  });
  router.get('/v2/functions/namespaces', (ctx) => {
    ctx.body = { namespaces: account.functionsNamespaces };
  });
  router.get('/v2/reserved_ipv6', (ctx) => {
    const addresses = account.reservedIpv6s.map(({ ip, regionSlug, reservedAt, dropletId }) => ({
      ip,
      region_slug: regionSlug,
      reserved_at: reservedAt,
      droplet: dropletId === null ? null : (findDroplet(account, dropletId) ?? null),
    }));
    ctx.body = listAnswer(ctx, 'reserved_ipv6s', addresses);
  });
  router.get('/v2/vpcs', (ctx) => {
    ctx.body = listAnswer(ctx, 'vpcs', account.vpcs);
  });
  router.get('/v2/vpcs/:id', (ctx) => {
    ctx.body = { vpc: found(account.vpcs.find(({ id }) => id === ctx.params['id'])) };
  });
}
