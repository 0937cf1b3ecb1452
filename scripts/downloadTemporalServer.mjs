/**
 * node downloadTemporalServer.mjs <folder> <version>: lets the Temporal SDK download its development server, and leaves the
 * program as <folder>/temporal. A program of its own, since it needs the installed packages and may have to be cut off.
 * The last line on stderr is the reason of a failure, for a person to read.
 */
import { readdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const ANSWER_WITHIN_MS = 8_000;
const [, , folder, version] = process.argv;

try {
  const { TestWorkflowEnvironment } = await import('@temporalio/testing');
  await assertReachable();
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', downloadDir: folder, version: `v${version}` } },
  });
  await environment.teardown();
  const program = readdirSync(folder).find(
    (name) => name.startsWith('temporal-') && !name.endsWith('.downloading'),
  );
  renameSync(path.join(folder, program), path.join(folder, 'temporal'));
} catch (error) {
  process.stderr.write(`\n${String(error.message).split('\n').at(0)}\n`);
  process.exit(1);
}

/** The SDK's own attempt hangs for minutes where packets are dropped: a plain request first costs seconds. */
async function assertReachable() {
  const address = `https://temporal.download/cli/v${version}?platform=${process.platform}&arch=${process.arch === 'x64' ? 'amd64' : process.arch}`;
  let status;
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    await response.body?.cancel();
    status = response.status;
  } catch {
    throw new Error('its site cannot be reached from here');
  }
  if (status !== 200) throw new Error(`its site answered ${status}`);
}
