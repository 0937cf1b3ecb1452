import { z } from 'zod';
import { ingestFromFiles } from './ingestInvoice.ts';

/** One ingest in a process of its own, so that its memory is its own: the task comes and the report goes by message. */
const task = z.object({
  csvFile: z.string(),
  itemsFile: z.string(),
  appUrl: z.string(),
  provider: z.string(),
  invoiceUuid: z.string(),
  amount: z.string(),
  explain: z.boolean(),
});

process.once('message', async (message) => {
  process.send?.(await ingestFromFiles(task.parse(message)));
  process.disconnect();
});
