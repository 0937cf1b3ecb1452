import { writeFile } from 'node:fs/promises';
import type { Client } from '@temporalio/client';
import { historyToPlain } from '../support/workflowHistory.ts';

/** Writes the last run of a workflow beside this file, without what names the machine that recorded it. */
export async function saveHistory(client: Client, name: string, workflowId: string): Promise<void> {
  const history = await client.workflow.getHandle(workflowId).fetchHistory();
  const plain = JSON.stringify(historyToPlain(history), withoutThisMachine, 1);
  await writeFile(new URL(`${name}.json`, import.meta.url), `${plain}\n`);
  console.log(`${name}: ${history.events?.length ?? 0} events`);
}

/** Process, host and folders of whoever recorded it are nobody's business. */
function withoutThisMachine(key: string, value: unknown): unknown {
  if (key === 'identity') return 'worker';
  if (key === 'stackTrace') return '';
  // A worker's own queue is named after its process and host.
  if (key === 'name' && typeof value === 'string' && /^\d+@/.test(value)) return 'sticky';
  return value;
}
