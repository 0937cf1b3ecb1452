import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ArcadiaError } from '../../src/domain/errors.ts';
import { recordProgram } from './runFolder.ts';

/** Something of the stack that runs until it is stopped. */
export interface StackPart {
  readonly name: string;
  /** Fulfilled with the reason when it ends without having been asked to; never rejected. */
  readonly crashed: Promise<ArcadiaError>;
  /** Ends it and waits for the end; a second call does nothing more. */
  stop(): Promise<void>;
}

export interface Program extends StackPart {
  readonly pid: number;
}

export interface ProgramOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** The whole environment of the program; by default this process's own. */
  readonly env?: NodeJS.ProcessEnv;
  /** Takes stdout and stderr. The log of the run before is kept beside it, as `….previous.log`. */
  readonly logFile: string;
  /** Where running programs are noted (see runFolder.ts). */
  readonly runFolder: string;
  /** The system account that it runs as; by default our own. */
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
  readonly stopSignal?: 'SIGTERM' | 'SIGINT';
  /** Milliseconds from the stop signal to SIGKILL. */
  readonly stopWithinMs?: number;
}

const STOP_WITHIN_MS = 20_000;
const LOG_LINES_SHOWN = 15;

/** Asked to stop when this process ends without having stopped them (an uncaught error, `process.exit`). */
const runningChildren = new Map<ChildProcess, NodeJS.Signals>();

process.once('exit', () => {
  for (const [child, stopSignal] of runningChildren) child.kill(stopSignal);
});

/** Starts a program in a process group of its own: Ctrl-C in the terminal reaches us alone, and we stop the parts in order. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { name, stopSignal = 'SIGTERM', stopWithinMs = STOP_WITHIN_MS } = options;
  const { child, pid, ended } = await spawnWithLog(options);
  runningChildren.set(child, stopSignal);
  void ended.then(() => runningChildren.delete(child));
  const forget = await recordProgram(options.runFolder, { name, pid, stopSignal });

  let isStopping = false;
  const crashed = new Promise<ArcadiaError>((resolve) => {
    void ended.then(async (end) => {
      await forget();
      if (!isStopping) resolve(await crashError(options, end));
    });
  });

  return {
    name,
    pid,
    crashed,
    async stop() {
      isStopping = true;
      const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
      if (!hasEnded()) child.kill(stopSignal);
      const patience = new AbortController();
      await Promise.race([
        ended,
        delay(stopWithinMs, undefined, { signal: patience.signal }).catch(() => undefined),
      ]);
      patience.abort();
      // The whole group: what the program itself started must not outlive it.
      if (!hasEnded()) process.kill(-pid, 'SIGKILL');
      await ended;
      await forget();
    },
  };
}

/** The end of a log, for a message; empty when there is none. */
export async function lastLogLines(logFile: string): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch(() => '');
  const lines = text.trimEnd().split('\n').slice(-LOG_LINES_SHOWN);
  return lines.map((line) => `  | ${line}`).join('\n');
}

/** How a program ended: its exit code, or the signal that ended it. */
type End = number | NodeJS.Signals | null;

async function spawnWithLog(
  options: ProgramOptions,
): Promise<{ child: ChildProcess; pid: number; ended: Promise<End> }> {
  const { name, command, args, logFile, account } = options;
  await mkdir(path.dirname(logFile), { recursive: true });
  await rename(logFile, logFile.replace(/(\.log)?$/, '.previous.log')).catch(() => undefined);
  const log = await open(logFile, 'w');
  try {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      ...account,
    });
    // Listened for at once: a program may end before its log is closed on our side.
    const ended = new Promise<End>((resolve) =>
      child.once('exit', (code, signal) => resolve(code ?? signal)),
    );
    await once(child, 'spawn');
    if (child.pid === undefined) throw new Error('it has no process number');
    return { child, pid: child.pid, ended };
  } catch (cause) {
    throw new ArcadiaError('program_not_started', `${name} could not be started: ${cause}`, { cause });
  } finally {
    await log.close();
  }
}

async function crashError(options: ProgramOptions, end: End): Promise<ArcadiaError> {
  const lines = await lastLogLines(options.logFile);
  return new ArcadiaError(
    'program_crashed',
    `${options.name} ended by itself (${end}). The end of ${options.logFile}:\n${lines}`,
    { context: { name: options.name, end } },
  );
}
