import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { lastLogLines } from '../dev/stack/program.ts';
import { ArcadiaError } from '../src/domain/errors.ts';

/** A command that does one thing and ends. */
export interface Command {
  /** What the user calls it; error messages start with it. */
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Takes both output streams; without it the user sees them. */
  readonly logFile?: string;
}

/**
 * Runs a command to its end and answers its exit code, 1 for one that a signal ended. An aborted `signal` asks it to
 * stop and waits for that.
 * @throws {ArcadiaError} `command_not_started`
 */
export async function runToEnd(command: Command, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  const log = command.logFile === undefined ? undefined : openSync(command.logFile, 'w');
  // A process group of its own: Ctrl-C then reaches us alone, and the command is asked to stop once, not twice.
  const child = spawn(command.file, [...command.args], {
    env: command.env,
    detached: true,
    stdio: log === undefined ? 'inherit' : ['ignore', log, log],
  });
  const interrupt = () => child.kill('SIGTERM');
  signal.addEventListener('abort', interrupt, { once: true });
  process.once('exit', interrupt);
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    signal.throwIfAborted();
    return code ?? 1;
  } catch (error) {
    if (child.pid !== undefined) throw error;
    const reason = `"${command.file}" is not on PATH or can't be run`;
    throw new ArcadiaError('command_not_started', `${command.name}: ${reason}`, { cause: error });
  } finally {
    signal.removeEventListener('abort', interrupt);
    process.removeListener('exit', interrupt);
    if (log !== undefined) closeSync(log);
  }
}

/**
 * The same for a step that has to succeed.
 * @throws {ArcadiaError} `command_failed`, with the end of its log
 */
export async function runOrFail(command: Command, signal: AbortSignal): Promise<void> {
  const code = await runToEnd(command, signal);
  if (code === 0) return;
  const log =
    command.logFile === undefined
      ? ''
      : `. The end of ${command.logFile}:\n${await lastLogLines(command.logFile)}`;
  throw new ArcadiaError('command_failed', `${command.name} ended with exit code ${code}${log}`);
}
