import { existsSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { serverPortCount } from '../../temporal-docker/localOptions.ts';
import { postgresLogin, serverEnvironment, serverSettings } from '../../temporal-docker/localServer.ts';

const login = { host: '127.0.0.1', port: 5533, user: 'postgres', password: 'p@ss' };

describe('postgresLogin', () => {
  it('takes an address apart, with its encoded password and the usual port', () => {
    expect(postgresLogin('postgresql://postgres:p%40ss@127.0.0.1:5533/postgres')).toEqual(login);
    expect(postgresLogin('postgres://a:b@db.example/x').port).toBe(5432);
  });
});

describe('serverEnvironment', () => {
  it('binds every service of the server to loopback, each to a port of its own in the range that is checked', async () => {
    const env = serverEnvironment(await serverSettings(), login, 7243);
    expect(env).toMatchObject({ BIND_ON_IP: '127.0.0.1', TEMPORAL_BROADCAST_ADDRESS: '127.0.0.1' });
    const ports = Object.entries(env)
      .filter(([name]) => /_(GRPC|HTTP|MEMBERSHIP)_PORT$/.test(name))
      .map(([, port]) => Number(port));
    expect(ports.sort()).toEqual(Array.from({ length: serverPortCount }, (_, index) => 7243 + index));
    expect(env['FRONTEND_GRPC_PORT']).toBe('7243');
  });

  it('hands on the shared settings and a dynamic configuration that exists', async () => {
    const env = serverEnvironment(await serverSettings(), login, 7243);
    expect(env).toMatchObject({
      DB: 'postgres12',
      NUM_HISTORY_SHARDS: '512',
      TEMPORAL_ALLOW_NO_AUTH: 'true',
      DB_PORT: '5533',
      POSTGRES_PWD: 'p@ss',
    });
    expect(existsSync(env['DYNAMIC_CONFIG_FILE_PATH'] ?? '')).toBe(true);
  });
});
