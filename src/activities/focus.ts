import { ArcadiaError } from '../domain/errors.ts';
import { type TakenFolder, takeFocusFolder } from '../services/takeFocusFolder.ts';
import {
  finishFocusFile,
  invoicesOfFocusFile,
  type TakenInFile,
  takeInFocusFile,
} from '../services/takeInFocusFile.ts';
import { type ActivityDependencies, systemEntityManager } from './dependencies.ts';
import { reportProgress } from './keepAlive.ts';

const gibibyte = 1024 ** 3;
/** How long a file of the folder must not have changed to be taken as finished. */
const quietMs = 3_000;

export function createFocusActivities(dependencies: ActivityDependencies) {
  return {
    /** Reads a file through, checks it, and makes its invoices known; or refuses it whole. */
    async takeInFocusFile(input: { fileId: string }): Promise<TakenInFile> {
      return takeInFocusFile(systemEntityManager(dependencies), {
        fileId: input.fileId,
        now: new Date(),
        ownApis: new Set(dependencies.providers.keys()),
        onProgress: (rows) => reportProgress({ rows }),
      });
    },

    async listFocusInvoices(input: {
      fileId: string;
      after: string | null;
      limit: number;
    }): Promise<{ id: string; provider: string; invoiceUuid: string; period: string }[]> {
      return invoicesOfFocusFile(systemEntityManager(dependencies), input);
    },

    async finishFocusFile(input: { fileId: string }): Promise<void> {
      await finishFocusFile(systemEntityManager(dependencies), input.fileId, new Date());
    },

    /** Takes in what is new in the watched folder; fails for good where no folder is configured. */
    async takeFocusFolder(): Promise<TakenFolder> {
      const { focusFolder, focusFileLimit } = dependencies;
      if (focusFolder === undefined) {
        throw new ArcadiaError('focus_folder_not_configured', 'FOCUS_FOLDER is not set for this worker');
      }
      return takeFocusFolder(systemEntityManager(dependencies), {
        folder: focusFolder,
        now: new Date(),
        limit: focusFileLimit ?? gibibyte,
        quietMs,
        onProgress: (files) => reportProgress({ files }),
      });
    },
  };
}
