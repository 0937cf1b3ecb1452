import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { ask, jsonOf } from './simulatorClient.ts';

const bastion = '/v2/droplets/412000105';
let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator({ actionMilliseconds: 0 });
});
afterEach(() => simulator.close());

async function send(method: string, path: string, body?: object) {
  const answer = await ask(simulator, path, { method, body });
  const text = answer.bytes.toString();
  const json: Record<string, Record<string, unknown>> = text === '' ? {} : JSON.parse(text);
  return { status: answer.status, json };
}
const post = (path: string, body: object) => send('POST', path, body);
async function entryAt(path: string, key: string): Promise<Record<string, unknown>> {
  return (await send('GET', path)).json[key] ?? {};
}
async function listAt(path: string, key: string): Promise<{ readonly [field: string]: unknown }[]> {
  return (
    jsonOf<Record<string, { readonly [field: string]: unknown }[]>>(await ask(simulator, path))[key] ?? []
  );
}

describe('volumes', () => {
  const wanted = { name: 'scratch', region: 'syd1', size_gigabytes: 10, tags: ['t:1'] };
  async function made(): Promise<string> {
    const { status, json } = await post('/v2/volumes', wanted);
    expect(status).toBe(201);
    return String(json['volume']?.['id']);
  }

  it('are made, listed by name and region, and destroyed', async () => {
    const id = await made();
    const listed = async (query: string) =>
      (await listAt(`/v2/volumes?${query}`, 'volumes')).map((volume) => volume['id']);
    expect(await listed('name=scratch')).toEqual([id]);
    expect(await listed('name=scratch&region=syd1')).toEqual([id]);
    expect(await listed('name=scratch&region=fra1')).toEqual([]);
    expect(await listAt('/v2/projects/default/resources?per_page=200', 'resources')).toContainEqual(
      expect.objectContaining({ urn: `do:volume:${id}` }),
    );
    expect((await send('DELETE', `/v2/volumes/${id}`)).status).toBe(204);
    expect((await send('DELETE', `/v2/volumes/${id}`)).status).toBe(404);
  });

  it('have names of their own in their region, in lower case, and a possible size', async () => {
    await made();
    expect((await post('/v2/volumes', wanted)).status).toBe(409);
    for (const wrong of [
      { name: 'Scratch' },
      { region: 'x' },
      { size_gigabytes: 0 },
      { size_gigabytes: 16385 },
    ]) {
      expect((await post('/v2/volumes', { ...wanted, name: 'other', ...wrong })).status).toBe(422);
    }
    expect((await post('/v2/volumes', { ...wanted, region: 'fra1' })).status).toBe(201);
  });

  it('grow, and refuse everything else', async () => {
    const path = `/v2/volumes/${await made()}`;
    const grown = await post(`${path}/actions`, { type: 'resize', size_gigabytes: 20, region: 'syd1' });
    expect(grown.status).toBe(202);
    expect(grown.json['action']).toMatchObject({ type: 'resize_volume', resource_type: 'volume' });
    expect(await entryAt(path, 'volume')).toMatchObject({ size_gigabytes: 20 });
    for (const wrong of [
      { type: 'resize', size_gigabytes: 20 },
      { type: 'resize', size_gigabytes: 19 },
      { type: 'resize', size_gigabytes: 30, region: 'fra1' },
      { type: 'resize' },
      { type: 'detach', droplet_id: 412000105 },
      { type: 'explode' },
    ]) {
      expect((await post(`${path}/actions`, wrong)).status).toBe(422);
    }
    expect(await entryAt(path, 'volume')).toMatchObject({ size_gigabytes: 20 });
  });

  it('do one thing at a time', async () => {
    const path = `/v2/volumes/${await made()}`;
    simulator.state.settings.actionMilliseconds = 60_000;
    await post(`${path}/actions`, { type: 'resize', size_gigabytes: 20 });
    const second = await post(`${path}/actions`, { type: 'resize', size_gigabytes: 30 });
    expect(second).toMatchObject({
      status: 422,
      json: { message: expect.stringContaining('pending event') },
    });
    expect(await entryAt(path, 'volume')).toMatchObject({ size_gigabytes: 10 });
  });

  it('are attached to one droplet of their region, and not destroyed until they are detached', async () => {
    const id = await made();
    const path = `/v2/volumes/${id}`;
    const attach = { type: 'attach', droplet_id: 412000105, region: 'syd1' };
    expect((await post(`${path}/actions`, attach)).status).toBe(202);
    expect(await entryAt(bastion, 'droplet')).toMatchObject({ volume_ids: [id] });
    expect((await post(`${path}/actions`, { ...attach, droplet_id: 412000100 })).status).toBe(422);
    expect(await send('DELETE', path)).toMatchObject({ status: 409, json: { id: 'conflict' } });
    expect((await post(`${path}/actions`, { ...attach, type: 'detach' })).status).toBe(202);
    expect(await entryAt(bastion, 'droplet')).toMatchObject({ volume_ids: [] });
    expect((await listAt(`${path}/actions`, 'actions')).map((action) => action['type'])).toEqual([
      'detach_volume',
      'attach_volume',
    ]);
    expect((await send('DELETE', path)).status).toBe(204);
  });
});

describe('a droplet', () => {
  const wanted = { name: 'fresh-1', size: 's-1vcpu-1gb', region: 'syd1', image: 'ubuntu-24-04-x64' };

  it('starts with free volumes of its region, backups and a VPC where asked', async () => {
    const volume = await post('/v2/volumes', { name: 'data', region: 'syd1', size_gigabytes: 10 });
    const id = volume.json['volume']?.['id'];
    const body = { ...wanted, volumes: [id], backups: true, vpc_uuid: 'a-vpc' };
    expect((await post('/v2/droplets', body)).json['droplet']).toMatchObject({
      volume_ids: [id],
      vpc_uuid: 'a-vpc',
      features: expect.arrayContaining(['backups']),
    });
    const before = simulator.state.account.droplets.length;
    for (const volumes of [[id], ['none'], 'none']) {
      expect((await post('/v2/droplets', { ...wanted, volumes })).status).toBe(422);
    }
    expect(simulator.state.account.droplets).toHaveLength(before);
  });

  it('is not destroyed while something is done to it', async () => {
    simulator.state.settings.actionMilliseconds = 60_000;
    await post(`${bastion}/actions`, { type: 'power_off' });
    expect(await send('DELETE', bastion)).toMatchObject({
      status: 422,
      json: { message: 'Droplet already has a pending event.' },
    });
    simulator.state.actions[0]?.dueAt?.setTime(Date.now());
    expect((await send('DELETE', bastion)).status).toBe(204);
  });

  it('leaves nothing behind that names it', async () => {
    const { account } = simulator.state;
    for (const droplet of account.droplets.slice()) await send('DELETE', `/v2/droplets/${droplet.id}`);
    const members = [account.volumes, account.firewalls, account.loadBalancers].flat();
    expect(members.flatMap((entry) => entry.droplet_ids)).toEqual([]);
    const addresses = [...account.reservedIps, ...account.reservedIpv6s];
    expect(addresses.filter(({ dropletId }) => dropletId !== null)).toEqual([]);
  });
});

describe('load balancers', () => {
  const wanted = {
    name: 'edge-2',
    region: 'syd1',
    forwarding_rules: [{ entry_protocol: 'tcp', entry_port: 22, target_protocol: 'tcp', target_port: 22 }],
    droplet_ids: [412000105],
  };

  it('are new without an address, then active with one, and are gone once destroyed', async () => {
    const { status, json } = await post('/v2/load_balancers', wanted);
    expect(status).toBe(202);
    expect(json['load_balancer']).toMatchObject({ status: 'new', ip: '', droplet_ids: [412000105] });
    const path = `/v2/load_balancers/${String(json['load_balancer']?.['id'])}`;
    expect(await entryAt(path, 'load_balancer')).toMatchObject({
      status: 'active',
      ip: expect.stringMatching(/^198\.51\.\d+\.\d+$/),
    });
    expect((await send('DELETE', path)).status).toBe(204);
    expect((await send('GET', path)).status).toBe(404);
    expect((await send('DELETE', path)).status).toBe(404);
  });

  it('are refused without a name, a rule, a region, or with a droplet of elsewhere', async () => {
    for (const wrong of [{ name: '' }, { forwarding_rules: [] }, { region: 'x' }, { droplet_ids: [1] }]) {
      expect((await post('/v2/load_balancers', { ...wanted, ...wrong })).status).toBe(422);
    }
  });

  it.each([
    ['action_errors', 'errored'],
    ['action_hangs', 'new'],
  ] as const)('end under %s as %s', async (kind, status) => {
    simulator.faults.add({ match: { path: '/load_balancers$' }, fault: { kind } });
    const { json } = await post('/v2/load_balancers', wanted);
    const id = String(json['load_balancer']?.['id']);
    expect(await entryAt(`/v2/load_balancers/${id}`, 'load_balancer')).toMatchObject({ status });
  });
});

describe('records of a domain', () => {
  const records = '/v2/domains/arcadia.example/records';

  it('are made, listed by full name and type, and destroyed', async () => {
    const made = await post(records, { type: 'A', name: 'www', data: '192.0.2.9', ttl: 60 });
    expect(made.status).toBe(201);
    await post(records, { type: 'CNAME', name: 'alias', data: 'www.arcadia.example.' });
    const listed = async (query: string) =>
      (await listAt(`${records}?${query}`, 'domain_records')).map((record) => record['data']);
    expect(await listed('name=www.arcadia.example')).toEqual(['192.0.2.9']);
    expect(await listed('name=www.arcadia.example&type=AAAA')).toEqual([]);
    expect(await listed('type=CNAME')).toEqual(['www.arcadia.example']);
    expect(await listed('name=arcadia.example')).toHaveLength(3);
    const path = `${records}/${String(made.json['domain_record']?.['id'])}`;
    expect(await entryAt(path, 'domain_record')).toMatchObject({ name: 'www', ttl: 60 });
    const elsewhere = path.replace('arcadia.example', 'labs.arcadia.example');
    expect((await send('DELETE', elsewhere)).status).toBe(404);
    expect((await send('DELETE', path)).status).toBe(204);
    expect((await send('DELETE', path)).status).toBe(404);
  });

  it('are refused without a name or data, of an unknown type, or where a name lacks its final dot', async () => {
    const good = { type: 'A', name: 'www', data: '192.0.2.9' };
    for (const wrong of [{ name: '' }, { data: '' }, { type: 'B' }, { type: 'CNAME', data: 'a.example' }]) {
      expect((await post(records, { ...good, ...wrong })).status).toBe(422);
    }
    expect((await post('/v2/domains/absent.example/records', good)).status).toBe(404);
  });
});

describe('a firewall', () => {
  it('lists its droplets at once, and has succeeded a while later', async () => {
    simulator.state.settings.actionMilliseconds = 60_000;
    const path = `/v2/firewalls/${simulator.state.account.firewalls[0]?.id}`;
    const body = { droplet_ids: [412000100] };
    expect((await post(`${path}/droplets`, body)).status).toBe(204);
    expect(await entryAt(path, 'firewall')).toMatchObject({
      status: 'waiting',
      droplet_ids: [412000105, 412000100],
      pending_changes: [{ droplet_id: 412000100, removing: false }],
    });
    simulator.state.transitions[0]?.dueAt.setTime(Date.now());
    expect(await entryAt(path, 'firewall')).toMatchObject({ status: 'succeeded', pending_changes: [] });
    expect((await send('DELETE', `${path}/droplets`, body)).status).toBe(204);
    expect(await entryAt(path, 'firewall')).toMatchObject({ droplet_ids: [412000105] });
    expect((await post(`${path}/droplets`, { droplet_ids: [1] })).status).toBe(422);
    expect((await post('/v2/firewalls/none/droplets', body)).status).toBe(404);
  });
});

describe('tags', () => {
  it('are put on volumes and counted with the droplets’', async () => {
    const id = simulator.state.account.volumes[0]?.id;
    const body = { resources: [{ resource_id: id, resource_type: 'volume' }] };
    expect((await post('/v2/tags/pilot/resources', body)).status).toBe(204);
    expect(await entryAt(`/v2/volumes/${id}`, 'volume')).toMatchObject({ tags: ['pilot'] });
    expect(await entryAt('/v2/tags/pilot', 'tag')).toMatchObject({
      resources: { count: 6, droplets: { count: 5 }, volumes: { count: 1 } },
    });
    expect((await send('DELETE', '/v2/tags/pilot/resources', body)).status).toBe(204);
    expect(await entryAt(`/v2/volumes/${id}`, 'volume')).toMatchObject({ tags: [] });
  });

  it('are put on all the resources named or on none', async () => {
    const resources = [
      { resource_id: '412000105', resource_type: 'droplet' },
      { resource_id: 'none', resource_type: 'volume' },
    ];
    expect((await post('/v2/tags/pilot/resources', { resources })).status).toBe(404);
    expect(await entryAt(bastion, 'droplet')).toMatchObject({ tags: [] });
  });
});
