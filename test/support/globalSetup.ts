import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BUNDLE_VARIABLE } from './addresses.ts';
import { startTestServers } from './servers.ts';
import { writeWorkflowBundle } from './workflowBundle.ts';

/** Jest runs it once for all projects that name it, before the first test. */
export default async function globalSetup(): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'arcadia-cloud-bundle-'));
  const bundle = path.join(folder, 'workflows.js');
  globalThis.removeTestBundle = () => rm(folder, { recursive: true, force: true });
  const [servers] = await Promise.all([startTestServers(), writeWorkflowBundle(bundle)]);
  globalThis.testServers = servers;
  process.env[BUNDLE_VARIABLE] = bundle;
}
