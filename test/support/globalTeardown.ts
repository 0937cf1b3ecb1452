import type { Supervisor } from '../../dev/stack/supervisor.ts';

declare global {
  /** What the set-up hands to the teardown: both run in Jest's own process. */
  var testServers: Supervisor | undefined;
  var removeTestBundle: (() => Promise<void>) | undefined;
}

/** Stops what globalSetup.ts started, after the last test. */
export default async function globalTeardown(): Promise<void> {
  await Promise.all([globalThis.testServers?.stop(), globalThis.removeTestBundle?.()]);
}
