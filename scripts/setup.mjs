/**
 * node scripts/setup.mjs [--quiet]: makes a fresh clone ready to run, and does only what is missing: the packages (with the
 * Node that the project runs on) and the Temporal server. npm runs it before `npm start` and `npm test`. It needs Node 20
 * and nothing installed. --quiet says nothing when everything is there.
 */
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { assertNodeVersion, installPackages, packagesAreInstalled } from './nodeModules.mjs';
import { elapsedText } from './runCommand.mjs';
import { withSetupLock } from './setupLock.mjs';
import { SetupProblem } from './setupProblem.mjs';
import { installTemporalServer, temporalServerIsThere } from './temporalServer.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const isQuiet = process.argv.includes('--quiet');
// On stderr: `npm start -- --once --json` promises that the last line on stdout is its result.
const say = (line) => process.stderr.write(`${line}\n`);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

try {
  if (isReady()) {
    if (!isQuiet) say('Packages and Temporal server: there.');
  } else {
    await withSetupLock(
      lockFile(),
      () => say('Another set-up of this folder is running; waiting for it.'),
      installWhatIsMissing,
    );
  }
  await assertNodeVersion(root);
} catch (error) {
  say(`\n${explain(error)}\n`);
  process.exit(1);
}

function isReady() {
  return packagesAreInstalled(root) && temporalServerIsThere();
}

async function installWhatIsMissing() {
  const startedAt = Date.now();
  if (!packagesAreInstalled(root)) await installPackages(root, say);
  if (!temporalServerIsThere()) await installTemporalServer(root, say);
  say(`Set-up finished in ${elapsedText(Date.now() - startedAt)}.`);
}

function lockFile() {
  return path.join(root, '.data', 'setup.lock');
}

function explain(error) {
  if (error instanceof SetupProblem) return error.message;
  if (['EACCES', 'EPERM', 'EROFS'].includes(error.code)) {
    return `No permission to write ${error.path ?? root}. Make the folder ${root} yours (chown), then run the command again.`;
  }
  if (error.code === 'ENOSPC')
    return `The disk under ${root} is full. Free about 2 GB, then run the command again.`;
  return error.stack ?? String(error);
}
