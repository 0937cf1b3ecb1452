import { createReadStream } from 'node:fs';
import path from 'node:path';
import { type StartedWorkflow, startFocusIngest } from './api/startWorkflow.ts';
import type { ImportConfig } from './config.ts';
import type { FocusDataset, FocusVersion } from './domain/focus/columns.ts';
import { startOrm } from './orm.ts';
import { storeFocusFile } from './services/storeFocusFile.ts';
import { forSession, systemSession } from './session.ts';
import { connectTemporal } from './temporalClient.ts';

/** Takes in a file of this machine, as an upload does, and starts its ingest; the workers need not see the file. */
export async function importFocusFile(
  config: ImportConfig,
  file: string,
  declared: { readonly dataset?: FocusDataset; readonly version?: FocusVersion },
): Promise<StartedWorkflow & { readonly isNew: boolean }> {
  const orm = await startOrm({ url: config.DATABASE_URL, poolSize: 2 });
  try {
    const name = path.basename(file);
    const stored = await storeFocusFile(
      forSession(orm, systemSession),
      {
        ...declared,
        name,
        uploadedBy: 'command line',
        now: new Date(),
        limit: config.FOCUS_FILE_MAX_BYTES,
      },
      createReadStream(file),
    );
    const temporal = await connectTemporal(config);
    try {
      return { ...(await startFocusIngest(temporal.client, { ...stored, name })), isNew: stored.isNew };
    } finally {
      await temporal.close();
    }
  } finally {
    await orm.close(true);
  }
}
