import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createWebhookClient, type Resolve } from '../../src/integrations/webhookClient.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhookReceiver.ts';

const secret = `whsec_${randomBytes(32).toString('base64')}`;
let receiver: WebhookReceiver;
beforeEach(async () => {
  receiver = await startWebhookReceiver(secret);
});
afterEach(() => receiver.close());

const message = (url: string) => ({
  url,
  secrets: [secret],
  eventId: 'evt_1',
  payload: { type: 'alert.opened', data: { n: 1 } },
});
const namesOf =
  (addresses: readonly string[]): Resolve =>
  (_, answer) =>
    answer(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );

describe('a webhook', () => {
  const client = createWebhookClient({ allowLoopback: true, timeoutMs: 300 });

  it('is a signed POST of its payload, with the id of its event', async () => {
    expect(await client.send(message(receiver.url))).toEqual({ status: 204, error: null, retryable: false });
    const [got] = receiver.received;
    expect(got).toMatchObject({ id: 'evt_1', isSigned: true });
    expect(JSON.parse(got?.body ?? '')).toEqual({ type: 'alert.opened', data: { n: 1 } });
    expect(got?.headers['content-type']).toBe('application/json');
  });

  it('is signed by each secret while one is replaced: who knows one of them takes it', async () => {
    const secrets = [`whsec_${randomBytes(24).toString('base64')}`, secret];
    expect(await client.send({ ...message(receiver.url), secrets })).toMatchObject({ status: 204 });
    const [got] = receiver.received;
    expect(got).toMatchObject({ isSigned: true });
    expect(got?.headers['webhook-signature']).toMatch(/^v1,\S{44} v1,\S{44}$/);
  });

  it.each([
    [200, null, false],
    [202, null, false],
    [302, 'answered 302: redirects are not followed', true],
    [400, 'answered 400', true],
    [410, 'answered 410: the endpoint is gone', false],
    [429, 'answered 429', true],
    [500, 'answered 500', true],
  ])('that is answered %d has the error %j; another try may do: %j', async (status, error, retryable) => {
    receiver.answers.push(status);
    expect(await client.send(message(receiver.url))).toEqual({ status, error, retryable });
    expect(receiver.received).toHaveLength(1);
  });

  it('waits no longer than it may', async () => {
    receiver.answers.push('hang');
    expect(await client.send(message(receiver.url))).toEqual({
      status: null,
      error: 'no answer within 0.3 s',
      retryable: true,
    });
  });

  it('that nobody listens to may be taken at another try', async () => {
    await receiver.close();
    const answer = await client.send(message(receiver.url));
    expect(answer).toMatchObject({ status: null, retryable: true });
    expect(answer.error).toMatch(/ECONNREFUSED/);
    receiver = await startWebhookReceiver(secret);
  });

  it('of which a caller thinks better is no answer', async () => {
    const hanging = createWebhookClient({ allowLoopback: true });
    receiver.answers.push('hang');
    await expect(hanging.send(message(receiver.url), AbortSignal.timeout(50))).rejects.toThrow(/abort|time/i);
  });

  it('to a name goes to the address that was checked, whatever the name says later', async () => {
    const asked: string[] = [];
    const rebinding: Resolve = (hostname, answer) => {
      asked.push(hostname);
      answer(null, [{ address: asked.length === 1 ? '127.0.0.1' : '10.0.0.1', family: 4 }]);
    };
    const port = new URL(receiver.url).port;
    const named = createWebhookClient({ allowLoopback: true, resolve: rebinding });
    expect(await named.send(message(`http://hooks.test:${port}/`))).toMatchObject({ status: 204 });
    expect(asked).toEqual(['hooks.test']);
    expect(receiver.received[0]?.headers.host).toBe(`hooks.test:${port}`);
  });
});

describe('a webhook is refused for good, and nothing is sent, where', () => {
  it.each([
    ['it goes to this machine', 'http://127.0.0.1:PORT/'],
    ['it goes to this machine, by https', 'https://127.0.0.1:PORT/'],
    ['it goes to this machine, in another writing', 'http://2130706433:PORT/'],
    ['it goes to this machine, by IPv6', 'http://[::1]:PORT/'],
    ['it goes to this machine, by IPv6 with IPv4 within', 'http://[::ffff:127.0.0.1]:PORT/'],
    ['it goes to a cloud’s metadata', 'http://169.254.169.254/latest/meta-data/'],
    ['it goes to a private network', 'https://10.1.2.3/'],
    ['it is not https', 'http://8.8.8.8/'],
    ['it is no web address', 'ftp://8.8.8.8/'],
  ])('%s: %s', async (_, url) => {
    const client = createWebhookClient({ allowLoopback: false, timeoutMs: 500 });
    const answer = await client.send(message(url.replace('PORT', new URL(receiver.url).port)));
    expect(answer).toMatchObject({ status: null, retryable: false });
    expect(answer.error).toMatch(/^refused: /);
    expect(receiver.received).toEqual([]);
  });

  it.each([
    ['this machine', ['127.0.0.1']],
    ['this machine by IPv6', ['::1']],
    ['a private network', ['192.168.0.10']],
    ['a cloud’s metadata', ['169.254.169.254']],
    ['a cloud’s metadata by IPv6', ['fd00:ec2::254']],
    ['a public address, and a private one beside it', ['8.8.8.8', '10.0.0.1']],
    ['a public address, and IPv4 within IPv6 beside it', ['8.8.8.8', '::ffff:127.0.0.1']],
  ])('its name stands for %s', async (_, addresses) => {
    const resolve = namesOf(addresses);
    const client = createWebhookClient({ allowLoopback: false, timeoutMs: 500, resolve });
    const answer = await client.send(message(`https://hooks.test:${new URL(receiver.url).port}/`));
    expect(answer).toMatchObject({ status: null, retryable: false });
    expect(answer.error).toMatch(/^refused: .+ is not a public address$/);
    expect(receiver.received).toEqual([]);
  });

  it('it goes to this machine’s network though loopback is allowed, or by http to a public name', async () => {
    for (const addresses of [['10.0.0.1'], ['8.8.8.8'], ['127.0.0.1', '10.0.0.1']]) {
      const client = createWebhookClient({
        allowLoopback: true,
        timeoutMs: 500,
        resolve: namesOf(addresses),
      });
      expect(await client.send(message('http://hooks.test/'))).toMatchObject({ retryable: false });
    }
  });

  it('but a name that can not be looked up now may be at another try', async () => {
    const resolve: Resolve = (_, answer) => answer(new Error('getaddrinfo EAI_AGAIN hooks.test'), []);
    const client = createWebhookClient({ allowLoopback: false, resolve });
    expect(await client.send(message('https://hooks.test/'))).toEqual({
      status: null,
      error: 'getaddrinfo EAI_AGAIN hooks.test',
      retryable: true,
    });
  });
});
