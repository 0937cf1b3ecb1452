import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { recordProjects } from '../../../src/services/applyProjects.ts';
import { assignProjectTenant } from '../../../src/services/assignProjectTenant.ts';
import { attachResource } from '../../../src/services/attachResource.ts';
import { systemSession } from '../../../src/session.ts';
import { admin, writeDeployment } from '../invoiceWorld.ts';
import { ingest, openWorld, resource, sync, type World } from '../world.ts';

const provider = 'moving';
const period = '2026-04-01';
const now = new Date('2026-05-03T00:00:00Z');
let world: World;

beforeEach(async () => {
  world = await openWorld();
  await sync(world, {
    provider,
    at: '2026-03-01T00:00:00Z',
    resources: [resource({ externalId: '1', name: 'app' })],
  });
  await ingest(world, {
    provider,
    invoiceUuid: randomUUID(),
    period,
    charges: [{ name: 'app', id: '1', amount: '10.00' }],
  });
});
afterEach(() => world.close());

const resourceId = async () =>
  String((await world.em().execute<{ id: string }[]>('select id from cloud_resources'))[0]?.id);

const kept = () =>
  world.em().execute(
    `select tenant_id, trim_scale(from_amount)::text as from_amount, trim_scale(to_amount)::text as to_amount, currency, cause
     from cost_owner_changes order by id`,
  );

describe('what a move takes from one owner and gives to another is kept', () => {
  it('where a resource moves between deployments in the middle of what was charged', async () => {
    const [first, second] = [
      await writeDeployment(world.em(), 'first'),
      await writeDeployment(world.em(), 'second'),
    ];
    const id = await resourceId();
    const attach = (deploymentId: string, from: string, requestId: string) =>
      attachResource(
        world.em(),
        deploymentId,
        { resourceId: id, from: new Date(from) },
        { actor: systemSession, now, reason: 'test', requestId },
      );

    await attach(first, '2026-03-15T00:00:00Z', 'request 1');
    await attach(second, '2026-04-16T00:00:00Z', 'request 2');
    await attach(second, '2026-04-16T00:00:00Z', 'the same again');

    expect(await kept()).toEqual([
      { tenant_id: 'first', from_amount: '0', to_amount: '10', currency: 'USD', cause: 'request 1' },
      { tenant_id: null, from_amount: '10', to_amount: '0', currency: 'USD', cause: 'request 1' },
      { tenant_id: 'first', from_amount: '10', to_amount: '5', currency: 'USD', cause: 'request 2' },
      { tenant_id: 'second', from_amount: '0', to_amount: '5', currency: 'USD', cause: 'request 2' },
    ]);
  });

  it('where a listing puts a resource into a project, and the project gets a tenant', async () => {
    const members = [{ kind: 'droplet' as const, externalId: '1' }];
    const list = (projects: string[]) =>
      recordProjects(world.em(), {
        provider,
        listedAt: now,
        projects: projects.map((externalId) => ({ externalId, name: externalId, isDefault: false, members })),
      });
    await list(['ours']);
    const [project] = await world.em().execute<{ id: string }[]>('select id from cloud_projects');
    const assignment = { projectId: String(project?.id), reason: 'test', actor: admin, at: now };
    await assignProjectTenant(world.em(), { ...assignment, tenantId: 'owner', requestId: 'request 1' });
    await list([]);

    expect(await kept()).toEqual([
      { tenant_id: 'owner', from_amount: '0', to_amount: '10', currency: 'USD', cause: 'request 1' },
      { tenant_id: null, from_amount: '10', to_amount: '0', currency: 'USD', cause: 'request 1' },
      { tenant_id: 'owner', from_amount: '10', to_amount: '0', currency: 'USD', cause: 'projects of moving' },
      { tenant_id: null, from_amount: '0', to_amount: '10', currency: 'USD', cause: 'projects of moving' },
    ]);
  });
});
