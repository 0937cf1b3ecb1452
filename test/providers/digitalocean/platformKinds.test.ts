import { afterEach, describe, expect, it } from '@jest/globals';
import { startSimulator } from '../../../dev/simulator/simulator.ts';
import {
  type AnsweringServer,
  answerJson,
  providerAt,
  rejectionOf,
  startAnsweringServer,
} from './answeringServer.ts';

const canary = 'canary-of-the-app';
const variables = [{ key: 'API_KEY', value: canary, scope: 'RUN_TIME', type: 'SECRET' }];
const component = {
  name: 'web',
  envs: variables,
  run_command: `serve --password ${canary}`,
  image: { registry_type: 'GHCR', repository: 'web', registry_credentials: `user:${canary}` },
  git: { repo_clone_url: `https://user:${canary}@example.com/web.git`, branch: 'main' },
  log_destinations: [{ name: 'logs', papertrail: { endpoint: `https://${canary}.example.com` } }],
  instance_count: 2,
  instance_size_slug: 'apps-s-1vcpu-1gb',
};
const spec = {
  name: 'shop',
  region: 'syd',
  envs: variables,
  services: [component],
  workers: [{ ...component, name: 'worker', autoscaling: { min_instance_count: 1, max_instance_count: 4 } }],
  jobs: [{ ...component, name: 'migrate', kind: 'PRE_DEPLOY' }],
  static_sites: [{ name: 'docs', envs: variables }],
  functions: [{ name: 'hooks', envs: variables }],
  databases: [{ name: 'db', engine: 'PG', version: '17', production: true, cluster_name: 'shop-pg' }],
};
const app = {
  id: '4f6c71e2-1e90-4762-9fee-6cc4a0a9f2cf',
  project_id: '88b72d1a-b78a-4d9f-9090-b53c4399073f',
  created_at: '2026-03-20T01:02:03Z',
  tier_slug: 'professional',
  default_ingress: 'https://shop.example.com',
  region: { slug: 'syd', data_centers: ['syd1'] },
  spec,
  active_deployment: { id: '1', spec },
  in_progress_deployment: { id: '2', spec },
};

let server: AnsweringServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function listed(kind: 'app' | 'container_registry' | 'functions_namespace', bodies: object) {
  server = await startAnsweringServer(answerJson({ ...bodies }));
  return providerAt(server.url).resources(kind);
}

describe('an app', () => {
  it('is named as its specification says, with what its components cost by', async () => {
    const [found] = await listed('app', { '/v2/apps': { apps: [app], meta: { total: 1 } } });
    expect(found).toMatchObject({
      kind: 'app',
      externalId: app.id,
      name: 'shop',
      region: 'syd',
      sizeSlug: 'professional',
      createdAt: new Date('2026-03-20T01:02:03Z'),
      attributes: {
        project_id: app.project_id,
        services: [
          { name: 'web', instance_count: 2, instance_size_slug: 'apps-s-1vcpu-1gb', autoscaling: null },
        ],
        workers: [{ name: 'worker', autoscaling: { min_instance_count: 1, max_instance_count: 4 } }],
        jobs: [{ name: 'migrate' }],
        static_sites: ['docs'],
        functions: ['hooks'],
        databases: [{ name: 'db', engine: 'PG', version: '17', production: true, cluster_name: 'shop-pg' }],
      },
    });
  });

  it('leaves every secret of its specification at the edge', async () => {
    const found = await listed('app', { '/v2/apps': { apps: [app], meta: { total: 1 } } });
    expect(found).toHaveLength(1);
    expect(JSON.stringify(found)).not.toContain(canary);
  });

  it('names no secret in the error about an answer that is not as agreed', async () => {
    const broken = { ...app, spec: { ...spec, name: 7, services: [{ ...component, name: null }] } };
    const error = await rejectionOf(listed('app', { '/v2/apps': { apps: [broken], meta: { total: 1 } } }));
    expect(error).toMatchObject({ code: 'provider_bad_answer' });
    expect(`${error}${JSON.stringify(error)}`).not.toContain(canary);
  });

  it('is none where an empty list comes as null, or with a total of nothing not at all', async () => {
    expect(await listed('app', { '/v2/apps': { apps: null, meta: { total: 0 } } })).toEqual([]);
    await server?.close();
    expect(await listed('app', { '/v2/apps': { links: {}, meta: { total: 0 } } })).toEqual([]);
  });

  it.each([{ meta: { total: 2 } }, { meta: { total: 2 }, apps: null }, {}])(
    'is not none where the answer is %j',
    async (body) => {
      expect(await rejectionOf(listed('app', { '/v2/apps': body }))).toMatchObject({
        code: expect.stringMatching(/^(?:provider_bad_answer|partial_listing)$/),
      });
    },
  );
});

describe('container registries and functions namespaces', () => {
  it('come whole, a registry with its plan and storage where the answer says them', async () => {
    const registries = [
      {
        name: 'images',
        created_at: '2026-03-20T01:02:03.530562231Z',
        region: 'syd1',
        storage_usage_bytes: 29_393_920,
        storage_usage_bytes_updated_at: '2026-03-20T01:02:03Z',
        subscription: { tier: { slug: 'basic', name: 'Basic' } },
      },
      { name: 'second' },
    ];
    expect(await listed('container_registry', { '/v2/registries': { registries } })).toMatchObject([
      {
        externalId: 'images',
        name: 'images',
        region: 'syd1',
        sizeSlug: 'basic',
        attributes: { storage_usage_bytes: 29_393_920 },
      },
      { externalId: 'second', region: null, attributes: { storage_usage_bytes: null } },
    ]);
  });

  it('leave the key of a namespace at the edge', async () => {
    const namespaces = [
      {
        namespace: 'fn-0b1c',
        label: 'hooks',
        region: 'nyc1',
        created_at: '2026-03-20T01:02:03Z',
        api_host: 'https://faas.example.com',
        uuid: '0b1c',
        key: canary,
      },
    ];
    const found = await listed('functions_namespace', { '/v2/functions/namespaces': { namespaces } });
    expect(found).toMatchObject([{ externalId: 'fn-0b1c', name: 'hooks', region: 'nyc1' }]);
    expect(JSON.stringify(found)).not.toContain(canary);
  });
});

describe('the simulated account', () => {
  it('gives none of its secrets to whoever reads all of it', async () => {
    const simulator = await startSimulator();
    const provider = providerAt(simulator.url, { token: simulator.token });
    const found = await Promise.all(
      (['app', 'functions_namespace', 'database'] as const).map((kind) => provider.resources(kind)),
    );
    await simulator.close();
    expect(found.flat()).toHaveLength(3);
    expect(JSON.stringify(found)).not.toMatch(/simulated-/);
  });
});
