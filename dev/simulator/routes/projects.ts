import type { Router } from '@koa/router';
import { listAnswer, providerHost } from '../paging.ts';
import { found, type RequestState, type SimulatorState } from '../state.ts';

/** Where a resource of a URN type is served. */
const pathsByType: Readonly<Record<string, string>> = {
  droplet: 'droplets',
  volume: 'volumes',
  floatingip: 'floating_ips',
  loadbalancer: 'load_balancers',
  domain: 'domains',
  dbaas: 'databases',
  kubernetes: 'kubernetes/clusters',
};

/** Projects and what is assigned to them. */
export function addProjectRoutes(router: Router<RequestState>, { account }: SimulatorState): void {
  const projectOf = (id: string | undefined) =>
    found(account.projects.find((project) => (id === 'default' ? project.is_default : project.id === id)));

  router.get('/v2/projects', (ctx) => {
    ctx.body = listAnswer(ctx, 'projects', account.projects);
  });

  router.get('/v2/projects/:id', (ctx) => {
    ctx.body = { project: projectOf(ctx.params['id']) };
  });

  router.get('/v2/projects/:id/resources', (ctx) => {
    const project = projectOf(ctx.params['id']);
    const resources = account.projectResources
      .filter((resource) => resource.projectId === project.id)
      .map(({ urn, assignedAt }) => ({
        urn,
        assigned_at: assignedAt,
        links: { self: selfLink(urn) },
        status: 'ok',
      }));
    ctx.body = listAnswer(ctx, 'resources', resources);
  });
}

function selfLink(urn: string): string {
  const [, type = '', id = ''] = urn.split(':');
  if (type === 'space') return `https://${id}.digitaloceanspaces.com`;
  return `${providerHost}/v2/${pathsByType[type]}/${id}`;
}
