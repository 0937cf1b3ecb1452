import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Simulator } from '../../../dev/simulator/simulator.ts';
import type { NewResource, ProviderOperations } from '../../../src/providers/provider.ts';
import { rejectionOf } from './answeringServer.ts';
import {
  bastion,
  countOf,
  ended,
  everyKind,
  newDroplet,
  newLoadBalancer,
  newRecord,
  newVolume,
  startWorld,
} from './operationsWorld.ts';

let simulator: Simulator;
let operations: ProviderOperations;

beforeEach(async () => {
  ({ simulator, operations } = await startWorld());
});
afterEach(() => simulator.close());

async function madeOnce(wanted: NewResource): Promise<string> {
  const before = countOf(simulator, wanted.kind);
  const { externalId } = await operations.create(wanted);
  expect(countOf(simulator, wanted.kind)).toBe(before + 1);
  return externalId;
}

describe.each(everyKind.map((wanted) => [wanted.kind, wanted] as const))('a new %s', (kind, wanted) => {
  it('is found by its identity once it is made, and not before', async () => {
    expect(await operations.find(wanted)).toEqual([]);
    const externalId = await madeOnce(wanted);
    expect(await operations.find(wanted)).toEqual([{ externalId }]);
  });

  it('is gone once it is destroyed, and destroying it again is done already', async () => {
    const externalId = await madeOnce(wanted);
    if (kind === 'droplet') await droplet(externalId);
    await operations.destroy(kind, externalId);
    expect(await operations.find(wanted)).toEqual([]);
    await expect(operations.destroy(kind, externalId)).resolves.toBeUndefined();
  });
});

/** The droplet once its creation has ended. */
async function droplet(externalId: string) {
  const [creation] = await operations.actions({ kind: 'droplet', externalId });
  if (creation === undefined) throw new RangeError('the droplet has no action');
  expect(creation.type).toBe('create');
  await ended(operations, creation);
  return operations.read('droplet', externalId);
}

describe('a new droplet', () => {
  it('is as asked for, and wears its identity tag', async () => {
    const { externalId: volumeId } = await operations.create(newVolume);
    const { externalId } = await operations.create({
      ...newDroplet,
      backups: true,
      volumeIds: [volumeId],
      vpcUuid: '11111111-2222-4333-8444-555555555555',
      sshKeys: ['3b:16:bf:e4:8b:00:8b:b8:59:8c:a9:d3:f0:19:45:fa', '512189'],
      userData: '#cloud-config',
    });
    expect(await droplet(externalId)).toMatchObject({
      name: newDroplet.name,
      region: 'syd1',
      sizeSlug: 's-1vcpu-1gb',
      status: 'active',
      tags: [newDroplet.tag, 'customer'],
      attributes: {
        image_slug: 'ubuntu-24-04-x64',
        backups_enabled: true,
        volume_ids: [volumeId],
        vpc_uuid: '11111111-2222-4333-8444-555555555555',
      },
    });
    expect(await operations.read('volume', volumeId)).toMatchObject({
      attributes: { droplet_ids: [externalId] },
    });
  });

  it('made of a private image is asked for by its number', async () => {
    const image = simulator.state.account.images.find(({ type }) => type === 'snapshot');
    const { externalId } = await operations.create({ ...newDroplet, image: String(image?.id) });
    expect(await droplet(externalId)).toMatchObject({ attributes: { image_id: image?.id } });
  });

  it('is told from others of its name, and two of one identity are both found, the older first', async () => {
    const other = { ...newDroplet, tag: 'arcadia:another:app-1' };
    await operations.create(other);
    const first = await operations.create(newDroplet);
    const second = await operations.create(newDroplet);
    expect(await operations.find(newDroplet)).toEqual([first, second]);
  });

  it('with a GPU is found too, though lists by tag leave it out', async () => {
    const [size] = simulator.state.account.sizes;
    if (size === undefined) throw new RangeError('the account has no size');
    simulator.state.account.sizes.push({ ...size, slug: 'gpu-h100x1-80gb' });
    const wanted = { ...newDroplet, sizeSlug: 'gpu-h100x1-80gb' };
    const { externalId } = await operations.create(wanted);
    expect(await operations.find(wanted)).toEqual([{ externalId }]);
  });

  it('is refused for good where the provider can’t make it', async () => {
    const before = countOf(simulator, 'droplet');
    expect(await rejectionOf(operations.create({ ...newDroplet, sizeSlug: 'none' }))).toMatchObject({
      code: 'provider_rejected',
      retryable: false,
      message: expect.stringContaining('You specified an invalid size for Droplet creation.'),
    });
    expect(countOf(simulator, 'droplet')).toBe(before);
  });
});

describe('a new volume', () => {
  it('is as asked for', async () => {
    const { externalId } = await operations.create({
      ...newVolume,
      description: 'Pilot data',
      tags: ['data'],
    });
    expect(await operations.read('volume', externalId)).toMatchObject({
      name: newVolume.name,
      region: 'syd1',
      tags: [newVolume.tag, 'data'],
      attributes: {
        size_gigabytes: 25,
        description: 'Pilot data',
        filesystem_type: 'ext4',
        droplet_ids: [],
      },
    });
  });

  it('is not taken for one of its name that wears another identity', async () => {
    await operations.create({ ...newVolume, tag: 'arcadia:another:data-1' });
    expect(await operations.find(newVolume)).toEqual([]);
    expect(await rejectionOf(operations.create(newVolume))).toMatchObject({
      code: 'provider_rejected',
      message: expect.stringContaining('already exists'),
    });
  });

  it('is destroyed only once it is detached', async () => {
    const { externalId } = await operations.create(newVolume);
    const target = { kind: 'volume', externalId } as const;
    const membership = { droplet_id: bastion.externalId, region: 'syd1' } as const;
    await ended(operations, await operations.startAction(target, { type: 'attach', ...membership }));
    expect(await rejectionOf(operations.destroy('volume', externalId))).toMatchObject({
      code: 'provider_rejected',
      message: expect.stringContaining('Please detach it first'),
    });
    await ended(operations, await operations.startAction(target, { type: 'detach', ...membership }));
    await operations.destroy('volume', externalId);
    expect(await operations.read('volume', externalId)).toBeNull();
  });

  it('outlives its droplet, detached', async () => {
    const { externalId: volumeId } = await operations.create(newVolume);
    const { externalId } = await operations.create({ ...newDroplet, volumeIds: [volumeId] });
    await droplet(externalId);
    await operations.destroy('droplet', externalId);
    expect(await operations.read('volume', volumeId)).toMatchObject({ attributes: { droplet_ids: [] } });
  });
});

describe('a new load balancer', () => {
  it('is new without an address, then active with one, and serves its droplets', async () => {
    simulator.state.settings.actionMilliseconds = 60_000;
    const { externalId } = await operations.create(newLoadBalancer);
    expect(await operations.read('load_balancer', externalId)).toMatchObject({
      name: newLoadBalancer.name,
      status: 'new',
      region: 'syd1',
      attributes: {
        ip: null,
        size_unit: 1,
        droplet_ids: [bastion.externalId],
        forwarding_rules: [
          { entry_protocol: 'http', entry_port: 80, target_protocol: 'http', target_port: 8080 },
        ],
        health_check: { protocol: 'http', port: 8080, path: '/health' },
      },
    });
    simulator.state.transitions[0]?.dueAt.setTime(Date.now());
    expect(await operations.read('load_balancer', externalId)).toMatchObject({
      status: 'active',
      attributes: { ip: expect.stringMatching(/^198\.51\./) },
    });
  });

  it('is not taken for one of its name in another region', async () => {
    const { externalId } = await operations.create(newLoadBalancer);
    expect(await operations.find({ ...newLoadBalancer, region: 'fra1' })).toEqual([]);
    expect(await operations.find(newLoadBalancer)).toEqual([{ externalId }]);
  });
});

describe('a new record', () => {
  it('is known by domain and number', async () => {
    const { externalId } = await operations.create(newRecord);
    expect(externalId).toMatch(/^arcadia\.example\/\d+$/);
    expect(simulator.state.account.domainRecords.at(-1)).toMatchObject({
      domain: 'arcadia.example',
      type: 'A',
      name: 'pilot',
      data: '198.51.100.7',
      ttl: 300,
    });
  });

  it.each([
    { type: 'A', name: '@', data: '198.51.100.8' },
    { type: 'AAAA', name: 'pilot', data: '2001:db8::1' },
    { type: 'CNAME', name: 'www', data: 'pilot.arcadia.example' },
    { type: 'TXT', name: 'pilot', data: 'arcadia=1' },
  ] as const)('of type $type is found again', async (record) => {
    const wanted = { ...newRecord, ...record };
    const { externalId } = await operations.create(wanted);
    expect(await operations.find(wanted)).toEqual([{ externalId }]);
  });

  it('is not taken for one that points elsewhere, whoever made that', async () => {
    await operations.create({ ...newRecord, data: '203.0.113.9' });
    expect(await operations.find(newRecord)).toEqual([]);
  });

  it('needs a domain that is there', async () => {
    const wanted = { ...newRecord, domain: 'absent.example' };
    expect(await rejectionOf(operations.create(wanted))).toMatchObject({ code: 'provider_not_found' });
    expect(await rejectionOf(operations.destroy('domain_record', 'arcadia.example'))).toMatchObject({
      code: 'provider_rejected',
    });
  });
});
