import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import type { SyncSpeed } from '../../src/domain/resourceKind.ts';
import { assignProjectTenant } from '../../src/services/assignProjectTenant.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { SyncInventoryResult } from '../../src/workflows/messages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { syncQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';
import { retryAtOnce } from './retryAtOnce.ts';

describe('syncInventory on the golden account', () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let worker: TestWorker;

  beforeAll(async () => {
    database = await createTestDatabase();
    simulator = await startSimulator();
    worker = await startTestWorker({
      appUrl: database.appUrl,
      providers: [simulatedProvider(simulator)],
      namespace: 'sync-inventory',
    });
  }, 60_000);

  afterEach(() => {
    simulator.faults.clear();
    simulator.state.requests.clear();
  });

  afterAll(async () => {
    await worker?.stop();
    await simulator?.close();
    await database?.drop();
  });

  const start = (speed: SyncSpeed) =>
    worker.client.workflow.start('syncInventory', {
      workflowId: workflowIds.syncInventory(speed),
      taskQueue: syncQueues[speed],
      args: [{ provider: 'digitalocean', speed }],
    });
  const sync = async (speed: SyncSpeed): Promise<SyncInventoryResult> => (await start(speed)).result();

  async function kindOf(speed: SyncSpeed, kind: string) {
    const result = await sync(speed);
    return result.kinds.find((candidate) => candidate.kind === kind);
  }
  const goneDroplets = () =>
    worker.em().execute(`select name from cloud_resources where kind = 'droplet' and gone_at is not null`);
  const tenants = async () => {
    const rows = await worker
      .em()
      .execute<{ name: string }[]>(`select name from cloud_resources where tenant_id = 'acme' order by name`);
    return rows.map((row) => row.name);
  };

  it.each([
    {
      speed: 'fast',
      live: {
        droplet: 10,
        volume: 1,
        reserved_ip: 2,
        load_balancer: 1,
        reserved_ipv6: 2,
        firewall: 1,
        vpc: 1,
      },
    },
    {
      speed: 'full',
      live: {
        database: 1,
        kubernetes_cluster: 1,
        domain: 2,
        app: 1,
        container_registry: 1,
        functions_namespace: 1,
        project: 4,
      },
    },
    { speed: 'slow', live: { snapshot: 2, backup: 1, spaces_bucket: 1 } },
  ] as const)(
    'lists every kind of the $speed speed on its own task queue, and all are fresh',
    async ({ speed, live }) => {
      const { kinds } = await sync(speed);
      expect(Object.fromEntries(kinds.map((kind) => [kind.kind, kind.live]))).toEqual(live);
      expect(new Set(kinds.map((kind) => kind.state))).toEqual(new Set(['fresh']));
      const { taskQueue, typedSearchAttributes } = await worker.client.workflow
        .getHandle(`sync-inventory:${speed}`)
        .describe();
      expect(taskQueue).toBe(`cloud-sync-${speed}`);
      expect(typedSearchAttributes.get(searchAttributes.phase)).toBe('done');
      expect(typedSearchAttributes.get(searchAttributes.problem)).toBeUndefined();
    },
  );

  it('gives the tenant of a project to its standalone resources, also to one that comes later', async () => {
    const pilot = simulator.state.account.projects.find((project) => project.name === 'Pilot');
    const [row] = await worker
      .em()
      .execute<{ id: string }[]>(`select id from cloud_projects where external_id = ?`, [pilot?.id]);
    await assignProjectTenant(worker.em(), {
      projectId: row?.id ?? '',
      tenantId: 'acme',
      reason: 'their pilot',
      actor: { role: 'platform_admin', tenantId: '', subject: 'operator-1' },
      at: new Date(),
      requestId: 'request-1',
    });
    const before = await tenants();
    expect(before).toEqual(
      expect.arrayContaining(['pilot-app-1', 'pilot-app-2', 'pilot-app-3', 'pilot-app-4']),
    );
    expect(before).not.toContain('ops-bastion');

    const { droplets, projectResources } = simulator.state.account;
    const template = droplets[0];
    if (template === undefined || pilot === undefined) throw new Error('the account lacks its droplets');
    droplets.push({ ...template, id: 412_999_001, name: 'pilot-app-5' });
    projectResources.push({
      urn: 'do:droplet:412999001',
      projectId: pilot.id,
      assignedAt: '2026-05-28T06:00:00Z',
    });
    await sync('full');
    await sync('fast');
    expect(await tenants()).toEqual([...before, 'pilot-app-5'].toSorted());
  });

  it('marks a kind as unknown whose listing fails for good, takes nothing of it as gone, and goes on with the others', async () => {
    simulator.faults.add({ match: { path: '^/v2/droplets$' }, fault: { kind: 'html_page' }, times: null });
    const result: SyncInventoryResult = await retryAtOnce(worker.client, await start('fast'));
    expect(result.kinds).toMatchObject([
      { kind: 'droplet', state: 'unknown', gone: 0, problem: 'provider_bad_answer' },
      { kind: 'volume', state: 'fresh', live: 1 },
      { kind: 'reserved_ip', state: 'fresh', live: 2 },
      { kind: 'load_balancer', state: 'fresh', live: 1 },
      { kind: 'reserved_ipv6', state: 'fresh', live: 2 },
      { kind: 'firewall', state: 'fresh', live: 1 },
      { kind: 'vpc', state: 'fresh', live: 1 },
    ]);
    expect(await goneDroplets()).toEqual([]);
    const { typedSearchAttributes } = await worker.client.workflow
      .getHandle('sync-inventory:fast')
      .describe();
    expect(typedSearchAttributes.get(searchAttributes.problem)).toBe('kind_unknown');

    simulator.faults.clear();
    expect(await kindOf('fast', 'droplet')).toMatchObject({ state: 'fresh', live: 11, gone: 0 });
  });

  it('marks a kind as unknown whose listing only ever comes partial, deletes nothing, and is fresh again once it comes whole', async () => {
    simulator.faults.add({
      match: { path: '^/v2/droplets$' },
      fault: { kind: 'partial_listing', missing: 3 },
      times: null,
    });
    const handle = await start('fast');
    const result: SyncInventoryResult = await retryAtOnce(worker.client, handle);
    expect(result.kinds[0]).toMatchObject({ kind: 'droplet', state: 'unknown', problem: 'partial_listing' });
    expect(await goneDroplets()).toEqual([]);
    const [listing] = await worker
      .em()
      .execute(
        `select state, error_code, live, attempted_at > complete_at as tried_since from cloud_inventory_listings where kind = 'droplet'`,
      );
    expect(listing).toEqual({ state: 'unknown', error_code: 'partial_listing', live: 11, tried_since: true });

    simulator.faults.clear();
    expect(await kindOf('fast', 'droplet')).toMatchObject({ state: 'fresh', live: 11, gone: 0 });
  }, 120_000);

  it('takes a resource as gone only after a second listing lacks it too, and keeps it', async () => {
    const { droplets } = simulator.state.account;
    const [deleted] = droplets.splice(
      droplets.findIndex((droplet) => droplet.name === 'pilot-app-5'),
      1,
    );
    expect(await kindOf('fast', 'droplet')).toMatchObject({ state: 'fresh', live: 10, gone: 1 });
    // Droplets with and without a GPU, each listed twice.
    expect(simulator.state.requests.count('GET /v2/droplets')).toBe(4);
    expect(await goneDroplets()).toEqual([{ name: deleted?.name }]);
    simulator.state.requests.clear();
    expect(await kindOf('fast', 'droplet')).toMatchObject({ gone: 0 });
    expect(simulator.state.requests.count('GET /v2/droplets')).toBe(2);
  });

  it('loses nothing where pages shift while a listing is read', async () => {
    const { domains } = simulator.state.account;
    const [template] = domains;
    for (let index = 0; index < 220; index += 1) domains.push({ ...template, name: `d${index}.example` });
    expect(await kindOf('full', 'domain')).toMatchObject({ live: 222, discovered: 220, gone: 0 });
    simulator.faults.add({
      match: { path: '/domains$' },
      fault: { kind: 'shifting_pages', change: 'insert' },
    });
    expect(await kindOf('full', 'domain')).toMatchObject({ state: 'fresh', live: 222, gone: 0 });

    simulator.faults.clear();
    simulator.faults.add({
      match: { path: '/domains$' },
      fault: { kind: 'shifting_pages', change: 'remove' },
    });
    expect(await kindOf('full', 'domain')).toMatchObject({ state: 'fresh', live: 221, gone: 1 });
  });
});
