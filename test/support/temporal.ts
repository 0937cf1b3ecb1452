import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { EphemeralServerExecutable } from '@temporalio/testing';
import { cacheFolder } from '../../scripts/temporalExecutable.mjs';

const run = promisify(execFile);

const VERSION = '1.38.0';

/**
 * The Temporal test server, which lets months pass in a second; for `TestWorkflowEnvironment.createTimeSkipping`. Where Java
 * and Maven are there, it is fetched as a Maven package, once into the user's cache (about a minute); else the SDK downloads it.
 * It has no schedules, and skips time for all its workflows: a test file needs one of its own.
 */
export async function timeSkippingExecutable(): Promise<EphemeralServerExecutable> {
  const folder = path.join(cacheFolder(), `temporal-test-server-${VERSION}`);
  const launcher = path.join(folder, 'launcher');
  if (!(await succeeds(access(launcher)))) {
    const hasMaven =
      (await succeeds(run('mvn', ['--version']))) && (await succeeds(run('java', ['-version'])));
    if (!hasMaven) return { type: 'cached-download', downloadDir: cacheFolder() };
    await fetchWithMaven(folder);
  }
  return { type: 'existing-path', path: launcher };
}

async function fetchWithMaven(folder: string): Promise<void> {
  await mkdir(cacheFolder(), { recursive: true });
  const unfinished = await mkdtemp(path.join(cacheFolder(), 'temporal-test-server-new-'));
  try {
    await writeFile(path.join(unfinished, 'pom.xml'), pom);
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=lib'];
    await run('mvn', ['--batch-mode', '--quiet', ...goal], { cwd: unfinished, maxBuffer: 64 * 1024 * 1024 });
    await writeFile(path.join(unfinished, 'launcher'), launcherScript, { mode: 0o755 });
    await rename(unfinished, folder).catch(async (error: unknown) => {
      // Another test file was faster.
      if (!(await succeeds(access(path.join(folder, 'launcher'))))) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>arcadia-cloud</groupId>
  <artifactId>temporal-test-server-launcher</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>io.temporal</groupId>
      <artifactId>temporal-test-server</artifactId>
      <version>${VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;

/** The SDK calls it with a port. `exec`, so that the SDK's signal reaches Java. */
const launcherScript = `#!/bin/sh
exec java -cp "$(dirname "$0")/lib/*" io.temporal.testserver.TestServer "$@"
`;

async function succeeds(attempt: Promise<unknown>): Promise<boolean> {
  return await attempt.then(
    () => true,
    () => false,
  );
}
