import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { freePort } from '../../dev/stack/ports.ts';
import { startTemporal, type Temporal } from '../../dev/stack/temporal.ts';
import {
  ensureSearchAttributes,
  type SearchAttributeTypes,
} from '../../src/temporalSetup/searchAttributes.ts';
import { testTemporalAddress } from '../support/addresses.ts';

describe('the embedded Temporal server', () => {
  let folder: string;
  let started: Temporal[];

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'arcadia-cloud-temporal-'));
    started = [];
  });

  afterEach(async () => {
    for (const temporal of started) await temporal.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(
    searchAttributes: SearchAttributeTypes,
    ports: { port?: number; uiPort?: number } = {},
  ) {
    const temporal = await startTemporal({
      dbFile: path.join(folder, 'temporal.db'),
      port: ports.port ?? (await freePort()),
      ...(ports.uiPort === undefined ? {} : { uiPort: ports.uiPort }),
      searchAttributes,
      logFile: path.join(folder, 'temporal.log'),
      runFolder: path.join(folder, 'run'),
    });
    started.push(temporal);
    return temporal;
  }

  it('keeps workflows from one start to the next, and data of an older version gets new search attributes', async () => {
    const first = await start({ Tenant: 'Keyword' });
    const workflowId = await startWorkflow(first.address, { Tenant: ['acme'] });
    await first.stop();

    const second = await start({ Tenant: 'Keyword', Lines: 'Int' });
    await expect(workflowStatus(second.address, workflowId)).resolves.toBe('RUNNING');
    const newer = await startWorkflow(second.address, { Tenant: ['acme'], Lines: [33] });
    await expect(workflowStatus(second.address, newer)).resolves.toBe('RUNNING');
  }, 60_000);

  it('serves its Web UI where it says, and not without a port for it', async () => {
    const temporal = await start({}, { uiPort: await freePort() });
    const page = await fetch(String(temporal.uiUrl));
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('<html');
    await temporal.stop();
    expect((await start({})).uiUrl).toBeUndefined();
  }, 60_000);

  it('names both ports when both are in use', async () => {
    const uiPort = await freePort();
    const { address } = await start({}, { uiPort });
    const port = Number(address.split(':')[1]);
    await expect(start({}, { port, uiPort })).rejects.toMatchObject({
      code: 'port_unavailable',
      message: [
        `Port ${port}, which Temporal needs, is in use by another program. Choose another one with TEMPORAL_PORT=<port>.`,
        `Port ${uiPort}, which Temporal's Web UI needs, is in use by another program. Choose another one with TEMPORAL_UI_PORT=<port>.`,
      ].join('\n'),
    });
  }, 60_000);
});

describe('ensureSearchAttributes', () => {
  it('can run again, and refuses to go on with an attribute of another type', async () => {
    const connection = await Connection.connect({ address: testTemporalAddress() });
    try {
      await ensureSearchAttributes(connection, 'default', { StackTest: 'Keyword' });
      await ensureSearchAttributes(connection, 'default', { StackTest: 'Keyword' });
      await expect(ensureSearchAttributes(connection, 'default', { StackTest: 'Int' })).rejects.toMatchObject(
        {
          code: 'search_attribute_conflict',
          context: { name: 'StackTest', known: 'Keyword', wanted: 'Int' },
        },
      );
    } finally {
      await connection.close();
    }
  }, 60_000);
});

async function startWorkflow(
  address: string,
  searchAttributes: Record<string, string[] | number[]>,
): Promise<string> {
  return await withClient(address, async (client) => {
    const workflowId = `stack-test:${randomUUID()}`;
    await client.workflow.start('neverWorkedOn', { taskQueue: 'stack-test', workflowId, searchAttributes });
    return workflowId;
  });
}

async function workflowStatus(address: string, workflowId: string): Promise<string> {
  return await withClient(
    address,
    async (client) => (await client.workflow.getHandle(workflowId).describe()).status.name,
  );
}

async function withClient<T>(address: string, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}
