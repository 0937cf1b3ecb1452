import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { TemporalConfig } from './config.ts';

export interface TemporalClient {
  readonly client: Client;
  readonly connection: Connection;
  readonly close: () => Promise<void>;
}

/**
 * Connects to Temporal as its own environment configuration says: `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, TLS, API key, or a
 * profile in a TOML file; the address and namespace default to ours.
 */
export async function connectTemporal(config: TemporalConfig): Promise<TemporalClient> {
  const { connectionOptions, namespace } = temporalConnection(config);
  const connection = await Connection.connect({ ...connectionOptions, connectTimeout: '5s' });
  return {
    client: new Client({ connection, namespace }),
    connection,
    close: () => connection.close(),
  };
}

/** Address, TLS, credentials and namespace, for clients and workers alike. */
export function temporalConnection(config: TemporalConfig) {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  return {
    connectionOptions: {
      ...connectionOptions,
      address: connectionOptions.address ?? config.TEMPORAL_ADDRESS,
    },
    namespace: namespace ?? config.TEMPORAL_NAMESPACE,
  };
}
