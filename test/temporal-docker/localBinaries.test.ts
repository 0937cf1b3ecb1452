import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  cacheFolder,
  ensureBinaries,
  temporalServerVersion,
  temporalUiVersion,
} from '../../temporal-docker/localBinaries.ts';

const serverFolder = `temporal-server-${temporalServerVersion}`;
const uiFolder = `temporal-ui-${temporalUiVersion}`;

let cache = '';
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'local-binaries-'));
});
afterEach(() => rmSync(cache, { recursive: true }));

const never = new AbortController().signal;
const ignore = () => undefined;

function executable(...path: string[]): string {
  const file = join(cache, 'arcadia-cloud', ...path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '#!/bin/sh\n');
  chmodSync(file, 0o755);
  return file;
}

describe('ensureBinaries', () => {
  it('takes the programs of the cache folder and builds nothing', async () => {
    const expected = {
      server: executable(serverFolder, 'temporal-server'),
      sqlTool: executable(serverFolder, 'temporal-sql-tool'),
      ui: executable(uiFolder, 'temporal-ui-server'),
    };
    const said: string[] = [];
    const env = { XDG_CACHE_HOME: cache, PATH: cache };
    await expect(ensureBinaries((line) => said.push(line), never, env)).resolves.toEqual(expected);
    expect(said).toEqual([]);
  });

  it('says how to go on where a program is missing and there is no Go, and leaves nothing unfinished', async () => {
    const env = { XDG_CACHE_HOME: cache, PATH: cache };
    await expect(ensureBinaries(ignore, never, env)).rejects.toMatchObject({
      code: 'go_missing',
      message: expect.stringContaining('compose.yaml'),
    });
    expect(readdirSync(join(cache, 'arcadia-cloud', serverFolder))).toEqual([]);
  });

  it('names a cache folder that it cannot write', async () => {
    writeFileSync(join(cache, 'arcadia-cloud'), 'a file where a folder should be');
    await expect(ensureBinaries(ignore, never, { XDG_CACHE_HOME: cache, PATH: cache })).rejects.toMatchObject(
      {
        code: 'cache_not_writable',
        message: expect.stringContaining('set XDG_CACHE_HOME'),
      },
    );
  });
});

describe('cacheFolder', () => {
  it('follows XDG_CACHE_HOME, else is in the home folder', () => {
    expect(cacheFolder({ XDG_CACHE_HOME: '/var/cache/user' })).toBe('/var/cache/user/arcadia-cloud');
    expect(cacheFolder({ XDG_CACHE_HOME: '' })).toBe(join(homedir(), '.cache', 'arcadia-cloud'));
  });
});
