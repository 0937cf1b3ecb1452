import path from 'node:path';
import { Command } from 'commander';
import { Listr, ListrLogger, ProcessOutput } from 'listr2';
import { InvalidConfiguration } from '../src/config.ts';
import { ArcadiaError } from '../src/domain/errors.ts';
import { createApi } from './journey/api.ts';
import { driftAndMarginSteps, type JourneyFindings, journeySteps, revenueSteps } from './journey/journey.ts';
import { localSecrets } from './localSecrets.ts';
import { localStackSteps } from './localStack.ts';
import { readLocalSettings } from './settings.ts';
import { claimRunFolder } from './stack/runFolder.ts';
import { createSupervisor } from './stack/supervisor.ts';
import { summary } from './summary.ts';
import { demoToken } from './tokens.ts';

/** `npm start`: everything up, the journey, then up until Ctrl-C. Progress goes to stderr, results to stdout. */
const program = new Command()
  .name('npm start --')
  .description('Starts the whole service on this machine and shows its main job on the golden account.')
  .option('--once', 'end after the journey, with its exit code')
  .option('--json', 'print what was found as one JSON object on the last line')
  .parse();
const { once = false, json = false } = program.opts<{ once?: boolean; json?: boolean }>();

const onStderr = {
  logger: new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) }),
};

const supervisor = createSupervisor((line) => process.stderr.write(`${line}\n`));
supervisor.stopOnSignals();
try {
  const findings = await main();
  // After the last word of every part, so that it is the last line whichever stream is read.
  await supervisor.stop();
  if (once && json) process.stdout.write(`${JSON.stringify(toJson(findings))}\n`);
} catch (error) {
  process.stderr.write(`\n${explain(error)}\n`);
  process.exitCode = 1;
} finally {
  await supervisor.stop();
}

/** @returns what the journey found, at once where it is run once; else only a crash ends it */
async function main(): Promise<JourneyFindings> {
  const settings = readLocalSettings();
  await claimRunFolder(path.join(settings.dataFolder, 'run'));
  const secrets = await localSecrets(settings.dataFolder);
  const { steps, stack } = localStackSteps(settings, secrets, supervisor);
  const jwtSecret = process.env['JWT_SECRET'] ?? secrets.jwtSecret;
  const api = createApi(stack.apiUrl, demoToken('platform_admin', jwtSecret));
  const findings: JourneyFindings = {
    invoices: 0,
    ingested: 0,
    held: 0,
    oldest: null,
    balance: null,
    resources: 0,
    april: { lines: 0, total: '0.00', matched: 0 },
    focus: [],
    months: [],
    golden_invoice: null,
    drift: null,
    margin: null,
  };

  // In a real account nobody is subscribed by a demonstration.
  const isSimulated = settings.digitalOceanToken === null;
  const journey = [
    ...journeySteps(api, findings),
    ...(isSimulated ? revenueSteps(api, findings, stack.seedCatalog) : []),
    // Drift changes what runs, and margin needs both books.
    ...(stack.simulatorUrl === null ? [] : driftAndMarginSteps(api, findings, stack.simulatorUrl)),
  ];
  const tasks = new Listr(
    [
      ...steps.map((step) => ({ title: step.title, task: () => untilCrash(step.run()) })),
      ...journey.map((step) => ({
        title: step.title,
        task: async (_context: unknown, task: { title: string; output: string }) => {
          const found = await untilCrash(
            step.run((progress) => {
              task.output = progress;
            }),
          );
          task.title = `${step.title}: ${found}`;
        },
      })),
    ],
    {
      registerSignalListeners: false,
      fallbackRenderer: 'simple',
      fallbackRendererCondition: () => !process.stderr.isTTY,
      rendererOptions: { ...onStderr, showErrorMessage: false },
      fallbackRendererOptions: onStderr,
    },
  );
  await tasks.run();

  if (!json) process.stdout.write(summary({ stack, findings, jwtSecret, staysUp: !once }));
  if (once) {
    if (settings.digitalOceanToken === null) assertAllIngested(findings);
    return findings;
  }
  if (json) process.stdout.write(`${JSON.stringify(toJson(findings))}\n`);
  return supervisor.crashed;
}

/**
 * In the simulator's account everything adds up; in a real one an invoice may rightly be held.
 * @throws ArcadiaError `invoices_not_ingested`
 */
function assertAllIngested({ invoices, ingested, held }: JourneyFindings): void {
  if (invoices > 0 && ingested === invoices && held === 0) return;
  throw new ArcadiaError(
    'invoices_not_ingested',
    `Of the simulator's ${invoices} invoices ${ingested} are ingested and ${held} are held, but all must be ingested. ` +
      'Start again without --once to see why: GET /api/v1/billing/invoices gives each one its error.',
    { context: { invoices, ingested, held } },
  );
}

/** A part that ends while a step waits for it fails that step, with the end of the part's log. */
function untilCrash<Result>(work: Promise<Result>): Promise<Result> {
  return Promise.race([work, supervisor.crashed]);
}

function toJson(findings: JourneyFindings) {
  const { invoices, ingested, held, april, focus, months, golden_invoice, drift, margin } = findings;
  return { invoices, ingested, held, april, focus, months, golden_invoice, drift, margin };
}

function explain(error: unknown): string {
  if (error instanceof ArcadiaError || error instanceof InvalidConfiguration) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
