import { databaseActivities } from './activityOptions.ts';
import type { IngestFocusFileResult, ScanFocusFolderInput, ScanFocusFolderResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';
import { runAlone } from './startAlone.ts';
import { workflowStarts } from './workflowStarts.ts';

/** Takes in what is new in the watched folder and ingests it, one file after the other in the order of their names. */
export async function scanFocusFolder(_input: ScanFocusFolderInput): Promise<ScanFocusFolderResult> {
  enterPhase('looking', 'Looking for new files');
  const { files, waiting, problems } = await databaseActivities.takeFocusFolder();
  let ingested = 0;
  let refused = 0;
  for (const file of waiting) {
    enterPhase('ingesting', `Ingesting ${file.name}`);
    const ended = await runAlone<IngestFocusFileResult>(
      workflowStarts.ingestFocusFile({ fileId: file.fileId }, file),
    );
    if (ended === 'alreadyRunning' || ended === 'stopped') continue;
    if (ended.outcome === 'ingested') ingested += 1;
    if (ended.outcome === 'refused') refused += 1;
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
