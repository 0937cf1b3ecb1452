import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

const script = path.resolve(import.meta.dirname, '..', '..', 'scripts', 'completeLockFile.mjs');

it('package-lock.json names the optional packages of every platform, without which npm ci refuses it', async () => {
  expect(await promisify(execFile)(process.execPath, [script, '--check'])).toEqual({
    stdout: '',
    stderr: '',
  });
});
