import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { createSecretEncryption } from '../../../src/services/webhooks/secretEncryption.ts';
import {
  changeWebhookEndpoint,
  deleteWebhookEndpoint,
} from '../../../src/services/webhooks/webhookEndpoints.ts';
import { encryptSecrets, mostSigningSecrets } from '../../../src/services/webhooks/webhookSecrets.ts';
import { drawEncryptionKey, testEncryption } from '../../support/encryption.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../../support/webhookReceiver.ts';
import { openWorld, type World } from '../world.ts';
import { drawSecret, webhookWorld } from './webhookWorld.ts';

let world: World;
let receiver: WebhookReceiver;
const { request, endpoint, tell, deliver, stored } = webhookWorld(() => world);
/** Signatures are compared with the clock of this machine, so the tests are of today. */
const at = (hours: number) => new Date(started + hours * 3_600_000).toISOString();
let started: number;
let first: string;
let endpointId: string;
beforeEach(async () => {
  started = Date.now();
  world = await openWorld();
  first = drawSecret();
  receiver = await startWebhookReceiver(first);
  endpointId = await endpoint(receiver.url, first, at(0));
}, 60_000);
afterEach(async () => {
  await receiver.close();
  await world.close();
});

/** Which of the secrets sign what is sent then. */
async function signing(secrets: readonly string[], hours: number, encryption = testEncryption) {
  await tell(at(hours));
  expect(await deliver(endpointId, at(hours), encryption)).toMatchObject({ delivered: 1 });
  const got = receiver.received.at(-1);
  if (got === undefined) throw new Error('nothing came');
  return secrets.map((secret) => {
    try {
      new Webhook(secret).verify(got.body, {
        'webhook-id': got.id,
        'webhook-timestamp': String(got.headers['webhook-timestamp']),
        'webhook-signature': String(got.headers['webhook-signature']),
      });
      return true;
    } catch {
      return false;
    }
  });
}
const replaceBy = (secret: string, hours: number, secretOverlapHours?: number) =>
  changeWebhookEndpoint(world.em(), endpointId, { secret, secretOverlapHours }, request(at(hours)));
/** All that the tables of webhooks hold, as whoever has a dump reads it. */
async function dump(): Promise<string> {
  const rows = await world.em().execute<{ text: string }[]>(
    `select endpoint::text as text from webhook_endpoints endpoint
     union all select secret::text || encode(secret.ciphertext, 'escape') from webhook_secrets secret
     union all select entry::text from audit_log entry`,
  );
  return rows.map(({ text }) => text).join('\n');
}
const bare = (secret: string) => secret.slice('whsec_'.length);
const keyIds = () =>
  world.em().execute<{ keyId: string }[]>('select key_id as "keyId" from webhook_secrets order by key_id');
/** As it was stored before secrets were encrypted. */
async function storePlain(secret: string): Promise<void> {
  await world.em().execute('delete from webhook_secrets');
  await world.em().execute('update webhook_endpoints set secret = ? where id = ?', [secret, endpointId]);
}

describe('a secret', () => {
  it('signs, and stands nowhere in plain text', async () => {
    expect(await signing([first], 0)).toEqual([true]);
    const second = drawSecret();
    await replaceBy(second, 1, 24);
    const text = await dump();
    expect(text).toContain(endpointId);
    for (const secret of [first, second]) expect(text).not.toContain(bare(secret));
  });

  it('that is replaced signs beside the other one until the overlap is over', async () => {
    const second = drawSecret();
    await replaceBy(second, 0, 24);
    expect(await signing([first, second], 0)).toEqual([true, true]);
    expect(await signing([first, second], 23.9)).toEqual([true, true]);
    expect(await signing([first, second], 24)).toEqual([false, true]);
  });

  it('that is replaced without an overlap signs no more, nor does any before it', async () => {
    const [second, third] = [drawSecret(), drawSecret()];
    await replaceBy(second, 0, 24);
    await replaceBy(third, 0, 0);
    expect(await signing([first, second, third], 0)).toEqual([false, false, true]);
  });

  it('is refused where too many sign already, until one has expired', async () => {
    for (let count = 1; count < mostSigningSecrets; count += 1) await replaceBy(drawSecret(), 0, 24);
    const last = drawSecret();
    await expect(replaceBy(last, 0, 24)).rejects.toMatchObject({ code: 'too_many_webhook_secrets' });
    expect(await signing([first, last], 0)).toEqual([true, false]);
    expect(await replaceBy(last, 24, 24)).toMatchObject({ id: endpointId });
  });

  it('is refused without a key to encrypt it with, and the one before goes on', async () => {
    const second = drawSecret();
    const keyless = request(at(0), createSecretEncryption([]));
    await expect(
      changeWebhookEndpoint(world.em(), endpointId, { secret: second, secretOverlapHours: 24 }, keyless),
    ).rejects.toMatchObject({ code: 'encryption_key_missing' });
    expect(await signing([first, second], 0)).toEqual([true, false]);
  });

  it('ends with its endpoint', async () => {
    await deleteWebhookEndpoint(world.em(), endpointId, request(at(0)));
    expect(await keyIds()).toEqual([]);
  });
});

describe('a secret of before they were encrypted', () => {
  it('is encrypted the first time that it signs', async () => {
    await storePlain(first);
    expect(await signing([first], 0)).toEqual([true]);
    expect(await stored(endpointId)).toMatchObject({ secret: null });
    expect(await dump()).not.toContain(bare(first));
    expect(await signing([first], 0)).toEqual([true]);
  });

  it('is encrypted by the sweep, once', async () => {
    await storePlain(first);
    const sweep = () =>
      encryptSecrets(world.em(), { encryption: testEncryption, now: new Date(at(0)), limit: 10 });
    expect(await sweep()).toEqual({ encrypted: 1, unreadable: 0 });
    expect(await sweep()).toEqual({ encrypted: 0, unreadable: 0 });
    expect(await dump()).not.toContain(bare(first));
    expect(await signing([first], 0)).toEqual([true]);
  });

  it('signs on without a key, and stays as it is', async () => {
    await storePlain(first);
    expect(await signing([first], 0, createSecretEncryption([]))).toEqual([true]);
    expect(await stored(endpointId)).toMatchObject({ secret: first });
  });

  it('signs beside the one that replaces it', async () => {
    await storePlain(first);
    const second = drawSecret();
    await replaceBy(second, 0, 24);
    expect(await signing([first, second], 0)).toEqual([true, true]);
    expect(await stored(endpointId)).toMatchObject({ secret: null });
  });
});

describe('the keys that encrypt', () => {
  it('change without anybody noticing: the sweep encrypts with the new one, and the earlier one is needed no more', async () => {
    const older = drawEncryptionKey('older');
    const newer = drawEncryptionKey('newer');
    await replaceBy(first, 0, 0);
    await changeWebhookEndpoint(
      world.em(),
      endpointId,
      { secret: first },
      request(at(0), createSecretEncryption([older])),
    );
    expect(await keyIds()).toEqual([{ keyId: 'older' }]);
    const both = createSecretEncryption([newer, older]);
    expect(await signing([first], 0, both)).toEqual([true]);
    expect(await encryptSecrets(world.em(), { encryption: both, now: new Date(at(0)), limit: 10 })).toEqual({
      encrypted: 1,
      unreadable: 0,
    });
    expect(await keyIds()).toEqual([{ keyId: 'newer' }]);
    expect(await signing([first], 0, createSecretEncryption([newer]))).toEqual([true]);
  });

  it('lack one: nothing is sent, nothing is counted as tried, and the sweep counts what it can not read', async () => {
    await tell(at(0));
    const other = createSecretEncryption([drawEncryptionKey('other')]);
    await expect(deliver(endpointId, at(0), other)).rejects.toMatchObject({
      code: 'encryption_key_unknown',
      retryable: false,
    });
    expect(await encryptSecrets(world.em(), { encryption: other, now: new Date(at(0)), limit: 10 })).toEqual({
      encrypted: 0,
      unreadable: 1,
    });
    expect(receiver.received).toEqual([]);
    expect(await world.em().execute<object[]>('select attempts, state from webhook_deliveries')).toEqual([
      { attempts: 0, state: 'pending' },
    ]);
    expect(await deliver(endpointId, at(0))).toMatchObject({ delivered: 1 });
  });

  it('do not matter to secrets that have expired: the sweep removes them', async () => {
    await replaceBy(drawSecret(), 0, 1);
    expect(await keyIds()).toHaveLength(2);
    await encryptSecrets(world.em(), {
      encryption: createSecretEncryption([]),
      now: new Date(at(1)),
      limit: 10,
    });
    expect(await keyIds()).toHaveLength(1);
  });
});
