import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ArcadiaError } from '../src/domain/errors.ts';

/** What `npm start` runs itself and what it finds elsewhere, decided by the environment alone. */
export interface LocalSettings {
  readonly root: string;
  /** Where this instance's data, logs and secrets are kept, absolute; a real account's apart from the simulator's. */
  readonly dataFolder: string;
  readonly ports: {
    readonly api: number;
    readonly apiMetrics: number;
    readonly workerMetrics: number;
    readonly postgres: number;
    readonly temporal: number;
    readonly temporalUi: number;
    readonly simulator: number;
    readonly finance: number;
  };
  /** Set where the operator has a database of their own; then both URLs are. */
  readonly database: { readonly appUrl: string; readonly ownerUrl: string } | null;
  /** Set where the operator has a Temporal server of their own. */
  readonly temporalAddress: string | null;
  /** Set where it is a real account. */
  readonly digitalOceanToken: string | null;
}

/** @throws ArcadiaError `invalid_configuration` naming the variable */
export function readLocalSettings(environment: NodeJS.ProcessEnv = process.env): LocalSettings {
  const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
  const digitalOceanToken = environment['DIGITALOCEAN_TOKEN'] || null;
  const appUrl = environment['DATABASE_URL'];
  const ownerUrl = environment['DATABASE_OWNER_URL'];
  if (appUrl && !ownerUrl) {
    throw new ArcadiaError(
      'invalid_configuration',
      'DATABASE_URL is set, but DATABASE_OWNER_URL is not. Migrations run as the owner of the tables, the service as a role that ' +
        'owns none: set both, or neither for the packaged PostgreSQL.',
    );
  }
  const port = (variable: string, fallback: number) => readPort(environment, variable, fallback);
  return {
    root,
    dataFolder: path.resolve(
      environment['DATA_FOLDER'] || path.join(root, '.data', ...(digitalOceanToken === null ? [] : ['live'])),
    ),
    ports: {
      api: port('API_PORT', 4005),
      apiMetrics: port('METRICS_PORT', 9464),
      workerMetrics: port('WORKER_METRICS_PORT', 9465),
      postgres: port('POSTGRES_PORT', 5433),
      temporal: port('TEMPORAL_PORT', 7233),
      temporalUi: port('TEMPORAL_UI_PORT', 8233),
      simulator: port('SIMULATOR_PORT', 4010),
      finance: port('FINANCE_PORT', 4020),
    },
    database: appUrl && ownerUrl ? { appUrl, ownerUrl } : null,
    temporalAddress: environment['TEMPORAL_ADDRESS'] || null,
    digitalOceanToken,
  };
}

function readPort(environment: NodeJS.ProcessEnv, variable: string, fallback: number): number {
  const text = environment[variable];
  if (text === undefined || text === '') return fallback;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new ArcadiaError(
    'invalid_configuration',
    `${variable}: expected a port from 1 to 65535, not "${text}"`,
  );
}
