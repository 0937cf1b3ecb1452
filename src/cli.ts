import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { readMigrationConfig, readTemporalConfig } from './config.ts';
import { ArcadiaError } from './domain/errors.ts';
import { migrateDatabase } from './services/migrateDatabase.ts';
import { connectTemporal, temporalConnection } from './temporalClient.ts';
import { setUpTemporal } from './temporalSetup/setUpTemporal.ts';

/** The one-shot steps of a deploy; each can run again. */
const program = new Command().name('arcadia-cloud').description('The one-shot steps of a deploy.');

program
  .command('migrate')
  .description(
    'bring the database schema up to date (DATABASE_OWNER_URL) and grant the application role its rights',
  )
  .action(async () => {
    const config = readMigrationConfig();
    const ran = await migrateDatabase(config.DATABASE_OWNER_URL, config.DATABASE_APP_ROLE);
    console.log(ran.length === 0 ? 'the schema is up to date' : `ran ${ran.join(', ')}`);
  });

program
  .command('temporal:setup')
  .description('bring the namespace, its search attributes and the schedules to what this version needs')
  .action(async () => {
    const config = readTemporalConfig();
    const { namespace } = temporalConnection(config);
    const temporal = await connectTemporal(config);
    try {
      for (const schedule of await setUpTemporal(temporal, namespace)) {
        console.log(`schedule ${schedule.id}: ${schedule.outcome}`);
      }
    } finally {
      await temporal.close();
    }
  });

program
  .command('openapi')
  .description('write the OpenAPI document to a file')
  .argument('[file]', 'where to', 'openapi.json')
  .action(async (file: string) => {
    const { buildOpenApiDocument } = await import('./api/openapi.ts');
    await writeFile(file, `${JSON.stringify(buildOpenApiDocument(), null, 2)}\n`);
    console.log(`wrote ${file}`);
  });

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof ArcadiaError ? error.message : error);
  process.exitCode = 1;
}
