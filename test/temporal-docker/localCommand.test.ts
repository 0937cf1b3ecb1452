import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { runOrFail, runToEnd } from '../../temporal-docker/localCommand.ts';

const folder = mkdtempSync(join(tmpdir(), 'local-command-'));
afterAll(() => rmSync(folder, { recursive: true }));

const logFile = join(folder, 'step.log');
const shell = (script: string) => ({
  name: 'the step',
  file: 'sh',
  args: ['-c', script],
  env: { PATH: process.env['PATH'] },
  logFile,
});
const never = new AbortController().signal;

describe('runToEnd', () => {
  it('answers the exit code, and 1 for a command that a signal ended', async () => {
    await expect(runToEnd(shell('exit 7'), never)).resolves.toBe(7);
    await expect(runToEnd(shell('kill -9 $$'), never)).resolves.toBe(1);
  });

  it('names a program that is not there', async () => {
    await expect(runToEnd({ ...shell(''), file: 'no-such-program' }, never)).rejects.toMatchObject({
      code: 'command_not_started',
      message: 'the step: "no-such-program" is not on PATH or can\'t be run',
    });
  });

  it('asks the command to stop when it is interrupted, and waits until it has', async () => {
    const interrupted = new AbortController();
    const patient = shell(
      "trap 'echo stopped in order; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
    );
    const end = runToEnd(patient, interrupted.signal);
    const interrupt = setInterval(() => {
      if (readFileSync(logFile, 'utf8').includes('ready')) interrupted.abort();
    }, 20);
    await expect(end).rejects.toMatchObject({ name: 'AbortError' });
    clearInterval(interrupt);
    expect(readFileSync(logFile, 'utf8')).toBe('ready\nstopped in order\n');
  });

  it('does not start what was interrupted before', async () => {
    await expect(runToEnd(shell('echo started'), AbortSignal.abort())).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});

describe('runOrFail', () => {
  it('shows the end of the log of a step that failed', async () => {
    await expect(runOrFail(shell('echo database is full >&2; exit 3'), never)).rejects.toMatchObject({
      code: 'command_failed',
      message: expect.stringMatching(/^the step ended with exit code 3.*database is full/s),
    });
  });
});
