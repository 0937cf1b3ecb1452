import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { addDroplet, buildDroplet } from '../../../dev/simulator/droplets.ts';
import { type Simulator, startSimulator } from '../../../dev/simulator/simulator.ts';
import { chargedKinds, contextKinds, resourceKinds } from '../../../src/domain/resourceKind.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import { providerAt } from './answeringServer.ts';

let simulator: Simulator;
let provider: Provider;

beforeEach(async () => {
  simulator = await startSimulator();
  provider = providerAt(simulator.url, { token: simulator.token });
});
afterEach(() => simulator.close());

describe('the network', () => {
  it('has reserved IPv6 addresses that are their own ids, assigned or not', async () => {
    expect(await provider.resources('reserved_ipv6')).toMatchObject([
      {
        kind: 'reserved_ipv6',
        externalId: '2001:db8::10',
        name: '2001:db8::10',
        region: 'syd1',
        status: 'assigned',
        attributes: { droplet_id: '412000105' },
      },
      { externalId: '2001:db8::11', status: 'unassigned', attributes: { droplet_id: null } },
    ]);
  });

  it('has firewalls with their rules and the droplets behind them', async () => {
    expect(await provider.resources('firewall')).toMatchObject([
      {
        kind: 'firewall',
        name: 'bastion-only-ssh',
        status: 'succeeded',
        attributes: {
          droplet_ids: ['412000105'],
          inbound_rules: [
            { protocol: 'tcp', ports: '22', sources: { addresses: ['192.0.2.0/24'], tags: [] } },
          ],
          outbound_rules: [
            { protocol: 'tcp', ports: 'all', destinations: { addresses: ['0.0.0.0/0', '::/0'] } },
          ],
        },
      },
    ]);
  });

  it('has the VPC that the droplets name', async () => {
    const [vpc] = await provider.resources('vpc');
    expect(vpc).toMatchObject({
      kind: 'vpc',
      name: 'default-syd1',
      region: 'syd1',
      attributes: { default: true },
    });
    const droplets = await provider.resources('droplet');
    expect(new Set(droplets.map(({ attributes }) => attributes['vpc_uuid']))).toEqual(
      new Set([vpc?.externalId]),
    );
  });

  it('lists every page of each', async () => {
    const { firewalls, vpcs, reservedIpv6s } = simulator.state.account;
    for (let index = 0; index < 250; index += 1) {
      firewalls.push({
        id: `firewall-${index}`,
        name: `firewall-${index}`,
        status: 'succeeded',
        pending_changes: [],
        droplet_ids: [],
        tags: [],
      });
      vpcs.push({ id: `vpc-${index}`, name: `vpc-${index}` });
      reservedIpv6s.push({
        ip: `2001:db8:1::${index.toString(16)}`,
        regionSlug: 'syd1',
        reservedAt: '2026-05-01T00:00:00Z',
        dropletId: null,
      });
    }
    expect(await provider.resources('firewall')).toHaveLength(251);
    expect(await provider.resources('vpc')).toHaveLength(251);
    expect(await provider.resources('reserved_ipv6')).toHaveLength(252);
  });
});

describe('kinds that are context alone', () => {
  it('are charged for by no line', () => {
    expect(contextKinds).toEqual(['firewall', 'vpc']);
    for (const kind of resourceKinds) {
      expect(chargedKinds(kind).length > 0).toBe(!['firewall', 'vpc'].includes(kind));
    }
  });
});

describe('droplets with a GPU', () => {
  it('come by a second list, once each, beside those without', async () => {
    const { account } = simulator.state;
    const size = account.sizes.find(({ slug }) => slug.startsWith('gpu-'));
    const [region] = account.regions;
    const [image] = account.images;
    if (!size || !region || !image) throw new Error('the account lacks a GPU size, a region or an image');
    const createdAt = '2026-05-20T00:00:00Z';
    addDroplet(
      account,
      buildDroplet({
        id: 412_900_001,
        name: 'train-1',
        size,
        region,
        image,
        createdAt,
        status: 'active',
        tags: [],
      }),
    );
    const droplets = await provider.resources('droplet');
    expect(droplets).toHaveLength(11);
    expect(droplets.filter(({ name }) => name === 'train-1')).toMatchObject([
      { kind: 'droplet', externalId: '412900001', sizeSlug: 'gpu-4000adax1-20gb' },
    ]);
    const lists = simulator.state.requests.entries.filter(({ path }) => path === '/v2/droplets');
    expect(lists.map(({ query }) => new URLSearchParams(query).get('type'))).toEqual(['droplets', 'gpus']);
  });
});
