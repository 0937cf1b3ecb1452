import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { type Prism, startPrism } from '../support/prism.ts';
import { type Answer, ask, jsonOf } from './simulatorClient.ts';

interface Page {
  links?: { pages?: { next?: string } };
}

const bastion = '/v2/droplets/412000105';
let simulator: Simulator;
let prism: Prism;

beforeAll(async () => {
  simulator = await startSimulator({ actionMilliseconds: 0 });
  prism = await startPrism(simulator.url);
}, 60_000);

afterAll(async () => {
  await prism.stop();
  await simulator.close();
});

/** Asks through prism, which answers a violation of the contract with a 5xx of its own and names it. */
async function judge(path: string, options: { method?: string; body?: unknown } = {}): Promise<Answer> {
  const answer = await ask(simulator, path, { ...options, base: prism.url });
  const violations = answer.headers.get('sl-violations') ?? '';
  expect({ path, violations, body: answer.status >= 500 ? answer.bytes.toString() : '' }).toEqual({
    path,
    violations: '',
    body: '',
  });
  return answer;
}

/** Every page of a list, by number; returns how many there were. */
async function judgeAllPages(path: string, perPage: number): Promise<number> {
  for (let page = 1; ; page += 1) {
    const query = `${path.includes('?') ? '&' : '?'}page=${page}&per_page=${perPage}`;
    const answer = await judge(`${path}${query}`);
    expect(answer.status).toBe(200);
    if (jsonOf<Page>(answer).links?.pages?.next === undefined) return page;
  }
}

describe('judged by the provider’s OpenAPI document', () => {
  it('every page of billing history and invoices keeps the contract', async () => {
    expect(await judgeAllPages('/v2/customers/my/billing_history', 20)).toBe(12);
    expect(await judgeAllPages('/v2/customers/my/billing_history', 200)).toBe(2);
    expect(await judgeAllPages('/v2/customers/my/invoices', 20)).toBe(7);
    expect((await judge('/v2/customers/my/balance')).status).toBe(200);
  });

  it('items, summary and CSV of all 137 invoices and the preview keep the contract', async () => {
    const uuids = simulator.state.account.invoices.map((invoice) => invoice.uuid);
    expect(uuids).toHaveLength(137);
    for (const uuid of [...uuids, 'preview']) {
      const path = `/v2/customers/my/invoices/${uuid}`;
      await judgeAllPages(path, 20);
      expect((await judge(`${path}/summary`)).status).toBe(200);
      const csv = await judge(`${path}/csv`);
      expect(csv.headers.get('content-disposition')).toMatch(/^attachment; filename="DigitalOcean Invoice /);
    }
  }, 60_000);

  it.each([
    '/v2/projects',
    '/v2/projects/default/resources',
    '/v2/droplets',
    '/v2/droplets?tag_name=pilot',
    '/v2/droplets?type=gpus',
    `${bastion}/backups`,
    '/v2/volumes',
    '/v2/reserved_ips',
    '/v2/load_balancers',
    '/v2/snapshots',
    '/v2/snapshots?resource_type=volume',
    '/v2/images',
    '/v2/images?private=true',
    '/v2/domains',
    '/v2/kubernetes/clusters',
    '/v2/apps',
    '/v2/apps?with_projects=true',
    '/v2/reserved_ipv6',
    '/v2/firewalls',
    '/v2/vpcs',
    '/v2/sizes',
    '/v2/regions',
    '/v2/tags',
  ])('every page of %s keeps the contract', async (path) => {
    await judgeAllPages(path, 1);
    await judgeAllPages(path, 20);
  });

  it('each single resource keeps the contract', async () => {
    const { account } = simulator.state;
    const paths = [
      '/v2/account',
      '/v2/databases',
      '/v2/registries',
      '/v2/functions/namespaces',
      '/v2/projects/default',
      ...account.projects.flatMap(({ id }) => [`/v2/projects/${id}`, `/v2/projects/${id}/resources`]),
      ...account.droplets.map(({ id }) => `/v2/droplets/${id}`),
      ...account.volumes.map(({ id }) => `/v2/volumes/${id}`),
      ...account.reservedIps.map(({ ip }) => `/v2/reserved_ips/${ip}`),
      ...account.loadBalancers.map(({ id }) => `/v2/load_balancers/${id}`),
      ...account.snapshots.map(({ id }) => `/v2/snapshots/${id}`),
      ...account.images.map(({ id }) => `/v2/images/${id}`),
      ...account.domains.map(({ name }) => `/v2/domains/${name}`),
      ...account.databases.map(({ id }) => `/v2/databases/${id}`),
      ...account.domains.map(({ name }) => `/v2/domains/${name}/records`),
      ...account.firewalls.map(({ id }) => `/v2/firewalls/${id}`),
      ...account.vpcs.map(({ id }) => `/v2/vpcs/${id}`),
      ...account.kubernetesClusters.map(({ id }) => `/v2/kubernetes/clusters/${id}`),
      ...account.tags.map(({ name }) => `/v2/tags/${name}`),
    ];
    for (const path of paths) expect((await judge(path)).status).toBe(200);
  });

  it('the bandwidth of every droplet keeps the contract, with readings and without', async () => {
    const now = Math.floor(Date.now() / 1000);
    for (const [start, end] of [
      [now - 7200, now],
      [0, 60],
    ]) {
      for (const { id } of simulator.state.account.droplets) {
        const query = `host_id=${id}&interface=public&direction=outbound&start=${start}&end=${end}`;
        expect((await judge(`/v2/monitoring/metrics/droplet/bandwidth?${query}`)).status).toBe(200);
      }
    }
  });

  it('writes and their actions keep the contract', async () => {
    const post = (path: string, body: object) => judge(path, { method: 'POST', body });
    for (const body of [
      { type: 'power_off' },
      { type: 'resize', size: 's-1vcpu-1gb', disk: true },
      { type: 'power_on' },
      { type: 'rename', name: 'ops-bastion-2' },
      { type: 'snapshot', name: 'contract' },
      { type: 'disable_backups' },
      { type: 'enable_backups' },
    ]) {
      const posted = await post(`${bastion}/actions`, body);
      expect(posted.status).toBe(201);
      const { action } = jsonOf<{ action: { id: number } }>(posted);
      await judge(`/v2/actions/${action.id}`);
    }
    await judge(`${bastion}/actions`);
    expect((await judge(bastion)).status).toBe(200);
    const image = 'ubuntu-24-04-x64';
    const created = await post('/v2/droplets', {
      name: 'fresh-1',
      size: 's-1vcpu-1gb',
      region: 'syd1',
      image,
    });
    expect(created.status).toBe(202);
    const { droplet } = jsonOf<{ droplet: { id: number } }>(created);
    expect((await post('/v2/tags', { name: 'env:test' })).status).toBe(201);
    const resources = [{ resource_id: String(droplet.id), resource_type: 'droplet' }];
    expect((await post('/v2/tags/env:test/resources', { resources })).status).toBe(204);
    expect((await judge(`/v2/droplets/${droplet.id}`, { method: 'DELETE' })).status).toBe(204);
  });

  it('what is made, changed and destroyed keeps the contract', async () => {
    const post = async (path: string, body: object) => {
      const answer = await judge(path, { method: 'POST', body });
      const [made] = Object.values(jsonOf<Record<string, { id: string | number }>>(answer));
      return { status: answer.status, id: made?.id };
    };
    const volume = await post('/v2/volumes', {
      name: 'contract',
      region: 'syd1',
      size_gigabytes: 10,
      tags: ['contract'],
    });
    expect(volume.status).toBe(201);
    const path = `/v2/volumes/${volume.id}`;
    for (const body of [
      { type: 'resize', size_gigabytes: 20, region: 'syd1' },
      { type: 'attach', droplet_id: 412000105, region: 'syd1' },
      { type: 'detach', droplet_id: 412000105, region: 'syd1' },
    ]) {
      const action = await post(`${path}/actions`, body);
      expect(action.status).toBe(202);
      await judge(`/v2/actions/${action.id}`);
    }
    await judge(`${path}/actions`);
    await judge('/v2/tags/contract');
    expect((await judge('/v2/volumes?name=contract&region=syd1')).status).toBe(200);
    const balancer = await post('/v2/load_balancers', {
      name: 'contract',
      region: 'syd1',
      forwarding_rules: [
        { entry_protocol: 'http', entry_port: 80, target_protocol: 'http', target_port: 8080 },
      ],
      droplet_ids: [412000105],
    });
    expect(balancer.status).toBe(202);
    const balancerPath = `/v2/load_balancers/${balancer.id}`;
    await judge(balancerPath);
    const records = '/v2/domains/arcadia.example/records';
    const made = await post(records, { type: 'A', name: 'contract', data: '192.0.2.9', ttl: 60 });
    expect(made.status).toBe(201);
    await judge(`${records}?name=contract.arcadia.example&type=A`);
    const recordPath = `${records}/${made.id}`;
    await judge(recordPath);
    const members = `/v2/firewalls/${simulator.state.account.firewalls[0]?.id}/droplets`;
    const body = { droplet_ids: [412000100] };
    expect((await judge(members, { method: 'POST', body })).status).toBe(204);
    await judge('/v2/firewalls');
    expect((await judge(members, { method: 'DELETE', body })).status).toBe(204);
    for (const gone of [path, balancerPath, recordPath]) {
      expect((await judge(gone, { method: 'DELETE' })).status).toBe(204);
      expect((await judge(gone, { method: 'DELETE' })).status).toBe(404);
    }
  });

  it('errors keep the contract', async () => {
    expect((await judge('/v2/droplets/1')).status).toBe(404);
    const refused = await judge(`${bastion}/actions`, { method: 'POST', body: { type: 'power_on' } });
    expect(refused.status).toBe(422);
    const attached = `/v2/volumes/${simulator.state.account.volumes[0]?.id}`;
    expect((await judge(attached, { method: 'DELETE' })).status).toBe(409);
    const anonymous = await fetch(`${prism.url}/v2/account`, { headers: { authorization: 'Bearer wrong' } });
    expect(anonymous.status).toBe(401);
    expect(anonymous.headers.get('sl-violations')).toBeNull();
    simulator.faults.add({ fault: { kind: 'rate_limit' } });
    expect((await judge('/v2/account')).status).toBe(429);
  });

  it('and the judge does see a violation', async () => {
    const [entry] = simulator.state.account.billingHistory;
    if (entry === undefined) throw new RangeError('the history is empty');
    entry.type = 'Gift';
    const answer = await ask(simulator, '/v2/customers/my/billing_history', { base: prism.url });
    entry.type = 'Invoice';
    expect(answer.status).toBe(500);
    expect(answer.bytes.toString()).toContain('prism/errors#VIOLATIONS');
  });
});
