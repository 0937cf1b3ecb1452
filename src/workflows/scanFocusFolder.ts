import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  CancellationScope,
  ChildWorkflowFailure,
  executeChild,
  ParentClosePolicy,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow';
import { databaseActivities } from './activityOptions.ts';
import { workflowIds } from './ids.ts';
import { ingestFocusFile } from './ingestFocusFile.ts';
import type { ScanFocusFolderInput, ScanFocusFolderResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';
import { taskQueues } from './taskQueues.ts';

/** Takes in what is new in the watched folder and ingests it, one file after the other in the order of their names. */
export async function scanFocusFolder(_input: ScanFocusFolderInput): Promise<ScanFocusFolderResult> {
  enterPhase('looking', 'Looking for new files');
  const { files, waiting, problems } = await databaseActivities.takeFocusFolder();
  let ingested = 0;
  let refused = 0;
  for (const file of waiting) {
    enterPhase('ingesting', `Ingesting ${file.name}`);
    const outcome = await ingest(file.fileId, file.sha256, file.name);
    if (outcome === 'ingested') ingested += 1;
    if (outcome === 'refused') refused += 1;
  }
  const summary = [
    `${files} files, ${waiting.length} new: ${ingested} ingested, ${refused} refused`,
    ...problems,
  ].join('\n');
  enterPhase('done', summary);
  if (problems.length > 0) reportProblem('focus_file_not_taken', summary);
  else if (refused > 0) reportProblem('focus_file_refused', summary);
  return { files, newFiles: waiting.length, ingested, refused, problems };
}

async function ingest(
  fileId: string,
  sha256: string,
  name: string,
): Promise<'ingested' | 'unchanged' | 'refused' | 'notIngested'> {
  try {
    const { outcome } = await executeChild(ingestFocusFile, {
      workflowId: workflowIds.ingestFocusFile(sha256),
      taskQueue: taskQueues.billing,
      args: [{ fileId }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      staticSummary: `Ingest the FOCUS file ${name}`,
    });
    return outcome;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 'notIngested';
    if (error instanceof ChildWorkflowFailure && !CancellationScope.current().consideredCancelled) {
      return 'notIngested';
    }
    throw error;
  }
}
