import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type Logger, type WorkflowBundleWithSourceMap } from '@temporalio/worker';

/** Bundles the workflows with what runs around each of them; workers and replays take the same. */
export function bundleWorkflows(
  logger: Logger,
  workflowsPath = fileURLToPath(new URL('./workflows/index.ts', import.meta.url)),
): Promise<WorkflowBundleWithSourceMap> {
  return bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules: [fileURLToPath(new URL('./workflows/nameFailures.ts', import.meta.url))],
    logger,
  });
}
