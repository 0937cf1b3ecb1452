import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { processStartTime } from '../../dev/stack/processIdentity.ts';
import { type Program, type ProgramOptions, startProgram } from '../../dev/stack/program.ts';
import { claimRunFolder, recordProgram, stopLeftovers } from '../../dev/stack/runFolder.ts';
import { createSupervisor } from '../../dev/stack/supervisor.ts';

/** Says when it is up, so that a signal does not come before its handlers. */
const WAITS = "console.log('up'); setInterval(() => {}, 1000);";

let folder: string;
let runFolder: string;
let started: Program[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'arcadia-cloud-program-'));
  runFolder = path.join(folder, 'run');
  started = [];
});

afterEach(async () => {
  for (const program of started) await program.stop();
  await rm(folder, { recursive: true, force: true });
});

async function startScript(
  name: string,
  script: string,
  options: Partial<ProgramOptions> = {},
): Promise<Program> {
  const logFile = path.join(folder, `${name}.log`);
  const program = await startProgram({
    name,
    command: process.execPath,
    args: ['-e', script],
    logFile,
    runFolder,
    ...options,
  });
  started.push(program);
  return program;
}

async function untilLogged(name: string, text: string): Promise<void> {
  while (!(await readFile(path.join(folder, `${name}.log`), 'utf8')).includes(text)) await delay(20);
}

describe('a program of the stack', () => {
  it('is asked to stop, gets its time, and is forgotten', async () => {
    const program = await startScript(
      'polite',
      `${WAITS} process.on('SIGTERM', () => setTimeout(() => { console.log('put away'); process.exit(0); }, 100));`,
    );
    await untilLogged('polite', 'up');
    expect(await readdir(runFolder)).toEqual([`polite-${program.pid}.json`]);
    await program.stop();
    await program.stop();
    expect(await readFile(path.join(folder, 'polite.log'), 'utf8')).toBe('up\nput away\n');
    expect(processStartTime(program.pid)).toBeUndefined();
    expect(await readdir(runFolder)).toEqual([]);
  });

  it('is killed with what it started when it does not stop in time', async () => {
    const program = await startScript(
      'stubborn',
      `const { spawn } = require('node:child_process');
       process.on('SIGTERM', () => {});
       console.log('child ' + spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']).pid);
       ${WAITS}`,
      { stopWithinMs: 200 },
    );
    await untilLogged('stubborn', 'up');
    const grandchild = Number(
      /child (\d+)/.exec(await readFile(path.join(folder, 'stubborn.log'), 'utf8'))?.[1],
    );
    expect(processStartTime(grandchild)).toBeDefined();
    await program.stop();
    expect(processStartTime(program.pid)).toBeUndefined();
    while (processStartTime(grandchild) !== undefined) await delay(20);
  });

  it('is reported with the last lines of its log when it ends by itself', async () => {
    const program = await startScript(
      'broken',
      "console.log('getting ready'); throw new Error('no such table');",
    );
    const crash = await program.crashed;
    expect(crash).toMatchObject({ code: 'program_crashed', context: { name: 'broken', end: 1 } });
    expect(crash.message).toMatch(/^broken ended by itself \(1\)/);
    expect(crash.message).toContain('  | Error: no such table');
  });

  it('is named when it cannot be started at all', async () => {
    await expect(startScript('absent', '', { command: path.join(folder, 'absent') })).rejects.toMatchObject({
      code: 'program_not_started',
      message: expect.stringContaining('absent could not be started'),
    });
  });

  it('keeps the log of the run before', async () => {
    await (await startScript('twice', "console.log('first')")).crashed;
    await (await startScript('twice', "console.log('second')")).crashed;
    expect(await readFile(path.join(folder, 'twice.previous.log'), 'utf8')).toBe('first\n');
    expect(await readFile(path.join(folder, 'twice.log'), 'utf8')).toBe('second\n');
  });
});

describe('the supervisor', () => {
  it('stops its parts in reverse order, and the rest also when one fails', async () => {
    const said: string[] = [];
    const stopped: string[] = [];
    const supervisor = createSupervisor((line) => said.push(line));
    for (const name of ['database', 'worker', 'api']) {
      supervisor.add({
        name,
        crashed: new Promise(() => {}),
        async stop() {
          stopped.push(name);
          if (name === 'worker') throw new Error('worker hangs');
        },
      });
    }
    await expect(supervisor.stop()).rejects.toMatchObject({
      errors: [expect.objectContaining({ message: 'worker hangs' })],
    });
    expect(stopped).toEqual(['api', 'worker', 'database']);
    expect(said).toEqual(['Stopping api', 'Stopping worker', 'Stopping database']);
  });

  it('tells of the first crash', async () => {
    const supervisor = createSupervisor(() => undefined);
    supervisor.add(await startScript('steady', WAITS));
    supervisor.add(await startScript('broken', 'process.exit(3)'));
    await expect(supervisor.crashed).rejects.toMatchObject({ context: { name: 'broken', end: 3 } });
    await supervisor.stop();
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'ends everything that it started on %s, and nothing else',
    async (signal) => {
      const stranger = spawn(process.execPath, ['-e', WAITS]);
      const starter = await startStarter();
      const pids = await programPids();
      expect(pids).toHaveLength(2);

      starter.kill(signal);
      const [code] = await once(starter, 'exit');
      expect(code).toBe({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[signal]);
      expect(pids.map(processStartTime)).toEqual([undefined, undefined]);
      expect(stranger.exitCode).toBeNull();
      stranger.kill();
    },
    20_000,
  );
});

describe('the folder of running programs', () => {
  it('lets the next start stop what a killed one left, and refuses while another one lives', async () => {
    const starter = await startStarter();
    const pids = await programPids();
    await expect(claimRunFolder(runFolder)).rejects.toMatchObject({
      code: 'already_running',
      context: { supervisorPid: starter.pid },
    });
    expect(pids.map(processStartTime)).not.toContain(undefined);

    starter.kill('SIGKILL');
    await once(starter, 'exit');
    expect(pids.map(processStartTime)).not.toContain(undefined);
    await claimRunFolder(runFolder);
    expect(pids.map(processStartTime)).toEqual([undefined, undefined]);
    expect(await readdir(runFolder)).toEqual([]);
  }, 20_000);

  it('leaves alone a process that only has the number of a noted one', async () => {
    const stranger = spawn(process.execPath, ['-e', WAITS]);
    const pid = Number(stranger.pid);
    await recordProgram(runFolder, { name: 'gone', pid, stopSignal: 'SIGTERM' });
    const file = path.join(runFolder, `gone-${pid}.json`);
    const record = JSON.parse(await readFile(file, 'utf8'));
    await writeFile(
      file,
      JSON.stringify({ ...record, startedAt: 'earlier', supervisorStartedAt: 'earlier' }),
    );

    expect(await stopLeftovers(runFolder)).toEqual([]);
    expect(processStartTime(pid)).toBeDefined();
    expect(await readdir(runFolder)).toEqual([]);
    stranger.kill();
  });

  it('takes a note that was cut off for no note', async () => {
    await stopLeftovers(runFolder);
    await writeFile(path.join(runFolder, 'half-1.json'), '{"name":"ha');
    expect(await stopLeftovers(runFolder)).toEqual([]);
    expect(await readdir(runFolder)).toEqual([]);
  });
});

/** Another process that holds two programs under a supervisor, as `npm start` does. */
async function startStarter(): Promise<ChildProcess> {
  const stack = (file: string) =>
    JSON.stringify(path.resolve(import.meta.dirname, '..', '..', 'dev', 'stack', file));
  const script = `
    import { startProgram } from ${stack('program.ts')};
    import { createSupervisor } from ${stack('supervisor.ts')};
    const supervisor = createSupervisor(() => {});
    supervisor.stopOnSignals();
    for (const name of ['one', 'two']) {
      supervisor.add(await startProgram({
        name, command: process.execPath, args: ['-e', ${JSON.stringify(WAITS)}],
        logFile: ${JSON.stringify(folder)} + '/' + name + '.log', runFolder: ${JSON.stringify(runFolder)},
      }));
    }
    console.log('started');`;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(starter.stdout, 'data');
  return starter;
}

async function programPids(): Promise<number[]> {
  const files = await readdir(runFolder);
  return files.map((file) => Number(/-(\d+)\.json$/.exec(file)?.[1]));
}
