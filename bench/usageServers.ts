import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import jsonwebtoken from 'jsonwebtoken';
import { freePort } from '../dev/stack/ports.ts';
import { type Program, startProgram } from '../dev/stack/program.ts';

/** A server that takes in LLM usage, in a process of its own. */
export interface UsageServer {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly program: Program;
}

/** The size of the connection pool on both sides: the API's default. */
const poolSize = '10';
const projectFolder = path.resolve(import.meta.dirname, '..');

/** The API in a process of its own, and tokens that it takes. */
export interface ApiServer {
  readonly address: string;
  readonly program: Program;
  /** The headers of a caller; `tenant_id` for one of a tenant. */
  headersOf(claims: { readonly role: string; readonly tenant_id?: string }): Readonly<Record<string, string>>;
}

/** The API as `npm run server` runs it, with its log and all its checks. */
export async function startApi(folder: string, databaseUrl: string): Promise<ApiServer> {
  const secret = 'a secret of this benchmark alone, which has more than 64 bytes of text in it';
  const port = await freePort();
  const program = await start('api', folder, 'src/server.ts', {
    DATABASE_URL: databaseUrl,
    DATABASE_POOL_SIZE: poolSize,
    API_PORT: String(port),
    METRICS_PORT: '0',
    JWT_SECRET: secret,
    // What a loaded machine needs; the limiters count all the same.
    RATE_LIMIT_PER_MINUTE: '9999999',
    INTEGRATION_RATE_LIMIT_PER_MINUTE: '9999999',
  });
  const address = `http://127.0.0.1:${port}`;
  await answers(`${address}/api/health`, program);
  return {
    address,
    program,
    headersOf: (claims) => ({
      authorization: `Bearer ${jsonwebtoken.sign({ sub: 'bench', typ: 'access', ...claims }, secret, {
        algorithm: 'HS512',
        expiresIn: '1h',
      })}`,
    }),
  };
}

/** The API where it takes in usage; a token of the gateway opens it. */
export async function startApiServer(folder: string, databaseUrl: string): Promise<UsageServer> {
  const { address, program, headersOf } = await startApi(folder, databaseUrl);
  return {
    url: `${address}/api/v1/integrations/llm-usage`,
    headers: headersOf({ role: 'gateway' }),
    program,
  };
}

/** The reference: no check, no log, one INSERT and one commit a request. */
export async function startBareServer(folder: string, databaseUrl: string): Promise<UsageServer> {
  const port = await freePort();
  const program = await start('bare', folder, 'bench/bareUsageServer.ts', {
    DATABASE_URL: databaseUrl,
    DATABASE_POOL_SIZE: poolSize,
    API_PORT: String(port),
  });
  const address = `http://127.0.0.1:${port}`;
  await answers(address, program);
  return { url: address, headers: {}, program };
}

function start(
  name: string,
  folder: string,
  file: string,
  environment: Readonly<Record<string, string>>,
): Promise<Program> {
  return startProgram({
    name,
    command: process.execPath,
    args: [path.join(projectFolder, file)],
    cwd: projectFolder,
    env: { PATH: process.env['PATH'], ...environment },
    logFile: path.join(folder, `${name}.log`),
    runFolder: path.join(folder, 'run'),
  });
}

async function answers(url: string, program: Program): Promise<void> {
  const crashed = program.crashed.then((error) => {
    throw error;
  });
  const ready = async () => {
    for (;;) {
      if (
        await fetch(url).then(
          () => true,
          () => false,
        )
      )
        return;
      await delay(100);
    }
  };
  await Promise.race([ready(), crashed]);
}
