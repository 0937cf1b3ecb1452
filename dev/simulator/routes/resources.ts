import type { Router } from '@koa/router';
import type { Account } from '../account.ts';
import { findDroplet } from '../droplets.ts';
import { listAnswer } from '../paging.ts';
import { type Context, found, type RequestState, type SimulatorState } from '../state.ts';

/** A kind that is only read: one list, and one entry by its id. */
interface ReadOnlyKind<Entry> {
  readonly path: string;
  readonly listKey: string;
  readonly itemKey: string;
  readonly entries: readonly Entry[];
  readonly idsOf: (entry: Entry) => readonly (string | null)[];
  /** Whether a list with this query shows the entry. */
  readonly isListed?: (entry: Entry, query: Context['query']) => boolean;
  readonly wireOf?: (entry: Entry) => object;
}

/** Every kind of resource that the simulator only lists and shows, and what an account has besides. */
export function addResourceRoutes(router: Router<RequestState>, { account }: SimulatorState): void {
  const byId = (entry: { readonly id: string }) => [entry.id];
  addKind(router, {
    path: '/v2/reserved_ips',
    listKey: 'reserved_ips',
    itemKey: 'reserved_ip',
    entries: account.reservedIps,
    idsOf: (reserved) => [reserved.ip],
    wireOf: ({ ip, region, dropletId, projectId }) => ({
      ip,
      region,
      droplet: dropletId === null ? null : (findDroplet(account, dropletId) ?? null),
      locked: false,
      project_id: projectId,
    }),
  });
  addKind(router, {
    path: '/v2/snapshots',
    listKey: 'snapshots',
    itemKey: 'snapshot',
    entries: account.snapshots,
    idsOf: byId,
    isListed: (snapshot, { resource_type: type }) => type === undefined || snapshot.resource_type === type,
  });
  addKind(router, {
    path: '/v2/images',
    listKey: 'images',
    itemKey: 'image',
    entries: account.images,
    idsOf: (image) => [String(image.id), image.slug],
    isListed: (image, query) => query['private'] !== 'true' || !image.public,
  });
  addKind(router, {
    path: '/v2/kubernetes/clusters',
    listKey: 'kubernetes_clusters',
    itemKey: 'kubernetes_cluster',
    entries: account.kubernetesClusters,
    idsOf: byId,
  });
  addDatabases(router, account);

  router.get('/v2/sizes', (ctx) => {
    ctx.body = listAnswer(ctx, 'sizes', account.sizes);
  });
  router.get('/v2/regions', (ctx) => {
    ctx.body = listAnswer(ctx, 'regions', account.regions);
  });
  router.get('/v2/account', (ctx) => {
    ctx.body = { account: account.profile };
  });
}

function addKind<Entry extends object>(router: Router<RequestState>, kind: ReadOnlyKind<Entry>): void {
  const wireOf = kind.wireOf ?? ((entry: Entry) => entry);

  router.get(kind.path, (ctx) => {
    const listed = kind.entries.filter((entry) => kind.isListed?.(entry, ctx.query) ?? true);
    ctx.body = listAnswer(ctx, kind.listKey, listed.map(wireOf));
  });

  router.get(`${kind.path}/:id`, (ctx) => {
    const id = ctx.params['id'] ?? '';
    ctx.body = {
      [kind.itemKey]: wireOf(found(kind.entries.find((entry) => kind.idsOf(entry).includes(id)))),
    };
  });
}

/** The provider lists databases whole: no pages, no links, no total. */
function addDatabases(router: Router<RequestState>, account: Account): void {
  router.get('/v2/databases', (ctx) => {
    const tag = ctx.query['tag_name'];
    const databases = account.databases.filter(
      (database) => typeof tag !== 'string' || database.tags.includes(tag),
    );
    ctx.body = { databases };
  });

  router.get('/v2/databases/:id', (ctx) => {
    ctx.body = { database: found(account.databases.find((database) => database.id === ctx.params['id'])) };
  });
}
