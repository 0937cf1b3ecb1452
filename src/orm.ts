import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Migrator } from '@mikro-orm/migrations';
import { MikroORM, type Options } from '@mikro-orm/postgresql';
import { giveBackBrokenConnections } from './brokenConnections.ts';
import { entities } from './entities/index.ts';

/** The tables that MikroORM does not manage: their migrations are written by hand. */
const unmanagedTables = ['cloud_cost_line_stage', 'cloud_invoice_item_stage', 'rate_limits'];

export interface OrmSettings {
  readonly url: string;
  /** The most connections that this process holds. */
  readonly poolSize?: number;
  /** Milliseconds after which PostgreSQL ends a statement; 0 is never. */
  readonly statementTimeoutMs?: number;
  /**
   * Milliseconds of silence after which this side gives a connection up, for a server that no longer answers at all; 0 is never. Longer
   * than `statementTimeoutMs`: PostgreSQL says nothing while a statement runs.
   */
  readonly silenceTimeoutMs?: number;
}

/**
 * A transaction whose process is silent for that long is rolled back: the process stands still or is out of reach, and the rows that
 * it has locked are needed by whoever does its work now. As long as the heartbeat time-out of activities.
 */
const abandonedAfterMs = 30_000;

/** How long a connection is waited for, be it a new one or a free one of the pool. */
const connectWithinMs = 10_000;

/** Starts MikroORM; the only place that does. It connects on the first query. */
export function startOrm(settings: OrmSettings): Promise<MikroORM> {
  const options: Options = {
    clientUrl: settings.url,
    entities,
    extensions: [Migrator],
    forceUtcTimezone: true,
    pool: { max: settings.poolSize ?? 10 },
    driverOptions: {
      statement_timeout: settings.statementTimeoutMs ?? 0,
      stream: () => openSocket(settings.silenceTimeoutMs ?? 0),
      connectionTimeoutMillis: connectWithinMs,
      // A server that vanished without a word is noticed by TCP.
      keepAlive: true,
      idle_in_transaction_session_timeout: abandonedAfterMs,
      application_name: 'arcadia-cloud',
      onPoolCreated: giveBackBrokenConnections,
    },
    schemaGenerator: { skipTables: unmanagedTables },
    migrations: {
      path: fileURLToPath(new URL('../migrations', import.meta.url)),
      glob: '!(*.d).ts',
      tableName: 'schema_migrations',
      snapshotName: '.snapshot',
      // Only `create` writes it. Migrating would put what it finds in the database there, hand-written triggers too, in every checkout.
      snapshotOnMigrate: false,
      emit: 'ts',
      // The caller says what ran.
      silent: true,
      // Each migration is one transaction, and they run under one lock, so that two deploys at once do no harm.
      transactional: true,
      allOrNothing: true,
    },
  };
  return MikroORM.init(options);
}

/**
 * A socket that ends itself after a silence. pg's own `query_timeout` leaves the connection open: the ROLLBACK that follows waits as
 * long again, and the pool may hand the silent connection to the next query.
 */
function openSocket(silenceTimeoutMs: number): Socket {
  const socket = new Socket();
  socket.setTimeout(silenceTimeoutMs, () => {
    const error = new Error(`PostgreSQL has said nothing for ${silenceTimeoutMs / 1000} seconds`);
    socket.destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
  });
  return socket;
}
