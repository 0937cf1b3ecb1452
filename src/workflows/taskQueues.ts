import type { SyncSpeed } from '../domain/resourceKind.ts';

/** Every task queue; a worker serves any subset of them. */
export const taskQueues = {
  syncFast: 'cloud-sync-fast',
  syncFull: 'cloud-sync-full',
  syncSlow: 'cloud-sync-slow',
  billing: 'cloud-billing',
  metering: 'metering',
  provisioning: 'provisioning',
  /** By itself: endpoints that hang hold up nothing but each other. */
  webhooks: 'webhooks',
} as const;
export type TaskQueue = (typeof taskQueues)[keyof typeof taskQueues];
export const allTaskQueues: readonly TaskQueue[] = Object.values(taskQueues);

/** The queue that serves an inventory sync of this speed. */
export const syncQueues: Readonly<Record<SyncSpeed, TaskQueue>> = {
  fast: taskQueues.syncFast,
  full: taskQueues.syncFull,
  slow: taskQueues.syncSlow,
};
