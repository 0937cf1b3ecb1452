import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { InvalidConfiguration, readApiConfig, readMigrationConfig, readWorkerConfig } from '../src/config.ts';

const database = 'postgres://arcadia_app:secret@127.0.0.1:5432/arcadia';
const worker = { DATABASE_URL: database, DIGITALOCEAN_TOKEN: 'dop_v1_canary' };
const api = { DATABASE_URL: database, JWT_SECRET: 's'.repeat(64) };

function faultsOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof InvalidConfiguration) return error.message;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('configuration', () => {
  it('needs nothing but the database and the token for a worker', () => {
    expect(readWorkerConfig(worker)).toMatchObject({
      DIGITALOCEAN_API_URL: 'https://api.digitalocean.com',
      DIGITALOCEAN_REQUESTS_PER_MINUTE: 250,
      DIGITALOCEAN_REQUESTS_PER_HOUR: 5000,
      DRIFT_APPROVAL_HOURS: 24,
      DRIFT_REVERTS_AT_ONCE: 3,
      DRIFT_REVERT_BUDGET_MONTHLY: '500',
      DUNNING_PAUSE_AFTER_DAYS: 7,
      DUNNING_SUSPEND_AFTER_DAYS: 14,
      TEMPORAL_ADDRESS: '127.0.0.1:7233',
    });
  });

  it('verifies tokens by HS512 alone and opens CORS for nobody unless told', () => {
    expect(readApiConfig(api)).toMatchObject({ API_PORT: 4005, JWT_ALGORITHMS: ['HS512'], CORS_ORIGINS: [] });
  });

  it('names every fault at once', () => {
    const message = faultsOf(() =>
      readApiConfig({
        DATABASE_URL: 'mysql://x',
        JWT_SECRET: 'short',
        API_PORT: '99999',
        JWT_ALGORITHMS: 'none',
      }),
    );
    for (const name of ['DATABASE_URL', 'JWT_SECRET', 'API_PORT', 'JWT_ALGORITHMS'])
      expect(message).toContain(name);
  });

  it('says which required variables are missing, and treats an empty one as missing', () => {
    const message = faultsOf(() => readWorkerConfig({ DIGITALOCEAN_TOKEN: '' }));
    expect(message).toContain('DATABASE_URL: is required');
    expect(message).toContain('DIGITALOCEAN_TOKEN: is required');
  });

  it('refuses a worker a pool of connections that its activities and the limiter could not share', () => {
    const sized = (size: string) => () => readWorkerConfig({ ...worker, DATABASE_POOL_SIZE: size });
    expect(faultsOf(sized('3'))).toContain('DATABASE_POOL_SIZE: expected at least 4');
    expect(sized('4')()).toMatchObject({ DATABASE_POOL_SIZE: 4 });
  });

  it('never shows a secret in a fault', () => {
    const message = faultsOf(() =>
      readApiConfig({ DATABASE_URL: 'not-a-url-canary', JWT_SECRET: 'canary-too-short' }),
    );
    expect(message).not.toContain('canary');
  });

  it.each(['0', '-1', '1e3', '0x10', '12.5', ' 7', '99999999'])(
    'refuses %j as a number of requests',
    (value) => {
      const read = () => readWorkerConfig({ ...worker, DIGITALOCEAN_REQUESTS_PER_MINUTE: value });
      expect(faultsOf(read)).toContain('DIGITALOCEAN_REQUESTS_PER_MINUTE');
    },
  );

  it('reads a secret from the file that <NAME>_FILE names', () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'arcadia-config-')), 'token');
    writeFileSync(file, 'from-a-file\n');
    const { DIGITALOCEAN_TOKEN: _token, ...rest } = worker;
    expect(readWorkerConfig({ ...rest, DIGITALOCEAN_TOKEN_FILE: file }).DIGITALOCEAN_TOKEN).toBe(
      'from-a-file',
    );
    expect(faultsOf(() => readWorkerConfig({ ...rest, DIGITALOCEAN_TOKEN_FILE: `${file}-gone` }))).toContain(
      'DIGITALOCEAN_TOKEN_FILE',
    );
  });

  it('takes keys that encrypt by their ids, and says nothing of one that is none', () => {
    const key = 'K'.repeat(43);
    const read = (keys: string) => () =>
      readWorkerConfig({ ...worker, ENCRYPTION_KEYS: keys }).ENCRYPTION_KEYS;
    expect(read(`2027:${key}=, 2026:${key}=`)()).toEqual([
      { id: '2027', key: `${key}=` },
      { id: '2026', key: `${key}=` },
    ]);
    expect(readWorkerConfig(worker).ENCRYPTION_KEYS).toEqual([]);
    for (const wrong of [`${key}=`, `2027:${key}`, `2027:${key}A=`, `20 27:${key}=`, `2027:${key}=,x`]) {
      expect(faultsOf(read(wrong))).toContain('ENCRYPTION_KEYS: expected <id>:<32 bytes in base64>');
      expect(faultsOf(read(wrong))).not.toContain(key);
    }
    expect(faultsOf(read(`a:${key}=,a:${key}=`))).toContain('ENCRYPTION_KEYS: has two keys of one id');
  });

  it('refuses an application role whose name is more than a plain one', () => {
    const read = (role: string) =>
      readMigrationConfig({ DATABASE_OWNER_URL: database, DATABASE_APP_ROLE: role });
    expect(read('arcadia_app').DATABASE_APP_ROLE).toBe('arcadia_app');
    expect(faultsOf(() => read('app; drop table x'))).toContain('DATABASE_APP_ROLE');
  });
});
