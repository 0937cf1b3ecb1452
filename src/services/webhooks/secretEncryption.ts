import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { ArcadiaError, Conflict } from '../../domain/errors.ts';

/** One of the keys that secrets are encrypted with; which one did stands beside what it encrypted. */
export interface EncryptionKey {
  readonly id: string;
  /** 32 bytes in base64. */
  readonly key: string;
}

export interface EncryptedSecret {
  readonly keyId: string;
  /** Nonce, tag and text, one after another. */
  readonly ciphertext: Uint8Array;
}

/** Encrypts with the first of its keys, and decrypts with each. */
export interface SecretEncryption {
  /** Of the key that encrypts; null where none is configured. */
  readonly keyId: string | null;
  /** @param owner the id of the row: the same text of another row can't be decrypted in its place @throws Conflict `encryption_key_missing` */
  readonly encrypt: (secret: string, owner: string) => EncryptedSecret;
  /** @throws ArcadiaError `encryption_key_unknown`, `secret_unreadable` */
  readonly decrypt: (encrypted: EncryptedSecret, owner: string) => string;
}

const algorithm = 'aes-256-gcm';
/** What NIST SP 800-38D recommends for random ones, in bytes. */
const nonceLength = 12;
const tagLength = 16;

/** AES-256-GCM with the configured keys. Without any, nothing can be encrypted. */
export function createSecretEncryption(keys: readonly EncryptionKey[]): SecretEncryption {
  const [first] = keys;
  const byId = new Map(keys.map(({ id, key }) => [id, Buffer.from(key, 'base64')]));
  return {
    keyId: first?.id ?? null,

    encrypt(secret, owner) {
      const key = first === undefined ? undefined : byId.get(first.id);
      if (first === undefined || key === undefined) {
        throw new Conflict(
          'encryption_key_missing',
          'ENCRYPTION_KEYS is not set: a secret is kept encrypted or not at all',
        );
      }
      const nonce = randomBytes(nonceLength);
      const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagLength });
      cipher.setAAD(Buffer.from(owner, 'utf8'));
      const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
      return { keyId: first.id, ciphertext: Buffer.concat([nonce, cipher.getAuthTag(), text]) };
    },

    decrypt({ keyId, ciphertext }, owner) {
      const key = byId.get(keyId);
      if (key === undefined) {
        throw new ArcadiaError(
          'encryption_key_unknown',
          `a secret was encrypted with the key "${keyId}", which ENCRYPTION_KEYS does not have`,
          { context: { key_id: keyId } },
        );
      }
      const nonce = ciphertext.subarray(0, nonceLength);
      const tag = ciphertext.subarray(nonceLength, nonceLength + tagLength);
      try {
        const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagLength });
        decipher.setAAD(Buffer.from(owner, 'utf8'));
        decipher.setAuthTag(tag);
        const text = ciphertext.subarray(nonceLength + tagLength);
        return Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8');
      } catch (cause) {
        throw new ArcadiaError(
          'secret_unreadable',
          `a secret can't be decrypted with the key "${keyId}": the key is another one, or the row was changed`,
          { context: { key_id: keyId }, cause },
        );
      }
    },
  };
}
