import { access, constants, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { ArcadiaError } from '../../src/domain/errors.ts';
import { processStartTime } from './processIdentity.ts';

const runRecord = z.object({
  name: z.string(),
  pid: z.int().positive(),
  startedAt: z.string(),
  stopSignal: z.enum(['SIGTERM', 'SIGINT']),
  supervisorPid: z.int().positive(),
  supervisorStartedAt: z.string(),
});

/** One running program and who started it. A file each, so that the next run can tell what a killed one left behind. */
export type RunRecord = z.infer<typeof runRecord>;

const LEFTOVER_STOP_MS = 30_000;

/** Notes a program that this process has just started; answers how to take the note back. */
export async function recordProgram(
  runFolder: string,
  program: Pick<RunRecord, 'name' | 'pid' | 'stopSignal'>,
): Promise<() => Promise<void>> {
  const startedAt = processStartTime(program.pid);
  const supervisorStartedAt = processStartTime(process.pid);
  if (startedAt === undefined || supervisorStartedAt === undefined) return async () => {};
  const record: RunRecord = { ...program, startedAt, supervisorPid: process.pid, supervisorStartedAt };
  const file = path.join(runFolder, `${program.name}-${program.pid}.json`);
  await mkdir(runFolder, { recursive: true });
  await writeFile(file, JSON.stringify(record));
  return () => rm(file, { force: true });
}

/**
 * Stops what an earlier run left behind because it was killed: programs that are noted in the folder, still run, and whose
 * starter is gone. A process that merely has the same number as a noted one is left alone.
 * @returns the programs that a living starter still needs
 */
export async function stopLeftovers(runFolder: string): Promise<RunRecord[]> {
  const inUse: RunRecord[] = [];
  for (const file of await recordFiles(runFolder)) {
    const record = await readRecord(file);
    const isRunning = record !== undefined && processStartTime(record.pid) === record.startedAt;
    if (isRunning && processStartTime(record.supervisorPid) === record.supervisorStartedAt) {
      inUse.push(record);
      continue;
    }
    if (isRunning) await stopProcess(record);
    await rm(file, { force: true });
  }
  return inUse;
}

/**
 * Like `stopLeftovers`, for a folder that belongs to one run at a time: throws `already_running` when another one lives, and
 * `folder_not_writable` when this user may not write there.
 */
export async function claimRunFolder(runFolder: string): Promise<void> {
  await assertWritable(runFolder);
  const [other] = await stopLeftovers(runFolder);
  if (other === undefined) return;
  throw new ArcadiaError(
    'already_running',
    `This folder is in use: process ${other.supervisorPid} runs ${other.name} (process ${other.pid}) here. ` +
      `Stop it with Ctrl-C in its terminal, or with: kill ${other.supervisorPid}`,
    { context: { supervisorPid: other.supervisorPid, name: other.name, pid: other.pid } },
  );
}

async function assertWritable(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (cause) {
    throw new ArcadiaError(
      'folder_not_writable',
      `No permission to write in ${folder}. Make the folder yours (chown), or use a clone in a folder that is.`,
      { cause, context: { folder } },
    );
  }
}

async function recordFiles(runFolder: string): Promise<string[]> {
  await mkdir(runFolder, { recursive: true });
  const names = await readdir(runFolder);
  return names.filter((name) => name.endsWith('.json')).map((name) => path.join(runFolder, name));
}

/** A note that was cut off in the middle says nothing: `undefined`. */
async function readRecord(file: string): Promise<RunRecord | undefined> {
  try {
    return runRecord.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}

async function stopProcess(record: RunRecord): Promise<void> {
  process.kill(record.pid, record.stopSignal);
  const deadline = Date.now() + LEFTOVER_STOP_MS;
  while (processStartTime(record.pid) === record.startedAt) {
    if (Date.now() > deadline) {
      process.kill(record.pid, 'SIGKILL');
      return;
    }
    await delay(100);
  }
}
