import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ProviderProject } from '../../src/providers/provider.ts';
import { recordProjects } from '../../src/services/applyProjects.ts';
import { assignProjectTenant } from '../../src/services/assignProjectTenant.ts';
import { listAudit } from '../../src/services/listAudit.ts';
import { recordInventory } from '../../src/services/recordInventory.ts';
import { openWorld, resource, type World } from './world.ts';

const dayOne = new Date('2026-04-01T00:15:00Z');
const dayTwo = new Date('2026-04-02T00:15:00Z');

describe('projects and their tenants', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  const project = (name: string, ...droplets: string[]): ProviderProject => ({
    externalId: `id of ${name}`,
    name,
    isDefault: false,
    members: droplets.map((externalId) => ({ kind: 'droplet', externalId })),
  });
  const droplets = (provider: string, listedAt: Date, ...ids: string[]) =>
    recordInventory(world.em(), {
      provider,
      kind: 'droplet',
      listedAt,
      resources: ids.map((externalId) => resource({ externalId, name: externalId })),
    });
  const projects = (provider: string, listedAt: Date, ...listed: ProviderProject[]) =>
    recordProjects(world.em(), { provider, listedAt, projects: listed });

  async function assign(provider: string, name: string, tenantId: string | null) {
    const [row] = await world
      .em()
      .execute<{ id: string }[]>(`select id from cloud_projects where provider = ? and name = ?`, [
        provider,
        name,
      ]);
    return assignProjectTenant(world.em(), {
      projectId: row?.id ?? '',
      tenantId,
      reason: 'as agreed',
      actor: { role: 'platform_admin', tenantId: '', subject: 'operator-1' },
      at: dayTwo,
      requestId: 'request-1',
    });
  }
  const owners = (provider: string) =>
    world.em().execute(
      `select resource.external_id as id, project.name as project, resource.tenant_id as tenant
       from cloud_resources resource left join cloud_projects project on project.id = resource.project_id
       where resource.provider = ? order by resource.external_id`,
      [provider],
    );

  it.each([
    { first: 'droplets', provider: 'droplets first' },
    { first: 'projects', provider: 'projects first' },
  ])(
    'puts each resource into its project, whichever is listed first: $first',
    async ({ first, provider }) => {
      const steps = [
        () => droplets(provider, dayOne, '101', '102'),
        () => projects(provider, dayOne, project('Pilot', '101')),
      ];
      for (const step of first === 'droplets' ? steps : steps.reverse()) await step();
      expect(await owners(provider)).toEqual([
        { id: '101', project: 'Pilot', tenant: null },
        { id: '102', project: null, tenant: null },
      ]);
    },
  );

  it('gives the tenant of a project to its standalone resources at once, to later ones when they are listed, and writes an audit row', async () => {
    const provider = 'tenant';
    await droplets(provider, dayOne, '101', '102');
    await projects(provider, dayOne, project('Pilot', '101', '103'), project('Other', '102'));
    expect(await assign(provider, 'Pilot', 'acme')).toMatchObject({ resources: 1 });
    await droplets(provider, dayTwo, '101', '102', '103');
    expect(await owners(provider)).toEqual([
      { id: '101', project: 'Pilot', tenant: 'acme' },
      { id: '102', project: 'Other', tenant: null },
      { id: '103', project: 'Pilot', tenant: 'acme' },
    ]);
    const [audit] = await listAudit(
      world.em(),
      { action: 'cloud_project.assign_tenant' },
      { limit: 1, after: undefined },
    );
    expect(audit).toMatchObject({
      actor: 'operator-1',
      reason: 'as agreed',
      requestId: 'request-1',
      before: { tenant_id: null },
      after: { tenant_id: 'acme', resources: 1 },
    });
  });

  it('leaves a resource of a deployment with the tenant of its deployment', async () => {
    const provider = 'deployment';
    await droplets(provider, dayOne, '101');
    await world
      .em()
      .execute(
        `update cloud_resources set deployment_id = gen_random_uuid(), tenant_id = 'globex' where provider = ?`,
        [provider],
      );
    await projects(provider, dayOne, project('Pilot', '101'));
    expect(await assign(provider, 'Pilot', 'acme')).toMatchObject({ resources: 0 });
    await droplets(provider, dayTwo, '101');
    expect(await owners(provider)).toEqual([{ id: '101', project: 'Pilot', tenant: 'globex' }]);
  });

  it('moves a resource with its project, tenant and all, and writes one event about it', async () => {
    const provider = 'moved';
    await droplets(provider, dayOne, '101');
    await projects(provider, dayOne, project('Pilot', '101'), project('Other'));
    await assign(provider, 'Pilot', 'acme');
    await assign(provider, 'Other', 'globex');
    await projects(provider, dayTwo, project('Pilot'), project('Other', '101'));
    await projects(provider, dayTwo, project('Pilot'), project('Other', '101'));
    expect(await owners(provider)).toEqual([{ id: '101', project: 'Other', tenant: 'globex' }]);
    const moves = await world.em().execute(
      `select event.occurred_at from cloud_resource_events event
       join cloud_resources resource on resource.id = event.resource_id
       where resource.provider = ? and event.type = 'moved' and event.occurred_at = ?`,
      [provider, dayTwo],
    );
    expect(moves).toHaveLength(1);
  });

  it('takes the tenant from the resources of a project that loses it', async () => {
    const provider = 'withdrawn';
    await droplets(provider, dayOne, '101');
    await projects(provider, dayOne, project('Pilot', '101'));
    await assign(provider, 'Pilot', 'acme');
    await assign(provider, 'Pilot', null);
    expect(await owners(provider)).toEqual([{ id: '101', project: 'Pilot', tenant: null }]);
  });

  it('keeps a project that is gone, with its tenant, and the project of a resource that is gone', async () => {
    const provider = 'gone';
    await droplets(provider, dayOne, '101');
    await projects(provider, dayOne, project('Pilot', '101'));
    await assign(provider, 'Pilot', 'acme');
    await droplets(provider, dayTwo);
    expect(await projects(provider, dayTwo)).toEqual({ live: 0, gone: 1 });
    expect(await owners(provider)).toEqual([{ id: '101', project: 'Pilot', tenant: 'acme' }]);
    const rows = await world
      .em()
      .execute(
        `select tenant_id as tenant, gone_at is not null as gone from cloud_projects where provider = ?`,
        [provider],
      );
    expect(rows).toEqual([{ tenant: 'acme', gone: true }]);
  });

  it('says so where there is no such project', async () => {
    const unknown = await assignProjectTenant(world.em(), {
      projectId: '00000000-0000-4000-8000-000000000000',
      tenantId: 'acme',
      reason: 'none',
      actor: { role: 'platform_admin', tenantId: '', subject: 'operator-1' },
      at: dayTwo,
      requestId: 'request-2',
    });
    expect(unknown).toBeUndefined();
  });
});
