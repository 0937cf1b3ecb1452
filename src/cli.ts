import { readFile, writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { readDatabaseConfig, readImportConfig, readMigrationConfig, readTemporalConfig } from './config.ts';
import { ArcadiaError } from './domain/errors.ts';
import {
  type FocusDataset,
  type FocusVersion,
  focusDatasets,
  focusVersions,
} from './domain/focus/columns.ts';
import {
  type FocusVersion as ExportVersion,
  focusVersions as exportVersions,
  type FocusAllocation,
  focusAllocations,
} from './domain/focusColumns.ts';
import { parsePeriod } from './domain/period.ts';
import { downloadRates } from './integrations/centralBanks/download.ts';
import { centralBanks } from './integrations/centralBanks/index.ts';
import { startOrm } from './orm.ts';
import { readCatalogFile, shippedCatalog } from './readCatalogFile.ts';
import { exportFocusFile } from './services/exportFocusFile.ts';
import { takeInPublishedRates } from './services/margin/takeInPublishedRates.ts';
import { migrateDatabase } from './services/migrateDatabase.ts';
import { checkWholePeriod } from './services/rollup/checkWholePeriod.ts';
import { seedCatalog } from './services/seedCatalog.ts';
import { forSession, systemSession } from './session.ts';
import { connectTemporal, temporalConnection } from './temporalClient.ts';
import { setUpTemporal } from './temporalSetup/setUpTemporal.ts';

interface ExportOptions {
  readonly period: string;
  readonly out: string;
  readonly provider?: string;
  readonly version: ExportVersion;
  readonly allocation: FocusAllocation;
}

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
  .command('seed-catalog')
  .description(
    'add what the catalog has not: plans with a published version, addons, prices; it changes nothing',
  )
  .argument('[file]', 'the catalog (JSON)', shippedCatalog)
  .action(async (file: string) => {
    const seed = await readCatalogFile(file);
    const orm = await startOrm({ url: readDatabaseConfig().DATABASE_URL, poolSize: 2 });
    try {
      const actor = { ...systemSession, subject: 'cli' };
      const outcome = await seedCatalog(forSession(orm, actor), seed, { actor, now: new Date() });
      for (const subject of outcome.created) console.log(`added ${subject}`);
      for (const { subject, field, catalog, seed: wanted } of outcome.differences) {
        console.log(
          `kept ${subject}: ${field} is ${JSON.stringify(catalog)}, the file says ${JSON.stringify(wanted)}`,
        );
      }
      console.log(`${outcome.unchanged.length} were there already, as the file says`);
    } finally {
      await orm.close(true);
    }
  });

program
  .command('temporal:setup')
  .description('bring the namespace, its search attributes and the schedules to what this version needs')
  .action(async () => {
    const config = readTemporalConfig();
    const { namespace } = temporalConnection(config);
    const temporal = await connectTemporal(config);
    try {
      for (const schedule of await setUpTemporal(temporal, namespace, {
        watchesFocusFolder: config.FOCUS_FOLDER !== undefined,
      })) {
        console.log(`schedule ${schedule.id}: ${schedule.outcome}`);
      }
    } finally {
      await temporal.close();
    }
  });

program
  .command('focus:import')
  .description('take in a FOCUS file (CSV, plain or gzip) and start its ingest')
  .argument('<file>', 'the file')
  .addOption(new Option('--dataset <name>', 'found from its columns unless given').choices(focusDatasets))
  .addOption(new Option('--version <number>', 'found from its columns unless given').choices(focusVersions))
  .action(async (file: string, options: { dataset?: FocusDataset; version?: FocusVersion }) => {
    const config = readImportConfig();
    const { importFocusFile } = await import('./importFocusFile.ts');
    const { workflowId, isNew } = await importFocusFile(config, file, options);
    console.log(`${isNew ? 'taken in' : 'was there already'}; ${workflowId} ingests it`);
  });

program
  .command('focus:export')
  .description("write a period's cost lines as a FOCUS file (CSV, gzip where the name ends with .gz)")
  .requiredOption('--period <day>', 'the first day of the month, like 2026-04-01')
  .requiredOption('--out <file>', 'where to')
  .option('--provider <name>', 'of this provider alone')
  .addOption(new Option('--version <number>', 'of FOCUS').choices(exportVersions).default('1.2'))
  .addOption(
    new Option('--allocation <name>', 'with who bears each line, or the lines as the provider billed them')
      .choices(focusAllocations)
      .default('owners'),
  )
  .action(async (options: ExportOptions) => {
    const { period, out, provider, version, allocation } = options;
    const orm = await startOrm({ url: readDatabaseConfig().DATABASE_URL, poolSize: 2 });
    try {
      const { invoices, lines } = await exportFocusFile(
        orm,
        {
          period: parsePeriod(period),
          version,
          provider,
          allocation,
          actor: { ...systemSession, subject: 'cli' },
          now: new Date(),
        },
        out,
      );
      console.log(`wrote ${out}: ${lines} lines of ${invoices} invoices`);
    } finally {
      await orm.close(true);
    }
  });

program
  .command('rates:fetch')
  .description('store the exchange rates that a central bank publishes, as it states them')
  .addOption(new Option('--source <name>', 'the bank').choices(['ecb', 'rba']).makeOptionMandatory())
  .option('--file <path>', 'a file of the bank, in place of its address')
  .option(
    '--since <day>',
    'of every day from this one on, like 2026-04-01, in place of the last day alone',
    toDay,
  )
  .action(async ({ source, file, since }: { source: 'ecb' | 'rba'; file?: string; since?: string }) => {
    const bank = centralBanks[source];
    const text = file === undefined ? await downloadRates(bank.address) : await readFile(file, 'utf8');
    const orm = await startOrm({ url: readDatabaseConfig().DATABASE_URL, poolSize: 2 });
    try {
      const actor = { ...systemSession, subject: 'cli' };
      const { latest, rates, written } = await takeInPublishedRates(forSession(orm, actor), {
        source,
        published: bank.parse(text),
        since,
        actor,
        now: new Date(),
      });
      console.log(`${written} of ${rates} rates are new; the last day is ${latest}`);
    } finally {
      await orm.close(true);
    }
  });

program
  .command('check-invoices')
  .description("compute a month's invoices again from their stored inputs; ends with 1 where one differs")
  .argument('<period>', 'the first day of the month, like 2026-04-01')
  .action(async (period: string) => {
    const orm = await startOrm({ url: readDatabaseConfig().DATABASE_URL, poolSize: 2 });
    try {
      const checked = await checkWholePeriod(() => forSession(orm, systemSession), parsePeriod(period));
      const differences = checked.flatMap((batch) => batch.differences);
      for (const difference of differences) console.error(JSON.stringify(difference));
      const invoices = checked.reduce((total, batch) => total + batch.invoices, 0);
      const differing = checked.reduce((total, batch) => total + batch.differing, 0);
      console.log(`checked ${invoices} invoices of ${period.slice(0, 7)}: ${differing} differences`);
      if (differing > 0) process.exitCode = 1;
    } finally {
      await orm.close(true);
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

function toDay(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) throw new InvalidArgumentError('expected a day, like 2026-04-01');
  return text;
}

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof ArcadiaError ? error.message : error);
  process.exitCode = 1;
}
