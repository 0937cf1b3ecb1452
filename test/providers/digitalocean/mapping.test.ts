import { afterEach, describe, expect, it } from '@jest/globals';
import type { ResourceKind } from '../../../src/domain/resourceKind.ts';
import { memberOfUrn } from '../../../src/providers/digitalocean/mapping.ts';
import {
  type AnsweringServer,
  answerJson,
  providerAt,
  rejectionOf,
  startAnsweringServer,
} from './answeringServer.ts';

let server: AnsweringServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function listed(kind: ResourceKind, bodies: Readonly<Record<string, unknown>>) {
  server = await startAnsweringServer(answerJson(bodies));
  return providerAt(server.url).resources(kind);
}

const syd1 = { name: 'Sydney 1', slug: 'syd1', features: [], available: true, sizes: [] };

const droplet = {
  id: 3164444,
  name: 'web',
  memory: 1024,
  vcpus: 1,
  disk: 25,
  locked: false,
  status: 'active',
  created_at: '2026-03-20T01:02:03Z',
  features: ['backups'],
  backup_ids: [53893572],
  snapshot_ids: [],
  next_backup_window: null,
  image: { id: 7555620, slug: null, name: 'golden', public: false },
  volume_ids: ['506f78a4-e098-11e5-ad9f-000f53306ae1'],
  size: { slug: 's-1vcpu-1gb', price_monthly: 5.1, price_hourly: 0.00743999984115362 },
  size_slug: 's-1vcpu-1gb',
  networks: {
    v4: [
      { ip_address: '10.128.192.124', netmask: '255.255.0.0', gateway: 'nil', type: 'private' },
      { ip_address: '192.241.165.154', netmask: '255.255.255.0', gateway: '192.241.165.1', type: 'public' },
    ],
    v6: [],
  },
  region: syd1,
  tags: ['env:prod:a'],
  vpc_uuid: '760e09ef-dc84-11e8-981e-3cfdfeaae000',
};

const cluster = {
  id: 'bd5f5959-5e1e-4205-a714-a914373942af',
  name: 'labs',
  region: 'syd1',
  version: '1.31.1-do.0',
  vpc_uuid: 'c33931f2-a26a-4e61-b85c-4e95a2ec431b',
  tags: ['k8s'],
  auto_upgrade: true,
  surge_upgrade: false,
  ha: false,
  status: { state: 'running', message: '' },
  created_at: '2026-05-12T03:04:05Z',
  node_pools: [
    {
      id: 'cdda885e-7663-40c8-bc74-3a036c66545d',
      name: 'pool',
      size: 's-2vcpu-4gb',
      count: 2,
      tags: [],
      auto_scale: true,
      min_nodes: 1,
      max_nodes: 3,
      nodes: [{ id: 'a', droplet_id: '205545370' }, { id: 'b', droplet_id: '205545371' }, { id: 'c' }],
    },
  ],
};

const balancer = {
  id: '4de7ac8b-495b-4884-9a69-1050c6793cd6',
  name: 'edge',
  ip: '104.131.186.241',
  size: 'lb-small',
  size_unit: 1,
  status: 'active',
  created_at: '2026-05-12T03:04:05Z',
  forwarding_rules: [
    {
      entry_protocol: 'https',
      entry_port: 443,
      target_protocol: 'http',
      target_port: 80,
      certificate_id: '',
    },
  ],
  droplet_ids: [3164444],
};

describe('a resource in our words', () => {
  it('is a droplet with its list price, exact, and only its public addresses', async () => {
    const [found] = await listed('droplet', { '/v2/droplets': { droplets: [droplet], meta: { total: 1 } } });
    expect({ ...found, priceMonthly: found?.priceMonthly?.toString() }).toEqual({
      kind: 'droplet',
      externalId: '3164444',
      name: 'web',
      region: 'syd1',
      sizeSlug: 's-1vcpu-1gb',
      status: 'active',
      createdAt: new Date('2026-03-20T01:02:03Z'),
      tags: ['env:prod:a'],
      priceMonthly: '5.1',
      currency: 'USD',
      attributes: {
        vcpus: 1,
        memory: 1024,
        disk: 25,
        locked: false,
        image_id: 7555620,
        image_slug: null,
        image_name: 'golden',
        vpc_uuid: '760e09ef-dc84-11e8-981e-3cfdfeaae000',
        backups_enabled: true,
        features: ['backups'],
        volume_ids: ['506f78a4-e098-11e5-ad9f-000f53306ae1'],
        snapshot_ids: [],
        backup_ids: ['53893572'],
        public_ipv4: ['192.241.165.154'],
        public_ipv6: [],
      },
    });
  });

  it('is a droplet once, from a server that knows no GPU type', async () => {
    const found = await listed('droplet', { '/v2/droplets': { droplets: [droplet], meta: { total: 1 } } });
    expect(found).toHaveLength(1);
    expect(server?.requests.map(({ url }) => url)).toEqual([
      '/v2/droplets?page=1&per_page=200&type=droplets',
      '/v2/droplets?page=1&per_page=200&type=gpus',
    ]);
  });

  it('is a cluster with the droplets of its nodes', async () => {
    const found = await listed('kubernetes_cluster', {
      '/v2/kubernetes/clusters': { kubernetes_clusters: [cluster], meta: { total: 1 } },
    });
    expect(found).toMatchObject([
      {
        externalId: cluster.id,
        status: 'running',
        attributes: {
          version: '1.31.1-do.0',
          node_pools: [
            {
              count: 2,
              auto_scale: true,
              min_nodes: 1,
              max_nodes: 3,
              droplet_ids: ['205545370', '205545371'],
            },
          ],
        },
      },
    ]);
  });

  it('is a load balancer, a global one without a region too', async () => {
    const found = await listed('load_balancer', {
      '/v2/load_balancers': {
        load_balancers: [
          { ...balancer, region: syd1 },
          { ...balancer, id: 'global', region: null },
        ],
        meta: { total: 2 },
      },
    });
    expect(found.map((one) => one.region)).toEqual(['syd1', null]);
    expect(found[0]).toMatchObject({
      sizeSlug: 'lb-small',
      attributes: { size_unit: 1, droplet_ids: ['3164444'] },
    });
  });

  it('is a reserved IP under its address, assigned or not', async () => {
    const found = await listed('reserved_ip', {
      '/v2/reserved_ips': {
        reserved_ips: [
          { ip: '192.0.2.10', region: syd1, droplet: { id: 7 }, locked: false },
          { ip: '192.0.2.11', region: syd1, droplet: null, locked: false },
        ],
        meta: { total: 2 },
      },
    });
    expect(
      found.map(({ externalId, name, status, attributes }) => [
        externalId,
        name,
        status,
        attributes['droplet_id'],
      ]),
    ).toEqual([
      ['192.0.2.10', '192.0.2.10', 'assigned', '7'],
      ['192.0.2.11', '192.0.2.11', 'unassigned', null],
    ]);
  });

  it('is a domain without its zone file, which changes by itself', async () => {
    const domains = [{ name: 'example.com', ttl: 1800, zone_file: '$ORIGIN example.com.' }];
    const found = await listed('domain', { '/v2/domains': { domains, meta: { total: 1 } } });
    expect(found).toMatchObject([{ externalId: 'example.com', attributes: { ttl: 1800 } }]);
    expect(JSON.stringify(found)).not.toContain('$ORIGIN');
  });

  it('is refused where a field has another type, and the field is named', async () => {
    const bodies = { '/v2/droplets': { droplets: [{ ...droplet, id: 'x' }], meta: { total: 1 } } };
    expect(await rejectionOf(listed('droplet', bodies))).toMatchObject({
      code: 'provider_bad_answer',
      message: expect.stringContaining('droplets.0.id'),
    });
  });
});

describe('a member of a project', () => {
  it.each([
    ['do:droplet:13457723', { kind: 'droplet', externalId: '13457723' }],
    ['do:volume:506f78a4-e098', { kind: 'volume', externalId: '506f78a4-e098' }],
    ['do:floatingip:192.0.2.10', { kind: 'reserved_ip', externalId: '192.0.2.10' }],
    ['do:reservedip:192.0.2.10', { kind: 'reserved_ip', externalId: '192.0.2.10' }],
    ['do:loadbalancer:4de7ac8b', { kind: 'load_balancer', externalId: '4de7ac8b' }],
    ['do:dbaas:9cc10173', { kind: 'database', externalId: '9cc10173' }],
    ['do:kubernetes:bd5f5959', { kind: 'kubernetes_cluster', externalId: 'bd5f5959' }],
    ['do:domain:example.com', { kind: 'domain', externalId: 'example.com' }],
    ['do:space:media-assets', { kind: 'spaces_bucket', externalId: 'media-assets' }],
    ['do:vpc:760e09ef', { kind: 'vpc', externalId: '760e09ef' }],
    ['do:app:760e09ef', { kind: 'app', externalId: '760e09ef' }],
    ['do:reservedipv6:2001:db8::1', { kind: 'reserved_ipv6', externalId: '2001:db8::1' }],
    ['do:cdn:760e09ef', null],
    ['do:droplet:', null],
    ['droplet:1', null],
  ])('%s is %j', (urn, member) => {
    expect(memberOfUrn(urn)).toEqual(member);
  });
});
