import type { LaunchResult } from './messages.ts';
import { enterPhase } from './progress.ts';
import { startAlone } from './startAlone.ts';
import type { WorkflowStart } from './workflowStarts.ts';

/**
 * What every schedule starts. A schedule appends its time to the id of what it starts, so it starts this, and this starts the named
 * workflow under its own id and lets it go on alone: one of a kind runs at a time, whether the schedule or the API started it.
 */
export async function launch(start: WorkflowStart): Promise<LaunchResult> {
  const started = await startAlone(start);
  enterPhase('done', started ? `Started ${start.workflowId}` : `${start.workflowId} was running already`);
  return { started };
}
