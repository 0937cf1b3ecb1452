import { randomBytes } from 'node:crypto';
import { createSecretEncryption, type EncryptionKey } from '../../src/services/webhooks/secretEncryption.ts';

export const drawEncryptionKey = (id: string): EncryptionKey => ({
  id,
  key: randomBytes(32).toString('base64'),
});

const keys = [drawEncryptionKey('test')];
/** As the configuration names them. */
export const testEncryptionKeys = keys.map(({ id, key }) => `${id}:${key}`).join(',');
export const testEncryption = createSecretEncryption(keys);
