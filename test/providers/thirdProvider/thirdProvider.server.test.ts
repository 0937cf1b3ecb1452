import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createMemoryLimiter } from '../../../src/providers/limiter.ts';
import { listCostLines } from '../../../src/services/listCostLines.ts';
import { readInvoice } from '../../../src/services/listInvoices.ts';
import { workflowIds } from '../../../src/workflows/ids.ts';
import type { DiscoverInvoicesResult } from '../../../src/workflows/messages.ts';
import { taskQueues } from '../../../src/workflows/taskQueues.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { startTestWorker, type TestWorker } from '../../support/worker.ts';
import { type AnsweringServer, startAnsweringServer } from '../digitalocean/answeringServer.ts';
import { createThirdProvider } from './provider.ts';

const answers: Readonly<Record<string, string>> = {
  '/servers': JSON.stringify([
    { id: '71', name: 'shop', type: 'cx22', created: '2026-03-01T00:00:00Z' },
    { id: '72', name: 'mail', type: 'cx22', created: '2026-03-01T00:00:00Z' },
  ]),
  '/bills': JSON.stringify([
    { id: 'R-1', month: '2026-04', issued: '2026-05-02T00:00:00Z', euro: '9.52' },
    { id: 'R-2', month: '2026-05', issued: '2026-06-02T00:00:00Z', euro: '4.00' },
  ]),
  '/bills/R-1.csv':
    'service,server,server_id,from,until,euro\n' +
    'Server,shop,71,2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,4.00\n' +
    'Server,Mail,,2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,4.00\n' +
    'VAT,,,2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,1.52\n',
  '/bills/R-2.csv':
    'service,server,server_id,from,until,euro\n' +
    'Server,shop,71,2026-05-01T00:00:00Z,2026-06-01T00:00:00Z,four\n',
};

/** The example of docs/addingAProvider.md: it works, and it is as short as the page says. */
describe('a third provider', () => {
  let database: TestDatabase;
  let cloud: AnsweringServer;
  let worker: TestWorker;

  beforeAll(async () => {
    database = await createTestDatabase();
    cloud = await startAnsweringServer((request, response) => {
      const body = answers[request.url ?? ''];
      response.writeHead(body === undefined ? 404 : 200).end(body);
    });
    const limiter = createMemoryLimiter({ key: 'third', perMinute: 600, perHour: 6000 });
    worker = await startTestWorker({
      appUrl: database.appUrl,
      providers: [createThirdProvider({ url: cloud.url, limiter })],
      namespace: 'third-provider',
    });
  }, 60_000);

  afterAll(async () => {
    await worker?.stop();
    await cloud?.close();
    await database?.drop();
  });

  it('is inventoried, discovered, ingested, reconciled and matched by the same workflows; a bad bill is held', async () => {
    await worker.client.workflow.execute('syncInventory', {
      workflowId: workflowIds.syncInventory('fast'),
      taskQueue: taskQueues.syncFast,
      args: [{ provider: 'third', speed: 'fast' }],
    });
    const discovery: DiscoverInvoicesResult = await worker.client.workflow.execute('discoverInvoices', {
      workflowId: workflowIds.discoverInvoices(),
      taskQueue: taskQueues.billing,
      args: [{ provider: 'third' }],
    });
    expect(discovery).toMatchObject({ invoices: 2, ingested: 1, held: 1 });
    const { lines } = await listCostLines(
      worker.em(),
      { period: '2026-04-01' },
      { limit: 10, after: undefined },
    );
    expect(lines.map((line) => line.matchOutcome)).toEqual(['matched_by_id', 'matched_by_name', 'tax']);
    const held = await readInvoice(worker.em(), 'R-2');
    expect(held?.error?.message).toBe('line 2, column euro: expected an amount like 12.50');
  }, 60_000);

  it('takes under 100 lines of code beside its parser', async () => {
    const source = await readFile(new URL('provider.ts', import.meta.url), 'utf8');
    expect(source.split('\n').length).toBeLessThan(100);
  });
});
