import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { ensureNamespace } from '../../src/temporalSetup/namespace.ts';
import { ensureSearchAttributes } from '../../src/temporalSetup/searchAttributes.ts';
import { searchAttributeTypes } from '../../src/workflows/searchAttributes.ts';
import { testTemporalAddress } from '../support/addresses.ts';

export interface TemporalUnderTest {
  readonly client: Client;
  readonly address: string;
  readonly namespace: string;
  close(): Promise<void>;
}

/** A namespace of its own on the run's Temporal server: no worker of another test serves it. */
export async function connectTestTemporal(): Promise<TemporalUnderTest> {
  const address = testTemporalAddress();
  const namespace = `api-${randomUUID()}`;
  const connection = await Connection.connect({ address });
  await ensureNamespace(connection, namespace);
  await ensureSearchAttributes(connection, namespace, searchAttributeTypes);
  return {
    client: new Client({ connection, namespace }),
    address,
    namespace,
    close: () => connection.close(),
  };
}
