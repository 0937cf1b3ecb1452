import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ListBucketsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { ask, jsonOf, readAll } from './simulatorClient.ts';

interface DropletBody {
  droplet: {
    id: number;
    name: string;
    status: string;
    size_slug: string;
    disk: number;
    memory: number;
    locked: boolean;
    features: string[];
    snapshot_ids: number[];
    tags: string[];
  };
}
interface ActionBody {
  action: { id: number; status: string; type: string; completed_at: string | null };
}
interface ListBody {
  links: { pages?: Record<string, string> };
  meta: { total: number };
}

const bastion = '/v2/droplets/412000105';
let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator({ actionMilliseconds: 40 });
});
afterEach(() => simulator.close());

async function act(path: string, body: object): Promise<ActionBody['action']> {
  const answer = await ask(simulator, `${path}/actions`, { method: 'POST', body });
  expect(answer.status).toBe(201);
  return jsonOf<ActionBody>(answer).action;
}

async function finish(path: string, body: object): Promise<void> {
  const { id } = await act(path, body);
  expect((await actionEnd(id)).status).toBe('completed');
}

/** The action as it is once it is no longer in progress. */
async function actionEnd(id: number | undefined): Promise<ActionBody['action']> {
  for (;;) {
    const { action } = jsonOf<ActionBody>(await ask(simulator, `/v2/actions/${id}`));
    if (action.status !== 'in-progress') return action;
    await sleep(10);
  }
}

async function dropletAt(path: string): Promise<DropletBody['droplet']> {
  return jsonOf<DropletBody>(await ask(simulator, path)).droplet;
}

describe('every answer', () => {
  it('is 401 without the right token, in the form of the provider', async () => {
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: simulator.token }]) {
      const response = await fetch(`${simulator.url}/v2/droplets`, { headers });
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ id: 'unauthorized', message: expect.any(String) });
    }
  });

  it('is 404 not_found for what is not there', async () => {
    for (const path of [
      '/v2/nothing',
      '/v2/droplets/1',
      '/v2/droplets/abc',
      '/v2/volumes/00000000-0000-4000-8000-000000000000',
      '/v2/customers/my/invoices/unknown/csv',
      '/v2/projects/unknown/resources',
      '/v2/actions/1',
    ]) {
      const answer = await ask(simulator, path);
      expect(answer.status).toBe(404);
      expect(jsonOf<{ id: string }>(answer).id).toBe('not_found');
    }
  });

  it('counts down the quota in its headers', async () => {
    const first = await ask(simulator, '/v2/account');
    const second = await ask(simulator, '/v2/account');
    expect(first.headers.get('ratelimit-limit')).toBe('5000');
    expect(first.headers.get('ratelimit-remaining')).toBe('4999');
    expect(second.headers.get('ratelimit-remaining')).toBe('4998');
    expect(Number(first.headers.get('ratelimit-reset'))).toBeGreaterThan(Date.now() / 1000);
  });

  it('is 400 for a body that is not JSON', async () => {
    const response = await fetch(`${simulator.url}/v2/droplets`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"name":',
    });
    expect(response.status).toBe(400);
  });
});

describe('paging', () => {
  it('gives 20 entries unless asked, with links on the production host', async () => {
    const answer = jsonOf<ListBody & { billing_history: unknown[] }>(
      await ask(simulator, '/v2/customers/my/billing_history?page=2'),
    );
    expect(answer.billing_history).toHaveLength(20);
    expect(answer.meta.total).toBe(240);
    const base = 'https://api.digitalocean.com/v2/customers/my/billing_history';
    expect(answer.links.pages).toEqual({
      first: `${base}?page=1&per_page=20`,
      prev: `${base}?page=1&per_page=20`,
      next: `${base}?page=3&per_page=20`,
      last: `${base}?page=12&per_page=20`,
    });
  });

  it('has no links where one page holds all, and an empty page after the last', async () => {
    const one = jsonOf<ListBody>(await ask(simulator, '/v2/droplets?per_page=10'));
    expect(one.links).toEqual({});
    const after = jsonOf<ListBody & { droplets: unknown[] }>(await ask(simulator, '/v2/droplets?page=9'));
    expect(after.droplets).toEqual([]);
    expect(after.meta.total).toBe(10);
  });

  it('refuses a page size outside of 1 to 200, and a page that is no number', async () => {
    for (const query of ['per_page=201', 'per_page=0', 'per_page=-1', 'per_page=x', 'page=0', 'page=1.5']) {
      const answer = await ask(simulator, `/v2/droplets?${query}`);
      expect(answer.status).toBe(422);
      expect(jsonOf<{ id: string }>(answer).id).toBe('unprocessable_entity');
    }
    expect((await ask(simulator, '/v2/droplets?per_page=200')).status).toBe(200);
  });

  it('needs two pages of twenty for the sizes', async () => {
    const sizes = await readAll<{ slug: string }>(simulator, '/v2/sizes', 'sizes', 20);
    expect(sizes.length).toBeGreaterThan(20);
  });
});

describe('lists', () => {
  it('filter droplets by tag, name and type', async () => {
    const count = async (query: string) =>
      jsonOf<{ droplets: unknown[] }>(await ask(simulator, `/v2/droplets?${query}`)).droplets.length;
    expect(await count('tag_name=pilot')).toBe(5);
    expect(await count('name=ops-bastion')).toBe(1);
    expect(await count('type=gpus')).toBe(0);
  });

  it('show backups as private images and beside their droplet', async () => {
    const { images } = jsonOf<{ images: { id: number; type: string; public: boolean }[] }>(
      await ask(simulator, '/v2/images?private=true'),
    );
    expect(images.map(({ type }) => type)).toEqual(['snapshot', 'backup']);
    const { backups } = jsonOf<{ backups: { id: number }[] }>(await ask(simulator, `${bastion}/backups`));
    expect(backups.map(({ id }) => id)).toEqual([images[1]?.id]);
  });

  it('show databases with their passwords, which a client has to drop', async () => {
    const { bytes } = await ask(simulator, '/v2/databases');
    expect(bytes.toString()).toContain('simulated-db-password');
  });

  it('show a whole droplet behind an assigned reserved IP, and null behind a free one', async () => {
    const { reserved_ips: ips } = jsonOf<{ reserved_ips: { droplet: { name: string } | null }[] }>(
      await ask(simulator, '/v2/reserved_ips'),
    );
    expect(ips.map(({ droplet }) => droplet?.name ?? null)).toEqual(['ops-bastion', null]);
  });
});

describe('droplet actions', () => {
  it('stay in progress for their time, lock the droplet, then complete', async () => {
    simulator.state.settings.actionMilliseconds = 60_000;
    const action = await act(bastion, { type: 'power_off' });
    expect(action).toMatchObject({ status: 'in-progress', type: 'power_off', completed_at: null });
    expect(await dropletAt(bastion)).toMatchObject({ locked: true, status: 'active' });
    const second = await ask(simulator, `${bastion}/actions`, { method: 'POST', body: { type: 'power_on' } });
    expect(second.status).toBe(422);
    const early = jsonOf<ActionBody>(await ask(simulator, `/v2/actions/${action.id}`)).action;
    expect(early.status).toBe('in-progress');
    simulator.state.actions[0]?.dueAt?.setTime(Date.now());
    const done = await actionEnd(action.id);
    expect(done.status).toBe('completed');
    expect(done.completed_at).not.toBeNull();
    expect(await dropletAt(bastion)).toMatchObject({ locked: false, status: 'off' });
  });

  it('resize without the disk reversibly, and with it for good', async () => {
    await finish(bastion, { type: 'shutdown' });
    await finish(bastion, { type: 'resize', size: 's-1vcpu-2gb', disk: false });
    expect(await dropletAt(bastion)).toMatchObject({ size_slug: 's-1vcpu-2gb', memory: 2048, disk: 10 });
    await finish(bastion, { type: 'resize', size: 's-1vcpu-512mb-10gb' });
    await finish(bastion, { type: 'resize', size: 's-1vcpu-1gb', disk: true });
    expect(await dropletAt(bastion)).toMatchObject({ size_slug: 's-1vcpu-1gb', disk: 25 });
    const back = await ask(simulator, `${bastion}/actions`, {
      method: 'POST',
      body: { type: 'resize', size: 's-1vcpu-512mb-10gb' },
    });
    expect(back.status).toBe(422);
    expect(jsonOf<{ message: string }>(back).message).toBe(
      "Size can not decrease size of Droplet's disk image",
    );
    await finish(bastion, { type: 'power_on' });
    expect((await dropletAt(bastion)).status).toBe('active');
  });

  it('refuse what cannot be done, and change nothing', async () => {
    const before = await dropletAt(bastion);
    for (const body of [
      { type: 'resize', size: 's-1vcpu-2gb' },
      { type: 'resize', size: 'unknown' },
      { type: 'power_on' },
      { type: 'rename', name: 'no spaces' },
      { type: 'rename' },
      { type: 'explode' },
      {},
    ]) {
      const answer = await ask(simulator, `${bastion}/actions`, { method: 'POST', body });
      expect(answer.status).toBe(422);
    }
    expect(await dropletAt(bastion)).toEqual(before);
  });

  it('rename, snapshot, and switch backups', async () => {
    await finish(bastion, { type: 'rename', name: 'ops-bastion-2' });
    await finish(bastion, { type: 'snapshot', name: 'before (v2)' });
    await finish(bastion, { type: 'disable_backups' });
    const droplet = await dropletAt(bastion);
    expect(droplet.name).toBe('ops-bastion-2');
    expect(droplet.features).not.toContain('backups');
    const snapshotId = droplet.snapshot_ids.at(-1);
    const { snapshot } = jsonOf<{ snapshot: { name: string; resource_id: string } }>(
      await ask(simulator, `/v2/snapshots/${snapshotId}`),
    );
    expect(snapshot).toMatchObject({ name: 'before (v2)', resource_id: '412000105' });
    await finish(bastion, { type: 'enable_backups' });
    expect((await dropletAt(bastion)).features).toContain('backups');
    const { meta } = jsonOf<ListBody>(await ask(simulator, `${bastion}/actions`));
    expect(meta.total).toBe(4);
  });
});

describe('droplets', () => {
  it('are new until their action completes, belong to the default project, and are gone once destroyed', async () => {
    const body = {
      name: 'fresh-1',
      size: 's-1vcpu-1gb',
      region: 'syd1',
      image: 'ubuntu-24-04-x64',
      tags: ['t:1'],
    };
    const answer = await ask(simulator, '/v2/droplets', { method: 'POST', body });
    expect(answer.status).toBe(202);
    const { droplet, links } = jsonOf<DropletBody & { links: { actions: { id: number }[] } }>(answer);
    expect(droplet).toMatchObject({ name: 'fresh-1', status: 'new', tags: ['t:1'] });
    const path = `/v2/droplets/${droplet.id}`;
    const created = await actionEnd(links.actions[0]?.id);
    expect(created).toMatchObject({ type: 'create', status: 'completed' });
    expect((await dropletAt(path)).status).toBe('active');
    const urns = async () =>
      jsonOf<{ resources: { urn: string }[] }>(
        await ask(simulator, '/v2/projects/default/resources'),
      ).resources.map(({ urn }) => urn);
    expect(await urns()).toContain(`do:droplet:${droplet.id}`);
    expect((await ask(simulator, path, { method: 'DELETE' })).status).toBe(204);
    expect((await ask(simulator, path)).status).toBe(404);
    expect((await ask(simulator, path, { method: 'DELETE' })).status).toBe(404);
    expect(await urns()).not.toContain(`do:droplet:${droplet.id}`);
  });

  it('are not created from an unknown size, region or image, or under a bad name', async () => {
    const good = { name: 'fresh-1', size: 's-1vcpu-1gb', region: 'syd1', image: 'ubuntu-24-04-x64' };
    for (const wrong of [
      { size: 'x' },
      { region: 'x' },
      { image: 'x' },
      { name: 'a b' },
      { name: undefined },
    ]) {
      const answer = await ask(simulator, '/v2/droplets', { method: 'POST', body: { ...good, ...wrong } });
      expect(answer.status).toBe(422);
    }
    expect(simulator.state.account.droplets).toHaveLength(10);
  });

  it('take tags and lose them again', async () => {
    const body = { resources: [{ resource_id: '412000105', resource_type: 'droplet' }] };
    expect((await ask(simulator, '/v2/tags', { method: 'POST', body: { name: 'env:ops' } })).status).toBe(
      201,
    );
    const path = '/v2/tags/env:ops/resources';
    expect((await ask(simulator, path, { method: 'POST', body })).status).toBe(204);
    expect((await dropletAt(bastion)).tags).toEqual(['env:ops']);
    const { tag } = jsonOf<{ tag: { resources: { count: number } } }>(
      await ask(simulator, '/v2/tags/env:ops'),
    );
    expect(tag.resources.count).toBe(1);
    expect((await ask(simulator, path, { method: 'DELETE', body })).status).toBe(204);
    expect((await dropletAt(bastion)).tags).toEqual([]);
  });
});

describe('Spaces', () => {
  const client = (region: string, accessKeyId: string) =>
    new S3Client({
      endpoint: `${simulator.spacesUrl}/${region}`,
      region,
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey: 'any' },
    });

  it('lists the buckets of one region to the S3 client', async () => {
    const { Buckets: buckets } = await client('syd1', simulator.spacesKey).send(new ListBucketsCommand());
    expect(buckets?.map(({ Name }) => Name)).toEqual(['arcadia-exports']);
    expect(buckets?.[0]?.CreationDate).toEqual(new Date('2026-05-12T03:04:05Z'));
    const other = await client('fra1', simulator.spacesKey).send(new ListBucketsCommand());
    expect(other.Buckets?.map(({ Name }) => Name)).toEqual(['arcadia-scratch']);
    const none = await client('nyc3', simulator.spacesKey).send(new ListBucketsCommand());
    expect(none.Buckets ?? []).toEqual([]);
  });

  it('lists objects page by page', async () => {
    const s3 = client('syd1', simulator.spacesKey);
    const list = (token?: string) =>
      s3.send(new ListObjectsV2Command({ Bucket: 'arcadia-exports', MaxKeys: 2, ContinuationToken: token }));
    const first = await list();
    expect(first).toMatchObject({ KeyCount: 2, IsTruncated: true });
    const second = await list(first.NextContinuationToken);
    expect(second).toMatchObject({ KeyCount: 1, IsTruncated: false });
    expect(second.Contents?.[0]).toMatchObject({ Key: 'exports/part-3.csv.gz', Size: 3_145_728 });
    await expect(s3.send(new ListObjectsV2Command({ Bucket: 'nobody' }))).rejects.toMatchObject({
      name: 'NoSuchBucket',
    });
  });

  it('refuses an unknown access key with InvalidAccessKeyId', async () => {
    await expect(client('syd1', 'wrong').send(new ListBucketsCommand())).rejects.toMatchObject({
      name: 'InvalidAccessKeyId',
      $metadata: { httpStatusCode: 403 },
    });
    expect((await fetch(`${simulator.spacesUrl}/syd1`)).status).toBe(403);
  });
});

describe('the command', () => {
  const program = fileURLToPath(new URL('../../dev/simulator/main.ts', import.meta.url));
  const start = (...flags: string[]): ChildProcess & { stdout: NodeJS.ReadableStream } =>
    spawn(process.execPath, [program, ...flags], { stdio: ['ignore', 'pipe', 'ignore'] });

  it('prints one line with its address when it is ready, serves there, and ends on SIGTERM; a token may begin with a hyphen', async () => {
    const child = start('--port', '0', '--token=-mine', '--no-control');
    const ended = once(child, 'exit');
    const [line]: string[] = await once(createInterface({ input: child.stdout }), 'line');
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line ?? '')?.[0];
    const response = await fetch(`${url}/v2/account`, { headers: { authorization: 'Bearer -mine' } });
    expect(response.status).toBe(200);
    const control = await fetch(`${url}/_control/faults`, { headers: { authorization: 'Bearer -mine' } });
    expect(control.status).toBe(404);
    child.kill('SIGTERM');
    expect((await ended)[0]).toBe(0);
  });

  it('fails where a flag makes no sense', async () => {
    const [code] = await once(start('--port', 'many'), 'exit');
    expect(code).toBe(1);
  });
});
