import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';
import { workerFlags } from '../../bench/workerFlags.ts';
import {
  readApiConfig,
  readMigrationConfig,
  readTemporalConfig,
  readWorkerConfig,
} from '../../src/config.ts';
import { allTaskQueues } from '../../src/workflows/taskQueues.ts';
import { temporalServerVersion, temporalUiVersion } from '../../temporal-docker/localBinaries.ts';
import { serverSettings } from '../../temporal-docker/localServer.ts';

const folder = resolve(import.meta.dirname, '../../temporal-docker');
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const composeText = read('compose.yaml');
const example = parseEnv(read('.env.example'));

const environment = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String));
const service = z.object({
  image: z.string(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  command: z.array(z.string()).optional(),
  entrypoint: z.array(z.string()).optional(),
  restart: z.string(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  environment: environment.default({}),
  env_file: z.string().optional(),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  healthcheck: z.object({ test: z.array(z.string()).min(2) }).optional(),
  stop_grace_period: z.string().optional(),
});
const composeFile = z.object({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.unknown()),
});

interface Variable {
  readonly name: string;
  readonly required: boolean;
  /** The default, or the message where there is none. */
  readonly text: string;
}

/** Compose's own two forms that this file may use: `${NAME:-default}` and `${NAME:?message}`. */
const variablePattern = /\$\{([A-Z_]+):([-?])([^}]*)\}/g;
const variables: Variable[] = [...composeText.matchAll(variablePattern)].map(
  ([, name = '', form, text = '']) => ({
    name,
    required: form === '?',
    text,
  }),
);

/** As Compose does it: in the values, after the YAML is read. */
function interpolate(values: NodeJS.Dict<string>): z.output<typeof composeFile> {
  const fill = (node: unknown): unknown => {
    if (typeof node === 'string') return node.replaceAll(variablePattern, replacement);
    if (Array.isArray(node)) return node.map(fill);
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, fill(value)]));
  };
  const replacement = (_: string, name: string, form: string, text: string): string => {
    const value = values[name];
    if (value !== undefined && value !== '') return value;
    if (form === '?') throw new Error(`${name}: ${text}`);
    return text;
  };
  return composeFile.parse(fill(parse(composeText, { merge: true })));
}

const secrets = {
  POSTGRES_PASSWORD: 'superuser1',
  TEMPORAL_DB_PASSWORD: 'temporal2',
  ARCADIA_OWNER_PASSWORD: 'owner3',
  ARCADIA_APP_PASSWORD: 'app4',
  DIGITALOCEAN_TOKEN: 'dop_v1_5',
  JWT_SECRET: 'x'.repeat(64),
};
const { services, volumes } = interpolate(secrets);
const servicesWhere = (claim: (name: string) => boolean) =>
  Object.entries(services).filter(([name]) => claim(name));
const oneShots = ['databases', 'temporal-schema', 'temporal-setup', 'migrate'];
const serviceNamed = (name: string) => {
  const found = services[name];
  if (found === undefined) throw new Error(`compose.yaml has no service ${name}`);
  return found;
};

describe('the variables of compose.yaml', () => {
  it('use only the two forms with a default or a message', () => {
    expect(composeText.match(/\$\{?[A-Za-z_]+/g)).toHaveLength(variables.length);
  });

  it('are those of .env.example, with the same defaults', () => {
    expect([...new Set(variables.map(({ name }) => name))].sort()).toEqual(Object.keys(example).sort());
    for (const { name, required, text } of variables) {
      expect({ name, value: example[name] }).toEqual({ name, value: required ? '' : text });
    }
  });

  it.each(Object.keys(secrets))('refuse to start without %s, and name it', (name) => {
    expect(() => interpolate({ ...secrets, [name]: '' })).toThrow(`${name}: set it in .env`);
  });

  it('give no secret a default', () => {
    const isSecret = ({ name }: Variable) => /PASSWORD|TOKEN|SECRET|ACCESS_KEY/.test(name);
    const defaults = variables.filter((variable) => isSecret(variable) && !variable.required);
    expect(variables.filter(isSecret).length).toBeGreaterThan(defaults.length);
    expect(defaults.map(({ text }) => text)).toEqual(defaults.map(() => ''));
  });
});

describe('the services of compose.yaml', () => {
  it('are published on loopback alone, unless BIND_ADDRESS says otherwise', () => {
    const ports = Object.values(services).flatMap((each) => each.ports);
    expect(ports).toEqual(['127.0.0.1:7233:7233', '127.0.0.1:8233:8080', '127.0.0.1:4005:4005']);
    const moved = Object.values(interpolate({ ...secrets, BIND_ADDRESS: '10.0.0.5' }).services);
    expect(moved.flatMap((each) => each.ports).every((port) => port.startsWith('10.0.0.5:'))).toBe(true);
  });

  it('run the versions that cluster:local runs, each pinned', () => {
    expect(serviceNamed('temporal').image).toBe(`temporalio/server:${temporalServerVersion}`);
    expect(serviceNamed('temporal-schema').image).toBe(`temporalio/admin-tools:${temporalServerVersion}`);
    expect(serviceNamed('temporal-ui').image).toBe(`temporalio/ui:${temporalUiVersion}`);
    expect(serviceNamed('postgresql').image).toMatch(/^postgres:\d+\.\d+$/);
    expect(serviceNamed('databases').image).toBe(serviceNamed('postgresql').image);
  });

  it.each(servicesWhere((name) => !oneShots.includes(name)))(
    '%s stays up, says how it is, and is given time to stop',
    (_, each) => {
      expect(each).toMatchObject({
        restart: 'unless-stopped',
        healthcheck: { test: expect.anything() },
        stop_grace_period: expect.stringMatching(/^\d+[sm]$/),
      });
    },
  );

  it.each(servicesWhere((name) => oneShots.includes(name)))(
    '%s ends, and is tried again when it fails',
    (_, each) => {
      expect(each.restart).toMatch(/^on-failure:\d+$/);
      expect(each.healthcheck).toBeUndefined();
    },
  );

  it('wait for a health check where there is one, and for the end of what ends', () => {
    for (const each of Object.values(services)) {
      for (const [name, { condition }] of Object.entries(each.depends_on)) {
        const ends = oneShots.includes(name);
        expect({ name, condition }).toEqual({
          name,
          condition: ends ? 'service_completed_successfully' : 'service_healthy',
        });
      }
    }
  });

  it('start in order: databases, schema, server, namespace and migrations, then workers and API', () => {
    const awaited = (name: string) => Object.keys(serviceNamed(name).depends_on);
    expect(awaited('databases')).toEqual(['postgresql']);
    expect(awaited('temporal-schema')).toEqual(['databases']);
    expect(awaited('temporal')).toEqual(['temporal-schema']);
    expect(awaited('temporal-setup')).toEqual(['temporal']);
    expect(awaited('migrate')).toEqual(['databases']);
    for (const name of ['worker-sync', 'worker-sync-slow', 'worker-billing', 'worker-provisioning', 'api']) {
      expect(awaited(name)).toEqual(['migrate', 'temporal-setup']);
    }
  });

  it('serve every task queue, each by one worker service', () => {
    const queues = servicesWhere((name) => name.startsWith('worker-')).flatMap(([, { command = [] }]) => {
      expect(command.slice(0, -1)).toEqual(['node', ...workerFlags, 'src/worker.ts', '--queues']);
      return command.at(-1)?.split(',');
    });
    expect(queues.sort()).toEqual([...allTaskQueues].sort());
  });

  it('mount and read files that exist', () => {
    const sources = Object.values(services).flatMap((each) => [
      ...each.volumes.map((volume) => volume.split(':')[0] ?? ''),
      ...(each.env_file === undefined ? [] : [each.env_file]),
      ...(each.build === undefined ? [] : [join(each.build.context, each.build.dockerfile)]),
    ]);
    for (const source of sources) {
      const known = source in volumes || existsSync(resolve(folder, source));
      expect({ source, known }).toEqual({ source, known: true });
    }
  });
});

describe('the settings that compose.yaml gives', () => {
  it('are a configuration that each program accepts, with the least it needs', () => {
    for (const name of ['worker-sync', 'worker-sync-slow', 'worker-billing', 'worker-provisioning']) {
      const config = readWorkerConfig(serviceNamed(name).environment);
      expect(config).toMatchObject({ TEMPORAL_NAMESPACE: 'arcadia', METRICS_HOST: '0.0.0.0' });
      expect(config.DATABASE_URL).toBe('postgres://arcadia_app:app4@postgresql:5432/arcadia');
    }
    const api = readApiConfig(serviceNamed('api').environment);
    expect(api).toMatchObject({ API_HOST: '0.0.0.0', API_PORT: 4005, TEMPORAL_ADDRESS: 'temporal:7233' });
    expect(readMigrationConfig(serviceNamed('migrate').environment).DATABASE_OWNER_URL).toBe(
      'postgres://arcadia_owner:owner3@postgresql:5432/arcadia',
    );
    expect(readTemporalConfig(serviceNamed('temporal-setup').environment).TEMPORAL_NAMESPACE).toBe('arcadia');
  });

  it('keep the owner out of workers and API, and the provider token out of the API', () => {
    const secretsOf = (name: string) => {
      const values = Object.values(serviceNamed(name).environment).join(' ');
      return Object.entries(secrets).flatMap(([secret, value]) => (values.includes(value) ? [secret] : []));
    };
    expect(secretsOf('worker-billing')).toEqual(['ARCADIA_APP_PASSWORD', 'DIGITALOCEAN_TOKEN']);
    expect(secretsOf('api')).toEqual(['ARCADIA_APP_PASSWORD', 'JWT_SECRET']);
    expect(secretsOf('migrate')).toEqual(['ARCADIA_OWNER_PASSWORD']);
    expect(secretsOf('temporal')).toEqual(['TEMPORAL_DB_PASSWORD']);
    expect(secretsOf('temporal-setup')).toEqual([]);
  });

  it('are the 512 shards and the two databases of server.env, which cluster:local reads too', async () => {
    const settings = await serverSettings();
    expect(settings).toMatchObject({
      DB: 'postgres12',
      NUM_HISTORY_SHARDS: '512',
      DBNAME: 'temporal',
      VISIBILITY_DBNAME: 'temporal_visibility',
    });
    for (const name of ['temporal', 'temporal-schema']) {
      expect(serviceNamed(name).env_file).toBe('server.env');
      const overridden = Object.keys(serviceNamed(name).environment).filter((key) => key in settings);
      expect(overridden).toEqual([]);
    }
  });

  it('leave PostgreSQL enough connections for the server, the workers and the API', async () => {
    const settings = await serverSettings();
    const ofServer = 4 * (Number(settings['SQL_MAX_CONNS']) + Number(settings['SQL_VIS_MAX_CONNS']));
    const ofWorkers = 4 * readWorkerConfig(serviceNamed('worker-billing').environment).DATABASE_POOL_SIZE;
    const ofApi = readApiConfig(serviceNamed('api').environment).DATABASE_POOL_SIZE;
    const allowed = serviceNamed('postgresql').command?.at(-1)?.replace('max_connections=', '');
    expect(Number(allowed)).toBeGreaterThan(ofServer + ofWorkers + ofApi);
  });

  it('let tasks take turns by fairness key', () => {
    expect(parse(read('dynamicConfig.yaml'))).toMatchObject({ 'matching.enableFairness': [{ value: true }] });
  });
});

describe('the files beside compose.yaml', () => {
  it.each(['schema.sh', 'databases.sh'])(
    '%s is a script that sh can read and that stops at an error',
    (script) => {
      execFileSync('sh', ['-n', join(folder, script)]);
      expect(read(script)).toMatch(/^set -eu$/m);
    },
  );

  it('the image runs the worker as a user without rights, and gets no file that the ignore list leaves out', () => {
    const dockerfile = read('Dockerfile');
    expect(dockerfile).toMatch(/^FROM node:24-slim$/m);
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toContain(
      `CMD ${JSON.stringify(['node', ...workerFlags, 'src/worker.ts']).replaceAll(',', ', ')}`,
    );
    const copied = [...dockerfile.matchAll(/^COPY (.+) \S+$/gm)].flatMap(([, sources = '']) =>
      sources.split(' '),
    );
    const ignoreList = read('Dockerfile.dockerignore').split('\n');
    expect(ignoreList).toContain('*');
    const allowed = ignoreList.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(allowed.sort()).toEqual(copied.sort());
  });
});
