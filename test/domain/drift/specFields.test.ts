import { describe, expect, it } from '@jest/globals';
import { fieldDrift } from '../../../src/domain/drift/compare.ts';
import type { LiveResource } from '../../../src/domain/drift/liveValues.ts';
import { adoptedSpec, isExpectedManaged } from '../../../src/domain/drift/specFields.ts';
import { type ResourceKind, resourceKinds } from '../../../src/domain/resourceKind.ts';
import { droplet, volume } from './liveResource.ts';

const clusterTag = 'k8s:bd5f5959-5e1e-4205-a714-a914373942af';

describe('the spec of a resource that is taken over as it is', () => {
  it('names what an operator decides of a droplet, and nothing that follows from it', () => {
    expect(adoptedSpec(droplet({}, { vcpus: 1, memory: 1024, public_ipv4: ['203.0.113.1'] }))).toEqual({
      name: 'web',
      region: 'syd1',
      size_slug: 's-1vcpu-1gb',
      image_id: 155133621,
      tags: ['web'],
      vpc_uuid: 'c33931f2-a26a-4e61-b85c-4e95a2ec431b',
      backups_enabled: false,
      volume_ids: [],
    });
  });

  it('leaves the nodes of a pool out, which come and go', () => {
    const pool = { name: 'web', size: 's-2vcpu-4gb', count: 2, auto_scale: false };
    const cluster: LiveResource = {
      ...droplet({ kind: 'kubernetes_cluster', tags: ['k8s'] }),
      attributes: { node_pools: [{ ...pool, id: 'p', droplet_ids: ['1', '2'] }] },
    };
    expect(adoptedSpec(cluster)['node_pools']).toEqual([pool]);
    const renewed = { ...cluster, attributes: { node_pools: [{ ...pool, id: 'q', droplet_ids: ['3'] }] } };
    expect(fieldDrift('kubernetes_cluster', adoptedSpec(cluster), renewed)).toEqual([]);
  });

  it('names the droplets of a load balancer only where no tag does', () => {
    const balancer = (tags: string[]) =>
      adoptedSpec({ ...droplet({ kind: 'load_balancer', tags }), attributes: { droplet_ids: ['1'] } });
    expect(balancer([])).toMatchObject({ droplet_ids: ['1'] });
    expect(balancer(['web'])).not.toHaveProperty('droplet_ids');
  });

  it.each(resourceKinds)('of the kind %s is no drift from what it was taken from', (kind) => {
    const live = { ...droplet({ kind }), attributes: { ...droplet().attributes, ...volume().attributes } };
    expect(Object.keys(adoptedSpec(live)).length).toBeGreaterThan(0);
    expect(fieldDrift(kind, adoptedSpec(live), live)).toEqual([]);
  });
});

describe('a resource that nobody recorded', () => {
  it.each<[ResourceKind, string[], boolean]>([
    ['droplet', [], false],
    ['droplet', ['web'], false],
    ['droplet', ['k8s', clusterTag, 'k8s:worker'], true],
    ['droplet', ['k8s'], false],
    ['droplet', ['k8s:blue'], false],
    ['volume', [clusterTag], true],
    ['volume', [], false],
    ['load_balancer', [clusterTag], false],
    ['kubernetes_cluster', ['k8s', clusterTag], false],
    ['database', [], false],
    ['snapshot', [], false],
    ['backup', [], true],
    ['vpc', [], true],
    ['firewall', [], true],
  ])('of the kind %s with the tags %j is accounted for elsewhere: %s', (kind, tags, expected) => {
    expect(isExpectedManaged(kind, { tags })).toBe(expected);
  });
});
