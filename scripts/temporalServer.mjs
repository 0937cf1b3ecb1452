/** Fetches the Temporal server's program into the user's cache folder: the official download, else a build from source. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectEnvironment } from './nodeModules.mjs';
import { failureKind, lastLines, runCommand } from './runCommand.mjs';
import { SetupProblem } from './setupProblem.mjs';
import {
  cachedTemporalPath,
  cacheFolder,
  findTemporalExecutable,
  TEMPORAL_CLI_VERSION,
} from './temporalExecutable.mjs';

const DOWNLOAD_SCRIPT = fileURLToPath(new URL('./downloadTemporalServer.mjs', import.meta.url));
const DOWNLOAD_LIMIT_MS = 4 * 60_000;
const GO_PACKAGE = `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI_VERSION}`;

/** True when its program is on this machine, or the environment names a running server. The tests always start their own. */
export function temporalServerIsThere(env = process.env) {
  const isForTests = env.npm_lifecycle_event?.startsWith('pretest') ?? false;
  return (Boolean(env.TEMPORAL_ADDRESS) && !isForTests) || findTemporalExecutable(env) !== undefined;
}

/** Throws a SetupProblem that names every way that was tried. */
export async function installTemporalServer(root, say) {
  const workFolder = createWorkFolder();
  try {
    const failures = [];
    for (const way of [download, buildFromSource]) {
      const failure = await way(root, workFolder, say);
      if (failure === undefined && putInPlace(path.join(workFolder, 'temporal'))) {
        say(`The Temporal server is in ${cachedTemporalPath()}; later clones on this machine find it there.`);
        return;
      }
      failures.push(failure ?? 'the program was fetched, but it does not start on this machine');
    }
    throw missingServer(failures);
  } finally {
    rmSync(workFolder, { recursive: true, force: true });
  }
}

async function download(root, workFolder, say) {
  say('Fetching the Temporal server: trying the official download.');
  const result = await runCommand('node', [DOWNLOAD_SCRIPT, workFolder, TEMPORAL_CLI_VERSION], {
    cwd: root,
    // Node's own fetch passes by the proxy of the environment unless it is asked to use it.
    env: { ...projectEnvironment(root), NODE_USE_ENV_PROXY: '1' },
    limitMs: DOWNLOAD_LIMIT_MS,
    progress: (elapsed) => say(`  still downloading (${elapsed})`),
  });
  if (result.ok) return undefined;
  const reason = result.timedOut
    ? 'it took longer than 4 minutes'
    : (result.output.trim().split('\n').at(-1) ?? '');
  say(`  no download: ${reason}.`);
  return `the official download: ${reason}`;
}

async function buildFromSource(_root, workFolder, say) {
  say(
    `Building the Temporal server from source (go install, version ${TEMPORAL_CLI_VERSION}). ` +
      'It is done once on a machine and takes about 7 minutes on 2 cores.',
  );
  const result = await runCommand('go', ['install', GO_PACKAGE], {
    cwd: workFolder,
    env: { ...process.env, GOBIN: workFolder },
    progress: (elapsed) => say(`  still building the Temporal server (${elapsed})`),
  });
  if (result.ok) return undefined;
  if (result.notFound) return 'a build from source: the program go was not found on PATH';
  const kind = failureKind(result.output);
  if (kind === 'network')
    return 'a build from source: the Go modules could not be fetched, there is no network to them';
  if (kind === 'disk') return 'a build from source: the disk is full; the build needs about 3 GB';
  return `a build from source: go install failed:\n${lastLines(result.output)}`;
}

/** Beside the final place, on the same file system, so that the finished program arrives by one atomic rename. */
function createWorkFolder() {
  try {
    mkdirSync(cacheFolder(), { recursive: true });
    return mkdtempSync(path.join(cacheFolder(), 'temporal-cli-new-'));
  } catch (error) {
    throw new SetupProblem(
      'cache_not_writable',
      `The cache folder ${cacheFolder()} cannot be written (${error.code}). ` +
        'Name a folder of your own in XDG_CACHE_HOME, then run the command again.',
    );
  }
}

function putInPlace(program) {
  if (!existsSync(program)) return false;
  chmodSync(program, 0o755);
  mkdirSync(path.dirname(cachedTemporalPath()), { recursive: true });
  renameSync(program, cachedTemporalPath());
  return findTemporalExecutable() !== undefined;
}

function missingServer(failures) {
  return new SetupProblem(
    'temporal_server_missing',
    [
      'The Temporal server could not be had. These ways were tried:',
      `- temporal on PATH, and ${cachedTemporalPath()}: not there, or too old`,
      ...failures.map((failure) => `- ${failure}`),
      'Do one of these, then run the command again:',
      '- connect the machine to the internet, or install Go 1.21 or later with access to its modules;',
      '- install the Temporal CLI (its documentation: "Set up a local development environment") so that `temporal` is on PATH;',
      '- set TEMPORAL_ADDRESS to a Temporal server that runs already (npm start only; the tests start their own).',
    ].join('\n'),
  );
}
