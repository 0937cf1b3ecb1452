import { randomUUID } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { ArcadiaError, Conflict } from '../../domain/errors.ts';
import { WebhookSecret } from '../../entities/webhookSecret.ts';
import type { SecretEncryption } from './secretEncryption.ts';

/** The most secrets that sign for one endpoint at a time: each is a signature more in the header of every webhook. */
export const mostSigningSecrets = 5;

/**
 * Has another secret sign for an endpoint from now on, in the transaction of `em`. The one before goes on signing beside it until it expires.
 * @param earlierExpireAt when; not after `now`, every earlier one signs no more
 * @throws Conflict `encryption_key_missing`, `too_many_webhook_secrets`
 */
export async function replaceSecret(
  em: EntityManager,
  endpointId: string,
  secret: string,
  { encryption, now, earlierExpireAt }: SecretChange,
): Promise<void> {
  if (earlierExpireAt <= now) await em.nativeDelete(WebhookSecret, { endpoint: endpointId });
  else {
    await em.nativeUpdate(
      WebhookSecret,
      { endpoint: endpointId, expiresAt: null },
      { expiresAt: earlierExpireAt },
    );
  }
  const signing = await em.find(
    WebhookSecret,
    { endpoint: endpointId, expiresAt: { $gt: now } },
    { orderBy: { expiresAt: 'asc' } },
  );
  const [soonest] = signing;
  if (signing.length >= mostSigningSecrets) {
    throw new Conflict(
      'too_many_webhook_secrets',
      `${signing.length} earlier secrets still sign for this endpoint, the first until ${soonest?.expiresAt?.toISOString()}: wait, or end them all by an overlap of 0 hours`,
    );
  }
  await addSecret(em, endpointId, secret, { encryption, createdAt: now });
}
interface SecretChange {
  readonly encryption: SecretEncryption;
  readonly now: Date;
  readonly earlierExpireAt: Date;
}

/**
 * What signs for an endpoint now, the current secret first. One of before secrets were encrypted is encrypted first, where a key is there.
 * @throws ArcadiaError `encryption_key_unknown`, `secret_unreadable`
 */
export async function signingSecrets(
  em: EntityManager,
  endpoint: { readonly id: string; readonly secret: string | null },
  { encryption, now }: { readonly encryption: SecretEncryption; readonly now: Date },
): Promise<string[]> {
  const plain = endpoint.secret;
  if (plain !== null && encryption.keyId !== null)
    await encryptPlainSecret(em, endpoint.id, { encryption, now });
  const rows = await em.find(
    WebhookSecret,
    { endpoint: endpoint.id, $or: [{ expiresAt: null }, { expiresAt: { $gt: now } }] },
    { orderBy: { createdAt: 'desc', id: 'asc' } },
  );
  const secrets = rows.map((row) => encryption.decrypt(row, row.id));
  return plain !== null && encryption.keyId === null ? [plain, ...secrets] : secrets;
}

/**
 * Brings what is stored to the key that encrypts now: secrets of before they were encrypted, and those of an earlier key, which the
 * configuration then needs no more. Those that have expired are removed; without a key, only that is done.
 * @returns how many were encrypted, anew or at all, of at most `limit`; and how many can't be read with the keys that there are
 */
export async function encryptSecrets(
  em: EntityManager,
  {
    encryption,
    now,
    limit,
  }: { readonly encryption: SecretEncryption; readonly now: Date; readonly limit: number },
): Promise<{ readonly encrypted: number; readonly unreadable: number }> {
  await em.nativeDelete(WebhookSecret, { expiresAt: { $lte: now } });
  const { keyId } = encryption;
  if (keyId === null) return { encrypted: 0, unreadable: 0 };
  const plain = await em.execute<{ id: string }[]>(
    'select id from webhook_endpoints where secret is not null order by id limit ?',
    [limit],
  );
  for (const { id } of plain) await encryptPlainSecret(em, id, { encryption, now });
  const earlier = await em.find(WebhookSecret, { keyId: { $ne: keyId } }, { orderBy: { id: 'asc' }, limit });
  let unreadable = 0;
  for (const row of earlier) {
    try {
      Object.assign(row, encryption.encrypt(encryption.decrypt(row, row.id), row.id));
    } catch (error) {
      if (!(error instanceof ArcadiaError)) throw error;
      unreadable += 1;
    }
  }
  await em.flush();
  return { encrypted: plain.length + earlier.length - unreadable, unreadable };
}

/** Ends every secret of an endpoint, in the transaction of `em`. */
export async function endSecrets(em: EntityManager, endpointId: string): Promise<void> {
  await em.nativeDelete(WebhookSecret, { endpoint: endpointId });
  await em.execute('update webhook_endpoints set secret = null where id = ?', [endpointId]);
}

/**
 * Encrypts the secret of an endpoint that is stored in plain text, where one is; it is the current one then, since whoever wrote it in plain
 * text wrote it last. @throws Conflict `encryption_key_missing`
 */
export function encryptPlainSecret(
  em: EntityManager,
  endpointId: string,
  { encryption, now }: { readonly encryption: SecretEncryption; readonly now: Date },
): Promise<void> {
  return em.transactional(async (transaction) => {
    const [row] = await transaction.execute<{ secret: string }[]>(
      'select secret from webhook_endpoints where id = ? and secret is not null for update',
      [endpointId],
    );
    if (row === undefined) return;
    await transaction.nativeDelete(WebhookSecret, { endpoint: endpointId, expiresAt: null });
    await addSecret(transaction, endpointId, row.secret, { encryption, createdAt: now });
    await transaction.execute('update webhook_endpoints set secret = null where id = ?', [endpointId]);
  });
}

async function addSecret(
  em: EntityManager,
  endpointId: string,
  secret: string,
  { encryption, createdAt }: { readonly encryption: SecretEncryption; readonly createdAt: Date },
): Promise<void> {
  const id = randomUUID();
  em.create(WebhookSecret, {
    id,
    endpoint: endpointId,
    ...encryption.encrypt(secret, id),
    createdAt,
    expiresAt: null,
  });
  await em.flush();
}
