/** Installs the packages of package-lock.json, among them the Node that runs the project. */
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { failureKind, lastLines, runCommand } from './runCommand.mjs';
import { SetupProblem } from './setupProblem.mjs';

/** Jest loads ECMAScript modules with `require` from this version on. */
const OLDEST_NODE = [24, 9];

const NPM_OPTIONS = ['--include=dev', '--include=optional', '--no-audit', '--no-fund'];

const binFolder = (root) => path.join(root, 'node_modules', '.bin');
const stampFile = (root) => path.join(root, 'node_modules', '.arcadia-cloud-installed');

/** PATH as npm scripts see it: the project's own programs first. */
export function projectEnvironment(root, env = process.env) {
  return { ...env, PATH: [binFolder(root), env.PATH ?? ''].join(path.delimiter) };
}

/**
 * True when the last `npm ci` of this lock file came to its end. The stamp is written after it, and npm's first step is to
 * empty node_modules: an installation that was cut short has none.
 */
export function packagesAreInstalled(root) {
  try {
    return readFileSync(stampFile(root), 'utf8') === stampText(root);
  } catch {
    return false;
  }
}

/** Throws a SetupProblem that says what stood in the way. */
export async function installPackages(root, say) {
  assertWritable(root);
  say('Installing the packages (npm ci). It takes about a minute, on a slow line some minutes.');
  const env = machineEnvironment(root);
  // Without a network npm tries again for minutes, also when everything is in its cache.
  const options = (await registryAnswers(root, env)) ? NPM_OPTIONS : [...NPM_OPTIONS, '--offline'];
  const result = await runCommand('npm', ['ci', ...options], {
    cwd: root,
    env,
    progress: (elapsed) => say(`  still installing packages (${elapsed})`),
  });
  if (!result.ok) throw installProblem(root, result);
  writeFileSync(stampFile(root), stampText(root));
}

/** A registry that answers with an error is one that can be reached: some have no answer to a ping. */
async function registryAnswers(root, env) {
  const ping = await runCommand('npm', ['ping', '--fetch-retries=0'], { cwd: root, env, limitMs: 15_000 });
  return !ping.timedOut && (ping.ok || failureKind(ping.output) !== 'network');
}

/** Throws a SetupProblem when the Node that npm scripts of this project find is too old or does not start. */
export async function assertNodeVersion(root) {
  const result = await runCommand('node', ['--version'], { cwd: root, env: projectEnvironment(root) });
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(result.output) ?? [];
  const isNewEnough =
    Number(major) > OLDEST_NODE[0] || (Number(major) === OLDEST_NODE[0] && Number(minor) >= OLDEST_NODE[1]);
  if (result.ok && isNewEnough) return;
  const found = result.ok ? `finds ${result.output.trim()}` : `cannot start it (${result.output.trim()})`;
  throw new SetupProblem(
    'node_too_old',
    `The project runs on Node ${OLDEST_NODE.join('.')} or later, and ${found}. ` +
      'The packages bring that Node for Linux with glibc on x64 and arm64; ' +
      `on this machine (${process.platform} ${process.arch}) install Node 24 yourself, then run the command again.`,
  );
}

function assertWritable(root) {
  try {
    accessSync(root, constants.W_OK);
    if (existsSync(path.join(root, 'node_modules')))
      accessSync(path.join(root, 'node_modules'), constants.W_OK);
  } catch {
    throw new SetupProblem('folder_not_writable', notWritable(root));
  }
}

const notWritable = (root) =>
  `No permission to write in ${root}. Make the folder yours (chown), or clone the project to a folder that is, ` +
  'then run the command again.';

function installProblem(root, result) {
  if (result.notFound) {
    return new SetupProblem(
      'npm_missing',
      'The program npm was not found on PATH. Install Node 20 or later with npm.',
    );
  }
  const kind = failureKind(result.output);
  if (kind === 'network') {
    return new SetupProblem(
      'no_network',
      'The packages could not be fetched: the package registry cannot be reached from this machine. ' +
        'Check the network (and the proxy settings of npm, if you use one), then run the command again.',
    );
  }
  if (kind === 'permission')
    return new SetupProblem('folder_not_writable', `${notWritable(root)}\n${lastLines(result.output)}`);
  if (kind === 'disk') {
    return new SetupProblem(
      'disk_full',
      `The disk under ${root} is full. Free about 2 GB, then run the command again.`,
    );
  }
  if (/code EUSAGE/.test(result.output) && /in sync/.test(result.output)) {
    return new SetupProblem(
      'lock_out_of_step',
      'package.json and package-lock.json do not agree. If you changed package.json, run: npm install',
    );
  }
  return new SetupProblem('npm_failed', `npm ci failed. Its last lines:\n${lastLines(result.output)}`);
}

/**
 * npm must run on the machine's own Node: `npm ci` deletes the one in node_modules, from under whoever runs on it.
 * A production setting of the user must not leave out what the tests and the local stack need.
 */
function machineEnvironment(root) {
  const { NODE_ENV: _production, npm_config_omit: _omit, ...env } = process.env;
  const folders = (env.PATH ?? '')
    .split(path.delimiter)
    .filter((folder) => path.resolve(folder) !== binFolder(root));
  return { ...env, PATH: folders.join(path.delimiter) };
}

function stampText(root) {
  const lock = createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  return `${lock} ${process.platform} ${process.arch}\n`;
}
