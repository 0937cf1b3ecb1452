import { dirname, join } from 'node:path';
import { runOrFail } from './localCommand.ts';
import type { PostgresLogin } from './localServer.ts';

/**
 * Creates Temporal's two databases and brings their schemas up to date, by the script that compose.yaml runs too.
 * The schema files are inside temporal-sql-tool, so tool and schema are always of one version.
 */
export async function ensureSqlSchema(
  login: PostgresLogin,
  sqlTool: string,
  settings: NodeJS.ProcessEnv,
  logFile: string,
  signal: AbortSignal,
): Promise<void> {
  await runOrFail(
    {
      name: 'the schema of the Temporal databases',
      file: 'sh',
      args: [join(import.meta.dirname, 'schema.sh')],
      env: {
        ...settings,
        PATH: `${dirname(sqlTool)}:${process.env['PATH']}`,
        SQL_HOST: login.host,
        SQL_PORT: String(login.port),
        SQL_USER: login.user,
        SQL_PASSWORD: login.password,
      },
      logFile,
    },
    signal,
  );
}
