import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Simulator } from '../../../dev/simulator/simulator.ts';
import { Decimal } from '../../../src/domain/money.ts';
import { type ResourceKind, resourceKinds } from '../../../src/domain/resourceKind.ts';
import type { ProviderOperations } from '../../../src/providers/provider.ts';
import { providerAt, rejectionOf } from './answeringServer.ts';
import { bastion, ended, startWorld } from './operationsWorld.ts';

let simulator: Simulator;
let operations: ProviderOperations;

beforeEach(async () => {
  ({ simulator, operations } = await startWorld());
});
afterEach(() => simulator.close());

const bastionNow = () => operations.read('droplet', bastion.externalId);

describe('sizes', () => {
  it('come from all pages, with exact prices', async () => {
    const sizes = await operations.sizes();
    expect(sizes).toHaveLength(simulator.state.account.sizes.length);
    expect(sizes.find(({ slug }) => slug === 's-1vcpu-2gb')).toEqual({
      slug: 's-1vcpu-2gb',
      vcpus: 1,
      memoryMib: 2048,
      diskGib: 50,
      priceMonthly: new Decimal(12),
      currency: 'USD',
      regions: expect.arrayContaining(['syd1']),
      isAvailable: true,
    });
  });
});

describe('reading one resource', () => {
  it.each(
    resourceKinds.filter((kind): kind is Exclude<ResourceKind, 'spaces_bucket'> => kind !== 'spaces_bucket'),
  )('of kind %s gives what the listing gives, and null for what is not there', async (kind) => {
    const listed = await providerAt(simulator.url, { token: simulator.token }).resources(kind);
    expect(listed.length).toBeGreaterThan(0);
    for (const resource of listed) expect(await operations.read(kind, resource.externalId)).toEqual(resource);
    expect(await operations.read(kind, absentIds[kind] ?? 'absent')).toBeNull();
  });

  it('finds a droplet with a GPU too', async () => {
    const droplet = simulator.state.account.droplets.find(({ id }) => String(id) === bastion.externalId);
    if (droplet === undefined) throw new RangeError('the account lacks the bastion');
    droplet.size_slug = 'gpu-h100x1-80gb';
    expect(await bastionNow()).toMatchObject({ sizeSlug: 'gpu-h100x1-80gb' });
  });

  it('asks nobody for an id that leads elsewhere', async () => {
    for (const [kind, id] of [
      ['droplet', '412000105/actions'],
      ['droplet', 'ops-bastion'],
      ['volume', '../droplets'],
      ['domain', '..'],
      ['domain', 'arcadia.example/records'],
      ['reserved_ip', '..'],
    ] as const) {
      expect(await rejectionOf(operations.read(kind, id))).toMatchObject({
        code: 'provider_rejected',
        retryable: false,
      });
    }
    expect(simulator.state.requests.entries).toEqual([]);
  });
});

/** Ids in the form of each kind that nothing has. */
const absentIds: Partial<Record<ResourceKind, string>> = {
  droplet: '1',
  backup: '1',
  domain: 'absent.example',
  reserved_ip: '192.0.2.250',
  reserved_ipv6: '2001:db8::ffff',
};

describe('actions of a droplet', () => {
  it('begin, are read until they end, and are listed newest first', async () => {
    for (const request of [
      { type: 'power_off' },
      { type: 'resize', size: 's-1vcpu-2gb', disk: false },
      { type: 'power_on' },
      { type: 'rename', name: 'ops-bastion-2' },
      { type: 'disable_backups' },
      { type: 'enable_backups' },
      { type: 'shutdown' },
    ] as const) {
      const begun = await operations.startAction(bastion, request);
      expect(begun).toMatchObject({ type: request.type, status: 'in_progress', startedAt: expect.any(Date) });
      expect((await ended(operations, begun)).status).toBe('completed');
    }
    expect((await operations.actions(bastion)).map(({ type, status }) => [type, status])).toEqual(
      ['shutdown', 'enable_backups', 'disable_backups', 'rename', 'power_on', 'resize', 'power_off'].map(
        (type) => [type, 'completed'],
      ),
    );
    expect(await bastionNow()).toMatchObject({
      name: 'ops-bastion-2',
      sizeSlug: 's-1vcpu-2gb',
      status: 'off',
      attributes: { disk: 10, memory: 2048, backups_enabled: true },
    });
  });

  it('are refused for good with the provider’s words where the droplet can’t do them', async () => {
    const resize = { type: 'resize', size: 's-1vcpu-2gb', disk: false } as const;
    expect(await rejectionOf(operations.startAction(bastion, resize))).toMatchObject({
      code: 'provider_rejected',
      retryable: false,
      message: expect.stringContaining('Droplet must be powered off before it can be resized.'),
    });
    expect(await operations.actions(bastion)).toEqual([]);
  });

  it('are refused for now while another one runs', async () => {
    simulator.state.settings.actionMilliseconds = 60_000;
    await operations.startAction(bastion, { type: 'power_off' });
    expect(await rejectionOf(operations.startAction(bastion, { type: 'power_on' }))).toMatchObject({
      code: 'provider_busy',
      retryable: true,
      message: expect.stringContaining('Droplet already has a pending event.'),
    });
    expect(await rejectionOf(operations.destroy('droplet', bastion.externalId))).toMatchObject({
      code: 'provider_busy',
      retryable: true,
    });
  });

  it('are not found where the droplet or the action isn’t there', async () => {
    const gone = { kind: 'droplet', externalId: '1' } as const;
    for (const ask of [
      () => operations.startAction(gone, { type: 'power_on' }),
      () => operations.actions(gone),
      () => operations.readAction('1'),
    ]) {
      expect(await rejectionOf(ask())).toMatchObject({ code: 'provider_not_found', retryable: false });
    }
  });

  it('and of a volume are not taken for one another', async () => {
    const grow = { type: 'resize', size_gigabytes: 50, region: 'syd1' } as const;
    expect(await rejectionOf(operations.startAction(bastion, grow))).toMatchObject({
      code: 'provider_rejected',
    });
    const rename = operations.startAction({ kind: 'volume', externalId: dataId() }, { type: 'power_off' });
    expect(await rejectionOf(rename)).toMatchObject({ code: 'provider_rejected' });
    expect(simulator.state.requests.entries).toEqual([]);
  });
});

function dataId(): string {
  return simulator.state.account.volumes[0]?.id ?? '';
}

describe('actions of a volume', () => {
  it('grow it, and never shrink it', async () => {
    const target = { kind: 'volume', externalId: dataId() } as const;
    const grow = await operations.startAction(target, {
      type: 'resize',
      size_gigabytes: 50,
      region: 'syd1',
    });
    expect(await ended(operations, grow)).toMatchObject({ type: 'resize', status: 'completed' });
    expect(await operations.read('volume', dataId())).toMatchObject({ attributes: { size_gigabytes: 50 } });
    const shrink = operations.startAction(target, { type: 'resize', size_gigabytes: 49, region: 'syd1' });
    expect(await rejectionOf(shrink)).toMatchObject({ code: 'provider_rejected', retryable: false });
  });

  it('detach and attach it, under the words that they were asked for with', async () => {
    const target = { kind: 'volume', externalId: dataId() } as const;
    const studio = String(simulator.state.account.volumes[0]?.droplet_ids[0]);
    const detach = { type: 'detach', droplet_id: studio, region: 'syd1' } as const;
    await ended(operations, await operations.startAction(target, detach));
    expect(await operations.read('droplet', studio)).toMatchObject({ attributes: { volume_ids: [] } });
    const attach = { type: 'attach', droplet_id: bastion.externalId, region: 'syd1' } as const;
    await ended(operations, await operations.startAction(target, attach));
    expect(await operations.read('volume', dataId())).toMatchObject({
      attributes: { droplet_ids: [bastion.externalId] },
    });
    expect(await bastionNow()).toMatchObject({ attributes: { volume_ids: [dataId()] } });
    expect((await operations.actions(target)).map(({ type }) => type)).toEqual(['attach', 'detach']);
  });
});

describe('tags', () => {
  it.each(['droplet', 'volume'] as const)('of a %s go on and off, any number of times', async (kind) => {
    const target = { kind, externalId: kind === 'droplet' ? bastion.externalId : dataId() };
    const tagsNow = async () => (await operations.read(kind, target.externalId))?.tags;
    const before = (await tagsNow()) ?? [];
    await operations.tag(target, ['pilot', 'team:new']);
    await operations.tag(target, ['pilot', 'team:new']);
    expect(await tagsNow()).toEqual([...before, 'pilot', 'team:new']);
    await operations.untag(target, ['team:new', 'nobody-made-this']);
    await operations.untag(target, ['team:new']);
    expect(await tagsNow()).toEqual([...before, 'pilot']);
  });

  it('can’t be put on what is gone, and need not be taken off it', async () => {
    const gone = { kind: 'droplet', externalId: '1' } as const;
    expect(await rejectionOf(operations.tag(gone, ['pilot']))).toMatchObject({ code: 'provider_not_found' });
    await expect(operations.untag(gone, ['pilot'])).resolves.toBeUndefined();
  });

  it('that the provider would not take are refused before it is asked', async () => {
    for (const tag of ['', 'a b', 'a/../b', 'x'.repeat(256)]) {
      expect(await rejectionOf(operations.tag(bastion, [tag]))).toMatchObject({ code: 'provider_rejected' });
    }
    expect(simulator.state.requests.entries).toEqual([]);
  });
});

describe('a firewall', () => {
  it('takes droplets in and lets them go, any number of times', async () => {
    const [firewall] = simulator.state.account.firewalls;
    const id = firewall?.id ?? '';
    const members = async () => (await operations.read('firewall', id))?.attributes['droplet_ids'];
    for (let time = 0; time < 2; time += 1) await operations.addToFirewall(id, ['412000100']);
    expect(await members()).toEqual([bastion.externalId, '412000100']);
    for (let time = 0; time < 2; time += 1) await operations.removeFromFirewall(id, [bastion.externalId]);
    expect(await members()).toEqual(['412000100']);
  });

  it('refuses a droplet that isn’t there, and is not found itself where it isn’t', async () => {
    const id = simulator.state.account.firewalls[0]?.id ?? '';
    expect(await rejectionOf(operations.addToFirewall(id, ['1']))).toMatchObject({
      code: 'provider_rejected',
    });
    const absent = '00000000-0000-4000-8000-000000000000';
    expect(await rejectionOf(operations.addToFirewall(absent, [bastion.externalId]))).toMatchObject({
      code: 'provider_not_found',
    });
  });
});
