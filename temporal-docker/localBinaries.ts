import { access, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ArcadiaError } from '../src/domain/errors.ts';
import { runToEnd } from './localCommand.ts';

/** The versions of the images in compose.yaml; a test compares the two. */
export const temporalServerVersion = '1.32.1';
export const temporalUiVersion = '2.54.1';

interface GoProgram {
  readonly name: string;
  readonly goPackage: string;
  readonly folder: string;
}

const serverFolder = `temporal-server-${temporalServerVersion}`;
const programs = {
  server: {
    name: 'temporal-server',
    goPackage: `go.temporal.io/server/cmd/server@v${temporalServerVersion}`,
    folder: serverFolder,
  },
  sqlTool: {
    name: 'temporal-sql-tool',
    goPackage: `go.temporal.io/server/cmd/tools/sql@v${temporalServerVersion}`,
    folder: serverFolder,
  },
  ui: {
    name: 'temporal-ui-server',
    goPackage: `github.com/temporalio/ui-server/v2/cmd/server@v${temporalUiVersion}`,
    folder: `temporal-ui-${temporalUiVersion}`,
  },
} satisfies Record<string, GoProgram>;

/** The paths of the programs that make up the cluster. */
export type ClusterBinaries = Readonly<Record<keyof typeof programs, string>>;

/**
 * Finds the server, its SQL tool and the Web UI in the user's cache folder, and builds with Go what is not there.
 * A build is put in place by one rename, so an interrupted one leaves nothing that looks finished.
 * @throws {ArcadiaError} `go_missing`, `build_failed` or `cache_not_writable`
 */
export async function ensureBinaries(
  say: (line: string) => void,
  signal: AbortSignal,
  env: NodeJS.ProcessEnv = process.env,
): Promise<ClusterBinaries> {
  const builder = { say, signal, env };
  return {
    server: await ensureProgram(programs.server, builder),
    sqlTool: await ensureProgram(programs.sqlTool, builder),
    ui: await ensureProgram(programs.ui, builder),
  };
}

interface Builder {
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
}

/** `$XDG_CACHE_HOME/arcadia-cloud`, which outlives a clone: the next one finds the programs there. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  const base = env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(base, 'arcadia-cloud');
}

async function ensureProgram(program: GoProgram, builder: Builder): Promise<string> {
  const folder = join(cacheFolder(builder.env), program.folder);
  const path = join(folder, program.name);
  if (await isExecutable(path)) return path;
  const workFolder = await makeWorkFolder(folder);
  try {
    await build(program, workFolder, builder);
    // `go install` names a program after the last part of its package.
    const built = program.goPackage.replace(/@.*$/, '').replace(/^.*\//, '');
    await rename(join(workFolder, built), path);
    return path;
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

async function build(program: GoProgram, workFolder: string, { say, signal, env }: Builder): Promise<void> {
  say(`Building ${program.name} with go install ${program.goPackage}: up to 7 minutes on 2 cores, once.`);
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const progress = setInterval(() => say(`  still building ${program.name}, ${seconds()} s so far`), 30_000);
  try {
    const code = await runToEnd(
      {
        name: `the build of ${program.name}`,
        file: 'go',
        args: ['install', program.goPackage],
        env: { ...env, GOBIN: workFolder },
      },
      signal,
    );
    if (code !== 0) {
      throw new ArcadiaError(
        'build_failed',
        `go install ${program.goPackage} ended with exit code ${code}; it needs the network and Go 1.26.8, which Go 1.21 or later fetches by itself`,
      );
    }
    say(`  ${program.name} is built, ${seconds()} s.`);
  } catch (error) {
    if (!(error instanceof ArcadiaError) || error.code !== 'command_not_started') throw error;
    throw new ArcadiaError(
      'go_missing',
      'a cluster without Docker is built with Go, and there is no "go" on PATH: install Go 1.21 or later, or use temporal-docker/compose.yaml',
    );
  } finally {
    clearInterval(progress);
  }
}

async function makeWorkFolder(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true });
    return await mkdtemp(join(folder, '.build-'));
  } catch (error) {
    throw new ArcadiaError(
      'cache_not_writable',
      `the cache folder ${folder} can't be written (${error instanceof Error ? error.message : String(error)}); set XDG_CACHE_HOME to a folder that can`,
    );
  }
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
