import { startTestServers } from './servers.ts';

/** Jest runs it once for all projects that name it, before the first test. */
export default async function globalSetup(): Promise<void> {
  globalThis.testServers = await startTestServers();
}
