import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

const secrets = z.object({
  jwtSecret: z.string().min(64),
  ownerPassword: z.string(),
  appPassword: z.string(),
  simulatorToken: z.string(),
});
/** The secrets of this folder's demo: drawn once, so that a token of yesterday still works today. */
export type LocalSecrets = z.infer<typeof secrets>;

export async function localSecrets(dataFolder: string): Promise<LocalSecrets> {
  const file = path.join(dataFolder, 'secrets.json');
  const known = secrets.safeParse(await readJson(file));
  if (known.success) return known.data;
  const drawn: LocalSecrets = {
    jwtSecret: randomBytes(64).toString('base64url'),
    ownerPassword: randomBytes(24).toString('base64url'),
    appPassword: randomBytes(24).toString('base64url'),
    simulatorToken: randomBytes(24).toString('base64url'),
  };
  await mkdir(dataFolder, { recursive: true });
  await writeFile(file, JSON.stringify(drawn), { mode: 0o600 });
  return drawn;
}

/** Undefined where there is none, or only a half-written one. */
async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}
