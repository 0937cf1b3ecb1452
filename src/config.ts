import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { formatAbn, isAbn } from './domain/abn.ts';
import { ArcadiaError } from './domain/errors.ts';

/** Every fault of the configuration at once, each with the variable's name. */
export class InvalidConfiguration extends ArcadiaError {
  constructor(faults: readonly string[]) {
    super(
      'invalid_configuration',
      `the configuration can't be used:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

const port = z
  .string()
  .regex(/^\d{1,5}$/, 'expected a port from 0 to 65535')
  .transform(Number)
  .refine((value) => value <= 65_535, 'expected a port from 0 to 65535');
const count = z
  .string()
  .regex(/^[1-9]\d{0,6}$/, 'expected a whole number from 1 to 9999999')
  .transform(Number);
const url = (protocols: RegExp, example: string) =>
  z.url({ protocol: protocols, error: `expected a URL like ${example}` });
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);
const text = z.string().trim().min(1, 'must not be empty');

/** As Standard Webhooks writes a secret: 24 to 64 bytes in base64. @param error what was expected, where it has another form */
export const webhookSecret = (error: string) =>
  z
    .string({ error })
    .regex(/^whsec_(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, { error, abort: true })
    .refine((secret) => {
      const bytes = Buffer.from(secret.slice('whsec_'.length), 'base64').length;
      return bytes >= 24 && bytes <= 64;
    }, 'must have 24 to 64 bytes');
/** The first one signs; while secrets change, each of them verifies. */
const webhookSecrets = list
  .pipe(z.array(webhookSecret('expected whsec_ and base64, several of them separated by commas')))
  .default([]);

const databaseUrl = url(/^postgres(ql)?$/, 'postgres://user:password@host:5432/database');
const logLevel = z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info');

const temporal = {
  /** Address, namespace, TLS and API key themselves are read by Temporal's own envconfig; the names are checked here. */
  TEMPORAL_ADDRESS: text.default('127.0.0.1:7233'),
  TEMPORAL_NAMESPACE: text.default('default'),
  /** Where operators see the Temporal Web UI, for links. */
  TEMPORAL_UI_URL: url(/^https?$/, 'http://127.0.0.1:8233').default('http://127.0.0.1:8233'),
};

/** FOCUS files: the folder that is watched, and the most bytes that a file may have, unpacked. */
const focusFolder = { FOCUS_FOLDER: text.optional() };
const focusLimit = {
  FOCUS_FILE_MAX_BYTES: z
    .string()
    .regex(/^[1-9]\d{0,12}$/, 'expected a whole number of bytes')
    .transform(Number)
    .default(1024 ** 3),
};

/** The currency of margins. */
const margins = {
  REPORTING_CURRENCY: z
    .string()
    .regex(/^[A-Z]{3}$/, 'expected the three letters of a currency, like AUD')
    .default('AUD'),
};

const encryptionKeyForm = 'expected <id>:<32 bytes in base64>, several of them separated by commas';
/** What secrets are encrypted with in the database: the first one encrypts; while keys change, each of them decrypts. */
const encryptionKeys = list
  .pipe(
    z.array(
      z
        .string()
        .regex(/^[a-z0-9-]{1,32}:[A-Za-z0-9+/]{43}=$/, encryptionKeyForm)
        .transform((text) => ({
          id: text.slice(0, text.indexOf(':')),
          key: text.slice(text.indexOf(':') + 1),
        })),
    ),
  )
  .refine((keys) => new Set(keys.map(({ id }) => id)).size === keys.length, 'has two keys of one id')
  .default([]);

/** Whether webhooks may go to this very machine, also by http; for tries on it. And what their secrets are encrypted with. */
const webhooks = {
  ENCRYPTION_KEYS: encryptionKeys,
  WEBHOOK_ALLOW_LOOPBACK: z
    .enum(['true', 'false'], { error: 'expected true or false' })
    .default('false')
    .transform((value) => value === 'true'),
};

const workerSchema = z.object({
  ...margins,
  ...webhooks,
  ...focusFolder,
  ...focusLimit,
  DATABASE_URL: databaseUrl,
  /** Of these, half at most are held by activities; the limiter needs some too. */
  DATABASE_POOL_SIZE: count.refine((size) => size >= 4, 'expected at least 4').default(20),
  ...temporal,
  LOG_LEVEL: logLevel,
  METRICS_HOST: text.default('127.0.0.1'),
  WORKER_METRICS_PORT: port.default(9465),
  /** Days from past due to paused, and from paused to suspended. */
  DUNNING_PAUSE_AFTER_DAYS: count.default(7),
  DUNNING_SUSPEND_AFTER_DAYS: count.default(14),
  DIGITALOCEAN_TOKEN: text,
  DIGITALOCEAN_API_URL: url(/^https?$/, 'https://api.digitalocean.com').default(
    'https://api.digitalocean.com',
  ),
  DIGITALOCEAN_REQUESTS_PER_MINUTE: count.default(250),
  DIGITALOCEAN_REQUESTS_PER_HOUR: count.default(5_000),
  SPACES_ACCESS_KEY_ID: text.optional(),
  SPACES_SECRET_ACCESS_KEY: text.optional(),
  SPACES_REGIONS: list.default([
    'nyc3',
    'ams3',
    'sfo2',
    'sfo3',
    'sgp1',
    'lon1',
    'fra1',
    'tor1',
    'blr1',
    'syd1',
    'atl1',
  ]),
  /** `{region}` stands for the region. */
  SPACES_ENDPOINT: text.default('https://{region}.digitaloceanspaces.com'),
  /** For how many hours after its rollup a month's drafts stay open to late usage. */
  INVOICE_GRACE_HOURS: z
    .string()
    .regex(/^\d{1,4}$/, 'expected a whole number of hours from 0 to 9999')
    .transform(Number)
    .default(72),
  /** How many reverts of drift may change something at once, what they may add to a month's bill in 24 hours, and for how long a plan waits. */
  DRIFT_REVERTS_AT_ONCE: count.default(3),
  DRIFT_REVERT_BUDGET_MONTHLY: z
    .string()
    .regex(/^\d{1,9}(?:\.\d{1,2})?$/, 'expected an amount like 500 or 99.50')
    .default('500'),
  DRIFT_APPROVAL_HOURS: count.default(24),
  /** For how many days webhooks that are over stay in the log, and after how many without one that was taken an endpoint is disabled. */
  WEBHOOK_LOG_DAYS: count.default(90),
  WEBHOOK_DISABLE_AFTER_DAYS: count.default(5),
  /** Where issued invoices are told, and what that is signed with; both or neither. */
  FINANCE_URL: url(/^https?$/, 'https://finance.example.com/arcadia').optional(),
  FINANCE_WEBHOOK_SECRET: webhookSecrets,
});
export type WorkerConfig = z.output<typeof workerSchema>;

/** Who issues the tenants' invoices, as their PDF files say. Without name and ABN there are no PDF files. */
const invoiceIssuer = {
  INVOICE_ISSUER_NAME: text.optional(),
  INVOICE_ISSUER_ABN: text
    .refine(isAbn, 'expected an ABN, eleven digits like 51 824 753 556')
    .transform(formatAbn)
    .optional(),
  /** A backslash and an n stand for a line break. */
  INVOICE_ISSUER_ADDRESS: text.transform((address) => address.replaceAll('\\n', '\n')).optional(),
  INVOICE_ISSUER_EMAIL: z.email('expected an email address').optional(),
};

const jwtAlgorithm = z.enum(['HS256', 'HS384', 'HS512']);
const apiSchema = z
  .object({
    ...focusLimit,
    ...invoiceIssuer,
    DATABASE_URL: databaseUrl,
    DATABASE_POOL_SIZE: count.default(10),
    ...temporal,
    LOG_LEVEL: logLevel,
    API_HOST: text.default('127.0.0.1'),
    API_PORT: port.default(4005),
    METRICS_HOST: text.default('127.0.0.1'),
    METRICS_PORT: port.default(9464),
    /** RFC 7518 §3.2: an HS512 key has at least 64 bytes. The bytes are used as they are. */
    JWT_SECRET: z.string().refine((secret) => Buffer.byteLength(secret) >= 64, 'must have at least 64 bytes'),
    JWT_ALGORITHMS: list.pipe(z.array(jwtAlgorithm).min(1)).default(['HS512']),
    JWT_ISSUER: text.optional(),
    JWT_AUDIENCE: text.optional(),
    CORS_ORIGINS: list.pipe(z.array(url(/^https?$/, 'https://console.example.com'))).default([]),
    /** Requests a minute for each address before the token is read, and for each token's subject after. */
    RATE_LIMIT_PER_MINUTE: count.default(600),
    /** The same for the webhooks under /integrations, which one gateway calls for everybody's requests. */
    INTEGRATION_RATE_LIMIT_PER_MINUTE: count.default(600_000),
    ...margins,
    ...webhooks,
    /** What the LLM gateway and the finance system sign their webhooks with; none: they need a token. */
    GATEWAY_WEBHOOK_SECRET: webhookSecrets,
    FINANCE_WEBHOOK_SECRET: webhookSecrets,
  })
  .refine((config) => config.INVOICE_ISSUER_ABN !== undefined || config.INVOICE_ISSUER_NAME === undefined, {
    path: ['INVOICE_ISSUER_ABN'],
    error: 'is required where INVOICE_ISSUER_NAME is set',
  })
  .refine((config) => config.INVOICE_ISSUER_NAME !== undefined || config.INVOICE_ISSUER_ABN === undefined, {
    path: ['INVOICE_ISSUER_NAME'],
    error: 'is required where INVOICE_ISSUER_ABN is set',
  });
export type ApiConfig = z.output<typeof apiSchema>;

const migrationSchema = z.object({
  DATABASE_OWNER_URL: databaseUrl,
  DATABASE_APP_ROLE: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,62}$/, 'expected a plain lower-case role name')
    .default('arcadia_app'),
});
export type MigrationConfig = z.output<typeof migrationSchema>;

const importSchema = z.object({ DATABASE_URL: databaseUrl, ...temporal, ...focusLimit });
export type ImportConfig = z.output<typeof importSchema>;

const databaseSchema = z.object({ DATABASE_URL: databaseUrl });
export type DatabaseConfig = z.output<typeof databaseSchema>;

const temporalSchema = z.object({ ...temporal, ...focusFolder });
export type TemporalConfig = z.output<typeof temporalSchema>;

/** What `src/worker.ts` needs. @throws InvalidConfiguration */
export const readWorkerConfig = (environment: Environment = process.env): WorkerConfig =>
  read(workerSchema, environment);
/** What `src/server.ts` needs. @throws InvalidConfiguration */
export const readApiConfig = (environment: Environment = process.env): ApiConfig =>
  read(apiSchema, environment);
/** What `cli.ts migrate` needs. @throws InvalidConfiguration */
export const readMigrationConfig = (environment: Environment = process.env): MigrationConfig =>
  read(migrationSchema, environment);
/** What a command that only talks to Temporal needs. @throws InvalidConfiguration */
export const readTemporalConfig = (environment: Environment = process.env): TemporalConfig =>
  read(temporalSchema, environment);

/** What `cli.ts focus:import` needs. @throws InvalidConfiguration */
export const readImportConfig = (environment: Environment = process.env): ImportConfig =>
  read(importSchema, environment);

/** What a command that only talks to the database needs. @throws InvalidConfiguration */
export const readDatabaseConfig = (environment: Environment = process.env): DatabaseConfig =>
  read(databaseSchema, environment);

/** Secrets may also come from a file named by `<NAME>_FILE`, as container platforms mount them. */
const secretNames = [
  'DATABASE_URL',
  'DATABASE_OWNER_URL',
  'DIGITALOCEAN_TOKEN',
  'SPACES_ACCESS_KEY_ID',
  'SPACES_SECRET_ACCESS_KEY',
  'JWT_SECRET',
  'GATEWAY_WEBHOOK_SECRET',
  'FINANCE_WEBHOOK_SECRET',
  'ENCRYPTION_KEYS',
];

function read<Schema extends z.ZodType>(schema: Schema, environment: Environment): z.output<Schema> {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && value !== '') values[name] = value;
  }
  const faults: string[] = [];
  for (const name of secretNames) {
    const file = values[`${name}_FILE`];
    if (file === undefined || values[name] !== undefined) continue;
    try {
      values[name] = readFileSync(file, 'utf8').trimEnd();
    } catch {
      faults.push(`${name}_FILE: "${file}" can't be read`);
    }
  }
  const result = schema.safeParse(values);
  if (!result.success) {
    for (const issue of result.error.issues) {
      const name = String(issue.path[0]);
      const value = values[name];
      faults.push(
        value === undefined
          ? `${name}: is required`
          : `${name}: ${issue.message}${secretNames.includes(name) ? '' : `, not "${value}"`}`,
      );
    }
  }
  if (!result.success || faults.length > 0) throw new InvalidConfiguration(faults);
  return result.data;
}
