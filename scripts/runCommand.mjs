/**
 * Runs a program that may take minutes: keeps the end of its output, says every half minute that it still works,
 * and takes it down with us.
 */
import { spawn } from 'node:child_process';

const PROGRESS_MS = 30_000;
const KEPT_CHARACTERS = 20_000;

/**
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, limitMs?: number, progress?: (elapsed: string) => void }} options
 * @returns {Promise<{ ok: boolean, notFound: boolean, timedOut: boolean, output: string }>}
 */
export function runCommand(command, args, options) {
  return new Promise((resolve) => {
    const startedAt = Date.now();
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let timedOut = false;
    const keep = (chunk) => {
      output = (output + chunk).slice(-KEPT_CHARACTERS);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);

    const progress = setInterval(() => options.progress?.(elapsedText(Date.now() - startedAt)), PROGRESS_MS);
    const limit =
      options.limitMs &&
      setTimeout(() => {
        timedOut = true;
        child.kill('SIGKILL');
      }, options.limitMs);
    const takeDown = () => child.kill('SIGTERM');
    process.once('exit', takeDown);

    const finish = (ok, notFound) => {
      clearInterval(progress);
      clearTimeout(limit);
      process.removeListener('exit', takeDown);
      resolve({ ok, notFound, timedOut, output });
    };
    child.once('error', (error) => {
      keep(String(error.message));
      finish(false, error.code === 'ENOENT');
    });
    child.once('close', (code) => finish(code === 0, false));
  });
}

/** "4 min 30 s", "12 s". */
export function elapsedText(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/**
 * What a failed command most likely ran into. npm and Go name the system's own error codes in their output.
 * @returns {'network' | 'permission' | 'disk' | 'other'}
 */
export function failureKind(output) {
  if (/ENOSPC|EDQUOT|no space left on device|disk quota/i.test(output)) return 'disk';
  if (/\b(EACCES|EPERM|EROFS)\b|permission denied|read-only file system/i.test(output)) return 'permission';
  const network =
    /ENOTFOUND|ENOTCACHED|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|no such host|dial tcp|i\/o timeout|network/i;
  return network.test(output) ? 'network' : 'other';
}

/** The last lines of an output, without the names of the hosts that a machine gets its packages from. */
export function lastLines(output, count = 15) {
  return output
    .trim()
    .split('\n')
    .slice(-count)
    .map((line) => `  | ${withoutHosts(line)}`)
    .join('\n');
}

function withoutHosts(line) {
  return line
    .replace(/\bhttps?:\/\/[^\s/"']+/g, '<host>')
    .replace(/\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|lookup|dial tcp:?) \S+/g, '$1 <host>');
}
