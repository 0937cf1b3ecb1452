import { readFile, writeFile } from 'node:fs/promises';
import { DefaultLogger, type WorkflowBundle } from '@temporalio/worker';
import { bundleWorkflows } from '../../src/workflowBundle.ts';
import { testWorkflowBundle } from './addresses.ts';

/** Says nothing but errors. */
export const quiet = new DefaultLogger('ERROR');

let bundled: Promise<WorkflowBundle> | undefined;

/** The workflows as workers run them; made once a run of Jest where it has servers, else once a test file. */
export function workflowBundle(): Promise<WorkflowBundle> {
  bundled ??= readOrBundle();
  return bundled;
}

async function readOrBundle(): Promise<WorkflowBundle> {
  const file = testWorkflowBundle();
  return file === undefined ? bundleWorkflows(quiet) : { code: await readFile(file, 'utf8') };
}

/** Bundles the workflows into a file, for test files that ask for them. */
export async function writeWorkflowBundle(file: string): Promise<void> {
  const { code } = await bundleWorkflows(quiet);
  await writeFile(file, code);
}
