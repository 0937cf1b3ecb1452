import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { storeFocusFile } from '../../src/services/storeFocusFile.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { fileOf, pieces, rowOf } from '../providers/focus/generatedFile.ts';
import { createTestDatabase } from '../support/database.ts';
import { startTestServers } from '../support/servers.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';
import { historyToPlain } from '../support/workflowHistory.ts';

/**
 * Records real runs of the workflows of FOCUS files beside this file, for the replay test: a sample that is ingested, one that is
 * known, one that is refused, one whose invoice is held, and a folder.
 */
async function recordFocusHistories(): Promise<void> {
  const servers = await startTestServers();
  const database = await createTestDatabase();
  const focusFolder = await mkdtemp(path.join(tmpdir(), 'focus-folder-'));
  const worker = await startTestWorker({
    appUrl: database.appUrl,
    providers: [],
    namespace: 'focus-histories',
    focusFolder,
  });
  try {
    await runEach(worker, focusFolder);
  } finally {
    await worker.stop();
    await database.drop();
    await rm(focusFolder, { recursive: true });
    await servers.stop();
  }
}

async function runEach(worker: TestWorker, focusFolder: string): Promise<void> {
  const sample = new URL('../../dev/golden/focus/focus_sample_1.0.csv', import.meta.url);
  const content = await readFile(sample);
  await ingest(content, 'ingestFocusFile');
  await ingest(content, 'ingestFocusFile-known');
  await ingest(fileOf([rowOf('1.2', { BilledCost: 'free' })]), 'ingestFocusFile-refused');
  await ingest(fileOf([rowOf('1.4', { InvoiceIssueStatus: 'Issued' }, 'invoice_detail')]), null);
  await ingest(fileOf([rowOf('1.4', { BilledCost: '9' })]), 'ingestFocusFile-held');
  await copyFile(sample, path.join(focusFolder, 'known.csv'));
  await writeFile(path.join(focusFolder, 'new.csv'), fileOf([rowOf('1.0')]));
  await worker.client.workflow.execute('scanFocusFolder', {
    workflowId: workflowIds.scanFocusFolder(),
    taskQueue: taskQueues.billing,
    args: [{}],
  });
  await save('scanFocusFolder', workflowIds.scanFocusFolder());

  async function ingest(file: Buffer, name: string | null): Promise<void> {
    const { id, sha256 } = await storeFocusFile(
      worker.em(),
      { name: 'file.csv', uploadedBy: 'recorder', now: new Date(), limit: 1024 ** 3 },
      pieces(file),
    );
    const workflowId = workflowIds.ingestFocusFile(sha256);
    await worker.client.workflow.execute('ingestFocusFile', {
      workflowId,
      taskQueue: taskQueues.billing,
      args: [{ fileId: id }],
    });
    if (name !== null) await save(name, workflowId);
  }

  async function save(name: string, workflowId: string): Promise<void> {
    const history = await worker.client.workflow.getHandle(workflowId).fetchHistory();
    const plain = JSON.stringify(historyToPlain(history), withoutThisMachine, 1);
    await writeFile(new URL(`${name}.json`, import.meta.url), `${plain}\n`);
    console.log(`${name}: ${history.events?.length ?? 0} events`);
  }
}

/** Process, host and folders of whoever recorded it are nobody's business. */
function withoutThisMachine(key: string, value: unknown): unknown {
  if (key === 'identity') return 'worker';
  if (key === 'stackTrace') return '';
  if (key === 'name' && typeof value === 'string') return value.replace(/^\d+@.+$/, 'worker');
  return value;
}

await recordFocusHistories();
