import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Program, startProgram } from '../dev/stack/program.ts';
import { whenHealthy } from './localHealth.ts';

export interface WebUiOptions {
  readonly binary: string;
  readonly port: number;
  readonly temporalAddress: string;
  readonly namespace: string;
  /** Where its configuration and its log go. */
  readonly folder: string;
  readonly runFolder: string;
}

/** Starts the Temporal Web UI on loopback, with the settings that its image has in compose.yaml. */
export async function startWebUi(options: WebUiOptions, signal: AbortSignal): Promise<Program> {
  const configFolder = join(options.folder, 'ui');
  await mkdir(configFolder, { recursive: true });
  const config = {
    temporalGrpcAddress: options.temporalAddress,
    host: '127.0.0.1',
    port: options.port,
    enableUi: true,
    defaultNamespace: options.namespace,
    cors: { cookieInsecure: true, allowOrigins: [`http://localhost:${options.port}`] },
  };
  // JSON is YAML.
  await writeFile(join(configFolder, 'local.yaml'), JSON.stringify(config, undefined, 2));
  const ui = await startProgram({
    name: 'Temporal Web UI',
    command: options.binary,
    args: ['--root', options.folder, '--config', 'ui', '--env', 'local', 'start'],
    env: { PATH: process.env['PATH'] },
    logFile: join(options.folder, 'ui.log'),
    runFolder: options.runFolder,
  });
  return whenHealthy(ui, `http://127.0.0.1:${options.port}/healthz`, 30, signal);
}
