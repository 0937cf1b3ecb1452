/**
 * Where the Temporal server's program is, shared by the set-up (plain JavaScript, any Node) and by `dev/stack`.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** The newest version of the Temporal CLI that `go install` can build: later ones replace a nested module. */
export const TEMPORAL_CLI_VERSION = '1.5.1';

/** Fair queues (`matching.enableFairness`) came with this version of the server. */
const OLDEST_SERVER = [1, 29];

/** The user's cache folder of this project, shared by all clones. A relative XDG_CACHE_HOME is void, says its standard. */
export function cacheFolder(env = process.env) {
  const given = env.XDG_CACHE_HOME ?? '';
  return path.join(path.isAbsolute(given) ? given : path.join(homedir(), '.cache'), 'arcadia-cloud');
}

/** Where the set-up puts the program. */
export function cachedTemporalPath(env = process.env) {
  return path.join(cacheFolder(env), `temporal-cli-${TEMPORAL_CLI_VERSION}`, 'temporal');
}

/**
 * The first Temporal program that starts and is new enough: on PATH, then in the cache.
 * A truncated or foreign file answers nothing to `--version`, so it is passed over and fetched again.
 */
export function findTemporalExecutable(env = process.env) {
  const onPath = (env.PATH ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const candidates = [...onPath.map((folder) => path.join(folder, 'temporal')), cachedTemporalPath(env)];
  return candidates.find(isUsable);
}

function isUsable(candidate) {
  try {
    accessSync(candidate, constants.X_OK);
    const answer = execFileSync(candidate, ['--version'], {
      encoding: 'utf8',
      timeout: 20_000,
      stdio: 'pipe',
    });
    const [, major, minor] = /server (\d+)\.(\d+)/i.exec(answer) ?? [];
    return (
      Number(major) > OLDEST_SERVER[0] ||
      (Number(major) === OLDEST_SERVER[0] && Number(minor) >= OLDEST_SERVER[1])
    );
  } catch {
    return false;
  }
}
