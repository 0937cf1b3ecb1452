import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { searchAttributes } from './searchAttributes.ts';

/** Says where a workflow stands, to the operator who looks at it: as a search attribute and as the current details. */
export function enterPhase(phase: string, details: string): void {
  upsertSearchAttributes([{ key: searchAttributes.phase, value: phase }]);
  setCurrentDetails(details);
}

/** What was wrong is mended. */
export function clearProblem(): void {
  upsertSearchAttributes([{ key: searchAttributes.problem, value: null }]);
}

/** Names what is wrong, by its code, so that a filter finds the workflow. */
export function reportProblem(code: string, details: string): void {
  upsertSearchAttributes([{ key: searchAttributes.problem, value: code }]);
  setCurrentDetails(details);
}
