import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../../dev/stack/ports.ts';
import { startPostgres } from '../../dev/stack/postgres.ts';
import { stopLeftovers } from '../../dev/stack/runFolder.ts';
import { createSupervisor, type Supervisor } from '../../dev/stack/supervisor.ts';
import { startTemporal } from '../../dev/stack/temporal.ts';
import { searchAttributeTypes } from '../../src/workflows/searchAttributes.ts';
import { POSTGRES_VARIABLE, TEMPORAL_VARIABLE } from './addresses.ts';

const dataFolder = path.resolve(import.meta.dirname, '..', '..', '.data', 'test');

/** One PostgreSQL and one Temporal server for a whole run of Jest, with data that ends with it. */
export async function startTestServers(): Promise<Supervisor> {
  const runFolder = path.join(dataFolder, 'run');
  // A run that was killed leaves its servers; another run that lives at the same time keeps its own.
  await stopLeftovers(runFolder);
  const supervisor = createSupervisor(() => undefined);
  supervisor.stopOnSignals();
  try {
    const [postgres, temporal] = await Promise.all([
      addPostgres(supervisor, runFolder),
      addTemporal(supervisor, runFolder),
    ]);
    process.env[POSTGRES_VARIABLE] = postgres;
    process.env[TEMPORAL_VARIABLE] = temporal;
    return supervisor;
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
}

async function addPostgres(supervisor: Supervisor, runFolder: string): Promise<string> {
  const dataDir = path.join(tmpdir(), `arcadia-cloud-test-${randomUUID()}`);
  const postgres = await startPostgres({
    dataDir,
    port: await freePort(),
    logFile: path.join(dataFolder, 'logs', 'postgres.log'),
    runFolder,
    isDurable: false,
    maxConnections: 300,
  });
  supervisor.add({
    ...postgres,
    async stop() {
      await postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  });
  return postgres.ownerUrl;
}

async function addTemporal(supervisor: Supervisor, runFolder: string): Promise<string> {
  const temporal = await startTemporal({
    port: await freePort(),
    searchAttributes: searchAttributeTypes,
    // Each test file waits until its own namespace is served; two seconds unless set.
    dynamicConfig: ['system.namespaceCacheRefreshInterval="200ms"'],
    logFile: path.join(dataFolder, 'logs', 'temporal.log'),
    runFolder,
  });
  return supervisor.add(temporal).address;
}
