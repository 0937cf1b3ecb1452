import { z } from 'zod';
import type { ApiConfig } from '../config.ts';
import type { Reply } from './route.ts';
import { link } from './schemas.ts';
import type { StartedWorkflow } from './startWorkflow.ts';

const links = z.strictObject({ process: link, temporal_ui: link });

export const startedWorkflow = z
  .strictObject({ workflow_id: z.string(), run_id: z.string(), links })
  .meta({ id: 'StartedWorkflow' });

/** The answer of every route that starts a workflow. */
export const started = {
  status: 202,
  description: 'It runs; `Location` and the links say where to watch it.',
  schema: startedWorkflow,
} as const;

/** Where the API shows a process. */
export const processLink = (workflowId: string) => `/api/v1/processes/${encodeURIComponent(workflowId)}`;

/** Where the Temporal Web UI shows a run. */
export function temporalUiLink(config: ApiConfig, workflowId: string, runId: string): string {
  const namespace = encodeURIComponent(config.TEMPORAL_NAMESPACE);
  const path = `namespaces/${namespace}/workflows/${encodeURIComponent(workflowId)}/${runId}/history`;
  return `${config.TEMPORAL_UI_URL.replace(/\/+$/, '')}/${path}`;
}

export function startedReply(
  config: ApiConfig,
  run: StartedWorkflow,
): Reply<z.input<typeof startedWorkflow>> {
  const process = processLink(run.workflowId);
  return {
    status: 202,
    headers: { Location: process },
    body: {
      workflow_id: run.workflowId,
      run_id: run.runId,
      links: { process, temporal_ui: temporalUiLink(config, run.workflowId, run.runId) },
    },
  };
}
