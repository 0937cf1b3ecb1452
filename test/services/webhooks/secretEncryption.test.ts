import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createSecretEncryption } from '../../../src/services/webhooks/secretEncryption.ts';
import { drawEncryptionKey } from '../../support/encryption.ts';

const [older, newer] = [drawEncryptionKey('2026'), drawEncryptionKey('2027')];
const encryption = createSecretEncryption([newer, older]);

describe('an encrypted secret', () => {
  it('is the same text once it is decrypted, and never the same ciphertext twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (secret, owner) => {
        const [first, second] = [encryption.encrypt(secret, owner), encryption.encrypt(secret, owner)];
        expect(encryption.decrypt(first, owner)).toBe(secret);
        expect(first.keyId).toBe('2027');
        expect(Buffer.from(first.ciphertext).equals(second.ciphertext)).toBe(false);
      }),
    );
  });

  it('of an earlier key is decrypted for as long as the key is there', () => {
    const encrypted = createSecretEncryption([older]).encrypt('whsec_a', 'row');
    expect(encryption.decrypt(encrypted, 'row')).toBe('whsec_a');
    expect(() => createSecretEncryption([newer]).decrypt(encrypted, 'row')).toThrow(
      expect.objectContaining({ code: 'encryption_key_unknown', retryable: false }),
    );
  });

  it('of another row, another key of that id, or with any bit changed is refused', () => {
    const encrypted = encryption.encrypt('whsec_a', 'row');
    const refused = expect.objectContaining({ code: 'secret_unreadable', retryable: false });
    expect(() => encryption.decrypt(encrypted, 'another row')).toThrow(refused);
    const impostor = createSecretEncryption([drawEncryptionKey('2027')]);
    expect(() => impostor.decrypt(encrypted, 'row')).toThrow(refused);
    fc.assert(
      fc.property(fc.nat(encrypted.ciphertext.length - 1), fc.nat(7), (position, bit) => {
        const ciphertext = Buffer.from(encrypted.ciphertext);
        ciphertext[position] = (ciphertext[position] ?? 0) ^ (1 << bit);
        expect(() => encryption.decrypt({ ...encrypted, ciphertext }, 'row')).toThrow(refused);
      }),
    );
    for (let length = 0; length < encrypted.ciphertext.length; length += 1) {
      const ciphertext = encrypted.ciphertext.subarray(0, length);
      expect(() => encryption.decrypt({ ...encrypted, ciphertext }, 'row')).toThrow(refused);
    }
  });

  it('is not made without a key', () => {
    expect(createSecretEncryption([]).keyId).toBeNull();
    expect(() => createSecretEncryption([]).encrypt('whsec_a', 'row')).toThrow(
      expect.objectContaining({ code: 'encryption_key_missing' }),
    );
  });
});
