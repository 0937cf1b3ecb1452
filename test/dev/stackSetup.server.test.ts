import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const scripts = path.resolve(import.meta.dirname, '..', '..', 'scripts');

/** A Temporal program as far as the set-up looks at it. */
const TEMPORAL = "console.log('temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)');";
const OLD_TEMPORAL = "console.log('temporal version 1.1.0 (server 1.24.2) (ui 2.27.2)');";

/** Stand-ins for npm and Go: what they would fetch takes minutes, and here only our side of the talk is judged. */
const NPM = `
  const bin = process.cwd() + '/node_modules/.bin';
  fs.rmSync('node_modules', { recursive: true, force: true });
  fs.mkdirSync(bin, { recursive: true });
  fs.symlinkSync(process.execPath, bin + '/node');`;
const GO = `
  fs.writeFileSync(process.env.GOBIN + '/temporal', '#!' + process.execPath + '\\n' + ${JSON.stringify(TEMPORAL)}, { mode: 0o755 });`;

let folder: string;
let clone: string;
let bin: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'arcadia-cloud-setup-'));
  clone = path.join(folder, 'clone');
  bin = path.join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  await cp(scripts, path.join(clone, 'scripts'), { recursive: true });
  await writeFile(path.join(clone, 'package.json'), '{"type":"module"}');
  await writeFile(path.join(clone, 'package-lock.json'), '{"lockfileVersion":3}');
  await program('npm', NPM);
  await program('go', GO);
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function program(name: string, body: string, ping = 'process.exit(0);'): Promise<void> {
  const note = `fs.appendFileSync(${JSON.stringify(path.join(folder, 'calls'))}, ${JSON.stringify(name)} + ' ' + process.argv.slice(2).join(' ') + '\\n');`;
  const text = `#!${process.execPath}\nconst fs = require('node:fs');\n${note}\nif (process.argv[2] === 'ping') { ${ping} }\n${body}\n`;
  await writeFile(path.join(bin, name), text, { mode: 0o755 });
  await chmod(path.join(bin, name), 0o755);
}

async function calls(): Promise<string[]> {
  const text = await readFile(path.join(folder, 'calls'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .flatMap((line) => /^(npm ci( .*)? --offline|npm ci|go install .*)/.exec(line)?.[0] ?? []);
}

interface Outcome {
  readonly code: number | null;
  readonly said: string;
}

async function setUp(env: Record<string, string> = {}, args: readonly string[] = []): Promise<Outcome> {
  const child = spawn(process.execPath, [path.join(clone, 'scripts', 'setup.mjs'), ...args], {
    env: { PATH: bin, HOME: folder, XDG_CACHE_HOME: path.join(folder, 'cache'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      said += chunk;
    });
  }
  const [code] = await once(child, 'close');
  return { code, said };
}

const NPM_CI = 'npm ci';
const GO_INSTALL = 'go install github.com/temporalio/cli/cmd/temporal@v1.5.1';
const cachedTemporal = () => path.join(folder, 'cache', 'arcadia-cloud', 'temporal-cli-1.5.1', 'temporal');

describe('the set-up of a fresh clone', () => {
  it('installs packages and the Temporal server once, saying what it does and how long it may take', async () => {
    const first = await setUp();
    expect(first).toMatchObject({ code: 0 });
    expect(first.said).toContain('npm ci). It takes about a minute');
    expect(first.said).toContain('takes about 7 minutes');
    expect((await stat(cachedTemporal())).mode & 0o777).toBe(0o755);
    expect(await readdir(path.join(folder, 'cache', 'arcadia-cloud'))).toEqual(['temporal-cli-1.5.1']);

    expect(await setUp({}, ['--quiet'])).toEqual({ code: 0, said: '' });
    expect(await calls()).toEqual([NPM_CI, GO_INSTALL]);
  });

  it('installs again when the lock file has changed', async () => {
    await setUp();
    await writeFile(path.join(clone, 'package-lock.json'), '{"lockfileVersion":3,"packages":{}}');
    expect(await setUp()).toMatchObject({ code: 0 });
    expect(await calls()).toEqual([NPM_CI, GO_INSTALL, NPM_CI]);
  });

  it('does not take an installation that was cut short for a whole one', async () => {
    await program('npm', `${NPM}\nprocess.exit(1);`);
    expect(await setUp()).toMatchObject({ code: 1 });
    await program('npm', NPM);
    expect(await setUp()).toMatchObject({ code: 0 });
    expect(await calls()).toEqual([NPM_CI, NPM_CI, GO_INSTALL]);
  });

  it('runs npm on the Node of the machine and without settings for production', async () => {
    await program(
      'npm',
      `${NPM}\nif (process.env.NODE_ENV || process.env.PATH.includes('node_modules')) process.exit(1);`,
    );
    const PATH = [path.join(clone, 'node_modules', '.bin'), bin].join(path.delimiter);
    expect(await setUp({ NODE_ENV: 'production', PATH })).toMatchObject({ code: 0 });
  });

  it('installs from the cache of npm when there is no network', async () => {
    await program('npm', NPM, "console.error('npm error code EAI_AGAIN'); process.exit(1);");
    expect(await setUp()).toMatchObject({ code: 0 });
    expect(await calls()).toEqual([
      `${NPM_CI} --include=dev --include=optional --no-audit --no-fund --offline`,
      GO_INSTALL,
    ]);
  });

  it('lets a second set-up in the same folder wait for the first', async () => {
    await program('npm', `${NPM}\nAtomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);`);
    const [first, second] = await Promise.all([setUp(), setUp()]);
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(first.said + second.said).toContain('Another set-up of this folder is running; waiting for it.');
    expect(await calls()).toEqual([NPM_CI, GO_INSTALL]);
  });

  it('takes over from a set-up that was killed', async () => {
    await mkdir(path.join(clone, '.data'));
    const killed = spawn(process.execPath, ['-e', '']);
    await once(killed, 'exit');
    await writeFile(path.join(clone, '.data', 'setup.lock'), String(killed.pid));
    expect(await setUp()).toMatchObject({ code: 0 });
    expect(await readdir(path.join(clone, '.data'))).toEqual([]);
  });
});

describe('the Temporal server', () => {
  it('is taken from PATH when it is there and new enough', async () => {
    await program('temporal', TEMPORAL);
    await setUp();
    expect(await calls()).toEqual([NPM_CI]);
  });

  it.each([
    ['one on PATH that is too old', OLD_TEMPORAL],
    ['one on PATH that does not start', 'process.exit(1);'],
  ])('is not %s', async (_name, body) => {
    await program('temporal', body);
    expect(await setUp()).toMatchObject({ code: 0 });
    expect(await calls()).toEqual([NPM_CI, GO_INSTALL]);
  });

  it('is fetched again when the file in the cache was cut short', async () => {
    await mkdir(path.dirname(cachedTemporal()), { recursive: true });
    await writeFile(cachedTemporal(), '', { mode: 0o755 });
    expect(await setUp()).toMatchObject({ code: 0 });
    expect(await calls()).toEqual([NPM_CI, GO_INSTALL]);
  });

  it('is not fetched where TEMPORAL_ADDRESS names one, but for the tests, which start their own', async () => {
    await setUp({ TEMPORAL_ADDRESS: 'temporal:7233' });
    expect(await calls()).toEqual([NPM_CI]);
    await setUp({ TEMPORAL_ADDRESS: 'temporal:7233', npm_lifecycle_event: 'pretest' });
    expect(await calls()).toEqual([NPM_CI, GO_INSTALL]);
  });

  it('that cannot be had is answered with each way that was tried and what to do', async () => {
    await rm(path.join(bin, 'go'));
    const { code, said } = await setUp();
    expect(code).toBe(1);
    expect(said).toContain(`- temporal on PATH, and ${cachedTemporal()}: not there, or too old`);
    expect(said).toContain('- the official download: ');
    expect(said).toContain('- a build from source: the program go was not found on PATH');
    expect(said).toContain('- set TEMPORAL_ADDRESS to a Temporal server that runs already');
  });

  it('that cannot be built for want of a network is said so, without the hosts of the modules', async () => {
    await program(
      'go',
      `console.error('go: dial tcp: lookup modules.example.com: no such host'); process.exit(1);`,
    );
    const { code, said } = await setUp();
    expect(code).toBe(1);
    expect(said).toContain('the Go modules could not be fetched');
    expect(said).not.toContain('example.com');
  });

  it('has no place when the cache cannot be written: the message names the folder and the variable', async () => {
    await writeFile(path.join(folder, 'file'), '');
    const { code, said } = await setUp({ XDG_CACHE_HOME: path.join(folder, 'file') });
    expect(code).toBe(1);
    expect(said).toContain(
      `The cache folder ${path.join(folder, 'file', 'arcadia-cloud')} cannot be written`,
    );
    expect(said).toContain('XDG_CACHE_HOME');
  });
});

describe('packages that cannot be installed', () => {
  it.each([
    [
      'no network',
      'npm error code ENOTFOUND\nnpm error request to https://packages.example.com/x failed',
      'Check the network',
    ],
    ['no permission', "npm error code EACCES\nnpm error path '/x'", 'No permission to write in'],
    ['a full disk', 'npm error code ENOSPC', 'Free about 2 GB'],
    [
      'anything else',
      'npm error 404 https://packages.example.com/x',
      'npm ci failed. Its last lines:\n  | npm error 404 <host>/x',
    ],
  ])('are explained: %s', async (_name, output, explanation) => {
    await program('npm', `console.error(${JSON.stringify(output)}); process.exit(1);`);
    const { code, said } = await setUp();
    expect(code).toBe(1);
    expect(said).toContain(explanation);
    expect(said).not.toContain('example.com');
  });

  it('are explained: no npm', async () => {
    await rm(path.join(bin, 'npm'));
    expect((await setUp()).said).toContain('The program npm was not found on PATH.');
  });

  it.each([
    ['is too old', "console.log('v20.20.2');", 'finds v20.20.2'],
    ['does not start', "console.error('no loader'); process.exit(127);", 'cannot start it (no loader)'],
  ])('leave a Node that %s, which is said with what to do', async (_name, body, explanation) => {
    await program('old-node', body);
    await program('npm', `${NPM.replace('process.execPath', JSON.stringify(path.join(bin, 'old-node')))}`);
    await program('temporal', TEMPORAL);
    const { code, said } = await setUp();
    expect(code).toBe(1);
    expect(said).toContain(explanation);
    expect(said).toContain('install Node 24 yourself');
  });
});
