import { createReadStream } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { MikroORM } from '@mikro-orm/postgresql';
import { Command } from 'commander';
import { parse } from 'csv-parse';
import { type FocusVersion, focusVersions } from '../src/domain/focusColumns.ts';
import { startOrm } from '../src/orm.ts';
import { exportFocus } from '../src/services/exportFocus.ts';
import { systemSession } from '../src/session.ts';
import { openCheckDatabase } from './checkFocusDatabase.ts';
import { checkFocus } from './checkFocusRules.ts';
import { installValidator, NoPython } from './checkFocusValidator.ts';

/** `npm run check:focus`: exports every month, asks the official validator of FOCUS 1.2, and our own rules of 1.2 and 1.4. */
const program = new Command()
  .name('check:focus')
  .description('Check the FOCUS exports by the official validator (1.2) and by our own rules (1.2 and 1.4).')
  .option(
    '--database-url <url>',
    'export from this database, as its application role, and not from one that is made for the check',
  )
  .option('--period <day...>', 'the first days of the months to export; with --database-url', [])
  .option('--folder <folder>', 'keep the exported files here')
  .option('--python <python>', 'a Python 3.12');
program.parse();
const options = program.opts<{ databaseUrl?: string; period: string[]; folder?: string; python?: string }>();

const goldenPeriod = '2026-04-01';

/** One export that is checked. */
interface CheckedFile {
  readonly name: string;
  readonly version: FocusVersion;
  readonly periods: readonly string[];
}

try {
  const validator = await installValidator(options.python, console.log);
  const { url, periods, close } = await source();
  const folder = options.folder ?? (await mkdtemp(path.join(os.tmpdir(), 'arcadia-focus-')));
  const orm = await startOrm({ url, poolSize: 3 });
  try {
    await mkdir(folder, { recursive: true });
    for (const file of filesOf(periods)) {
      const target = path.join(folder, `${file.name}.csv`);
      const lines = await writeExport(orm, file, target);
      console.log(`\n${file.name}: ${file.periods.length} month(s), ${lines} lines`);
      await checkByRules(target, file.version);
      if (file.version !== '1.2') continue;
      const { passed, failed, skipped, otherBranches } = await validator.validate(await inAscii(target));
      console.log(`  focus-validator: ${passed} passed, ${failed.length} failed, ${skipped} skipped`);
      for (const rule of otherBranches)
        console.log(`    (${rule}: not needed, the other branch of its OR holds)`);
      report(failed);
    }
  } finally {
    await orm.close(true);
    await close();
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
  }
} catch (error) {
  console.error(error instanceof NoPython ? error.message : error);
  process.exitCode = 1;
}

async function source() {
  if (options.databaseUrl === undefined) {
    console.log('filling a database with the simulated account');
    return openCheckDatabase();
  }
  const periods = options.period.length === 0 ? [goldenPeriod] : options.period;
  return { url: options.databaseUrl, periods, close: async () => undefined };
}

function filesOf(periods: readonly string[]): CheckedFile[] {
  return focusVersions.flatMap((version) => {
    const all = { name: `focus-${version}-all`, version, periods };
    const golden = { name: `focus-${version}-${goldenPeriod}`, version, periods: [goldenPeriod] };
    return periods.length > 1 && periods.includes(goldenPeriod) ? [golden, all] : [all];
  });
}

/** Months one below the other in one file. @returns how many lines it has */
async function writeExport(orm: MikroORM, file: CheckedFile, target: string): Promise<number> {
  await writeFile(target, '');
  let header: string | undefined;
  let lines = 0;
  for (const period of file.periods) {
    const request = {
      period,
      version: file.version,
      format: 'csv',
      actor: systemSession,
      now: new Date(),
    } as const;
    const month = await exportFocus(orm, request);
    let text = Buffer.concat(await Array.fromAsync<Buffer>(month.content)).toString();
    const first = text.slice(0, text.indexOf('\n') + 1);
    if (header !== undefined && first !== header)
      throw new Error(`${period} has other columns than the months before`);
    if (header !== undefined) text = text.slice(first.length);
    header = first;
    lines += month.lines;
    await appendFile(target, text);
  }
  return lines;
}

async function checkByRules(target: string, version: FocusVersion): Promise<void> {
  let check: ReturnType<typeof checkFocus> | undefined;
  for await (const record of createReadStream(target).pipe(parse())) {
    const cells = record as readonly string[];
    if (check === undefined) check = checkFocus(version, cells);
    else check.row(cells.map((cell) => (cell === '' ? null : cell)));
  }
  const faults = check?.finish() ?? ['the file is empty'];
  console.log(`  our rules of ${version}: ${check?.rules ?? 0} rules, ${faults.length} broken`);
  report(faults);
}

/**
 * The validator takes text in ASCII alone, which the specification does not ask for: names have to stay as their owners wrote them. Where
 * a file has other characters, the validator gets a copy in which each is a question mark.
 */
async function inAscii(target: string): Promise<string> {
  const text = await readFile(target, 'utf8');
  const ascii = text.replaceAll(/[^\0-\x7f]/gu, '?');
  if (ascii === text) return target;
  const lines = text.split('\n').filter((line) => /[^\0-\x7f]/u.test(line)).length;
  console.log(`  ${lines} lines have characters beyond ASCII; the validator reads them as question marks`);
  const copy = target.replace(/\.csv$/, '.ascii.csv');
  await writeFile(copy, ascii);
  return copy;
}

function report(faults: readonly string[]): void {
  for (const fault of faults) console.error(`    ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}
