import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ArcadiaError } from '../src/domain/errors.ts';

export interface Command {
  /** What the user calls it; error messages start with it. */
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Where both output streams go, appended; absent: to the user. */
  readonly logFile?: string;
}

/** A program that runs until it is stopped. */
export interface RunningProcess {
  /** Rejects with `process_ended` when the program ends although nobody stopped it. */
  readonly unexpectedEnd: Promise<never>;
  stop(): Promise<void>;
}

/** Runs a command to its end and answers its exit code; a signal counts as 1. */
export async function runToEnd(command: Command, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  const child = start(command, false);
  const interrupt = () => child.kill('SIGTERM');
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    const code = await exitOf(child);
    signal.throwIfAborted();
    return code;
  } catch (error) {
    throw await explain(command, error);
  } finally {
    signal.removeEventListener('abort', interrupt);
  }
}

/**
 * Like `runToEnd`, for a step that has to succeed.
 * @throws {ArcadiaError} `command_failed` with the end of its log
 */
export async function runOrFail(command: Command, signal: AbortSignal): Promise<void> {
  const code = await runToEnd(command, signal);
  if (code !== 0) {
    throw new ArcadiaError(
      'command_failed',
      `${command.name} ended with exit code ${code}${await endOfLog(command)}`,
    );
  }
}

/**
 * Starts a program that stays up. It gets a process group of its own: Ctrl-C in the terminal then reaches this
 * program alone, which stops what it started in the right order (the database last).
 */
export function startProcess(command: Command): RunningProcess {
  const child = start(command, true);
  let stopping = false;
  const ended = exitOf(child);
  const unexpectedEnd = (async (): Promise<never> => {
    const reason = await ended.then(
      (code) => `it ended with exit code ${code}`,
      (error: unknown) =>
        `it could not be started: ${error instanceof Error ? error.message : String(error)}`,
    );
    if (stopping) return new Promise<never>(() => {});
    throw new ArcadiaError('process_ended', `${command.name}: ${reason}${await endOfLog(command)}`);
  })();
  // Whoever waits for it sees the rejection; before that it must not end this program.
  unexpectedEnd.catch(() => {});
  return {
    unexpectedEnd,
    async stop() {
      stopping = true;
      const gone = ended.then(
        () => undefined,
        () => undefined,
      );
      child.kill('SIGTERM');
      const timeout = new AbortController();
      const forced = sleep(30_000, undefined, { signal: timeout.signal }).then(
        () => child.kill('SIGKILL'),
        () => false,
      );
      await gone;
      timeout.abort();
      await forced;
    },
  };
}

/**
 * Asks an address until it answers with success.
 * @throws {ArcadiaError} `not_ready` after `seconds`, or whatever `unexpectedEnd` rejects with
 */
export async function waitForAnswer(
  name: string,
  url: string,
  process: RunningProcess,
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await answers(url))) {
    if (Date.now() > deadline) {
      throw new ArcadiaError('not_ready', `${name} gave no answer at ${url} within ${seconds} s`);
    }
    await Promise.race([sleep(250, undefined, { signal }), process.unexpectedEnd]);
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

function start(command: Command, ownGroup: boolean): ChildProcess {
  const log = command.logFile === undefined ? undefined : openSync(command.logFile, 'a');
  try {
    return spawn(command.file, [...command.args], {
      env: command.env,
      detached: ownGroup,
      stdio: log === undefined ? 'inherit' : ['ignore', log, log],
    });
  } finally {
    if (log !== undefined) closeSync(log);
  }
}

async function exitOf(child: ChildProcess): Promise<number> {
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

async function explain(command: Command, error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ENOENT') return error;
  return new ArcadiaError(
    'command_not_found',
    `${command.name}: "${command.file}" is not installed or not on PATH`,
  );
}

async function endOfLog({ logFile }: Command): Promise<string> {
  if (logFile === undefined) return '';
  const lines = (await readFile(logFile, 'utf8')).trimEnd().split('\n').slice(-15);
  return `; the end of ${logFile}:\n${lines.join('\n')}`;
}
