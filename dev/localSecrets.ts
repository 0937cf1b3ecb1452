import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

/** As Standard Webhooks writes one. */
const webhookSecret = z.string().startsWith('whsec_');

const secrets = z.object({
  jwtSecret: z.string().min(64),
  ownerPassword: z.string(),
  appPassword: z.string(),
  simulatorToken: z.string(),
  financeWebhookSecret: webhookSecret,
  gatewayWebhookSecret: webhookSecret,
  encryptionKey: z.string().startsWith('local:'),
});
/** The secrets of this folder's demo: drawn once, so that a token of yesterday still works today. */
export type LocalSecrets = z.infer<typeof secrets>;

export async function localSecrets(dataFolder: string): Promise<LocalSecrets> {
  const file = path.join(dataFolder, 'secrets.json');
  const kept = await readJson(file);
  const known = secrets.safeParse(kept);
  if (known.success) return known.data;
  const drawn: LocalSecrets = {
    jwtSecret: randomBytes(64).toString('base64url'),
    ownerPassword: randomBytes(24).toString('base64url'),
    appPassword: randomBytes(24).toString('base64url'),
    simulatorToken: randomBytes(24).toString('base64url'),
    financeWebhookSecret: drawWebhookSecret(),
    gatewayWebhookSecret: drawWebhookSecret(),
    encryptionKey: `local:${randomBytes(32).toString('base64')}`,
  };
  // Those of an earlier version stay: its passwords and tokens are in use.
  const all = secrets.parse({ ...drawn, ...secrets.partial().safeParse(kept).data });
  await mkdir(dataFolder, { recursive: true });
  await writeFile(file, JSON.stringify(all), { mode: 0o600 });
  return all;
}

const drawWebhookSecret = () => `whsec_${randomBytes(32).toString('base64')}`;

/** Undefined where there is none, or only a half-written one. */
async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}
