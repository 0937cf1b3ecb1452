import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { type Answer, type ApiUnderTest, startApi, tokenFor } from './apiUnderTest.ts';

const path = '/api/v1/integrations/llm-usage';
const secretOf = (text: string) => `whsec_${Buffer.from(text.padEnd(24, '.')).toString('base64')}`;
const current = secretOf('the secret of this month');
const former = secretOf('the secret of last month');
const finance = secretOf('what finance signs with');

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApi({
    environment: { GATEWAY_WEBHOOK_SECRET: `${current},${former}`, FINANCE_WEBHOOK_SECRET: finance },
  });
});
afterAll(() => api.close());

/** A body that no route takes: 422 says that whoever sent it was let in. There is no database in this test. */
const body = '{"unknown":1}';
const now = () => Math.floor(Date.now() / 1000);

interface Signing {
  readonly secret?: string;
  readonly id?: string;
  readonly seconds?: number;
  readonly text?: string;
}
/** The headers of a good signature, as the library of the standard makes them. */
function sign({ secret = current, id = 'msg_1', seconds = now(), text = body }: Signing = {}) {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': new Webhook(secret).sign(id, new Date(seconds * 1000), text),
  };
}
const post = (headers: Readonly<Record<string, string>>, text: string = body): Promise<Answer> =>
  api.call(path, { method: 'POST', body: text, headers });

describe('a signature that holds', () => {
  it.each([
    ['of the current secret', () => sign()],
    ['of the former one, while secrets change', () => sign({ secret: former })],
    ['of five minutes ago, nearly', () => sign({ seconds: now() - 290 })],
    ['of a clock that is ahead, by nearly five minutes', () => sign({ seconds: now() + 290 })],
    ['under the longest id', () => sign({ id: 'a'.repeat(128) })],
    [
      'among others that do not',
      () => {
        const good = sign();
        const others = ['v1a,whatever', sign({ secret: finance })['webhook-signature'], 'v1,'];
        return { ...good, 'webhook-signature': [...others, good['webhook-signature']].join(' ') };
      },
    ],
  ])('%s does instead of a token', async (_name, headers) => {
    const answer = await post(headers());
    expect([answer.status, answer.json['code']]).toEqual([422, 'invalid_input']);
  });

  it('opens no other route, not even for reading', async () => {
    for (const other of ['/api/v1/inventory', '/api/v1/llm-usage', '/api/v1/audit']) {
      const answer = await api.call(other, { headers: sign() });
      expect([other, answer.status]).toEqual([other, 401]);
    }
  });

  it('is not looked at where there is a token: that one decides', async () => {
    const bad = await post({ ...sign(), authorization: 'Bearer nonsense' });
    expect([bad.status, bad.json['code']]).toEqual([401, 'unauthenticated']);
    const tenant = await post({ ...sign(), authorization: `Bearer ${tokenFor('tenant')}` });
    expect([tenant.status, tenant.json['code']]).toEqual([403, 'forbidden']);
    const gateway = await post({
      'webhook-signature': 'v1,bad',
      authorization: `Bearer ${tokenFor('gateway')}`,
    });
    expect(gateway.status).toBe(422);
  });
});

const badId = /^webhook-id must be 1 to 128 letters/;
const badTimestamp = /^webhook-timestamp must be whole seconds/;
const untimely = /^webhook-timestamp is more than 300 seconds/;
const unfit = /^no signature in webhook-signature fits/;
const { 'webhook-id': _id, ...withoutId } = sign();
const { 'webhook-timestamp': _timestamp, ...withoutTimestamp } = sign();

/** What is sent, and what the answer says. The library alone would let some of them in. */
const refused: readonly (readonly [
  name: string,
  headers: () => Record<string, string>,
  says: RegExp,
  text?: string,
])[] = [
  ['another body', () => sign({ text: '{"unknown":2}' }), unfit],
  ['the same JSON, written otherwise', () => sign({ text: '{ "unknown": 1 }' }), unfit],
  ['no body', () => sign(), unfit, ''],
  ['another id', () => ({ ...sign(), 'webhook-id': 'msg_2' }), unfit],
  ['another time', () => ({ ...sign(), 'webhook-timestamp': String(now() - 9) }), unfit],
  ['the secret of another sender', () => sign({ secret: finance }), unfit],
  ['a secret that nobody has', () => sign({ secret: secretOf('stolen from elsewhere') }), unfit],
  [
    'a cut signature',
    () => ({ ...sign(), 'webhook-signature': sign()['webhook-signature'].slice(0, -4) }),
    unfit,
  ],
  [
    'a longer signature',
    () => ({ ...sign(), 'webhook-signature': `${sign()['webhook-signature']}AAAA` }),
    unfit,
  ],
  ['no version', () => ({ ...sign(), 'webhook-signature': sign()['webhook-signature'].slice(3) }), unfit],
  [
    'an unknown version',
    () => ({ ...sign(), 'webhook-signature': sign()['webhook-signature'].replace('v1,', 'v2,') }),
    unfit,
  ],
  ['a version alone', () => ({ ...sign(), 'webhook-signature': 'v1' }), unfit],
  ['a version and nothing', () => ({ ...sign(), 'webhook-signature': 'v1,' }), unfit],
  ['text', () => ({ ...sign(), 'webhook-signature': 'hello there' }), unfit],
  ['300 seconds and more ago', () => sign({ seconds: now() - 310 }), untimely],
  ['300 seconds and more ahead', () => sign({ seconds: now() + 310 }), untimely],
  ['milliseconds', () => ({ ...sign(), 'webhook-timestamp': String(Date.now()) }), badTimestamp],
  ['digits and more', () => ({ ...sign(), 'webhook-timestamp': `${now()}abc` }), badTimestamp],
  ['a fraction', () => ({ ...sign(), 'webhook-timestamp': `${now()}.9` }), badTimestamp],
  ['a zero before it', () => ({ ...sign(), 'webhook-timestamp': `0${now()}` }), badTimestamp],
  ['a sign before it', () => ({ ...sign(), 'webhook-timestamp': `+${now()}` }), badTimestamp],
  ['an exponent', () => ({ ...sign(), 'webhook-timestamp': '1e9' }), badTimestamp],
  ['no time', () => withoutTimestamp, badTimestamp],
  ['no id', () => withoutId, badId],
  ['an empty id', () => sign({ id: '' }), badId],
  ['an id with a dot, with which bytes move into the body', () => sign({ id: 'msg.1' }), badId],
  ['an id with a blank', () => sign({ id: 'msg 1' }), badId],
  ['two ids', () => sign({ id: 'msg_1, msg_2' }), badId],
  ['an id of 129 characters', () => sign({ id: 'a'.repeat(129) }), badId],
];

describe('a signature that does not hold', () => {
  it.each(
    refused.map(([name, headers, says, text]) => [name, { headers, says, text: text ?? body }] as const),
  )('for %s, is a 401 that says which part', async (_name, { headers, says, text }) => {
    const answer = await post(headers(), text);
    expect([answer.status, answer.json['code']]).toEqual([401, 'invalid_signature']);
    expect(answer.json['detail']).toMatch(says);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    for (const secret of [current, former, finance]) {
      expect(answer.text).not.toContain(secret.slice('whsec_'.length));
      expect(answer.text).not.toContain(sign({ secret })['webhook-signature'].slice(3));
    }
  });

  it('is found before the body is read as JSON', async () => {
    const answer = await post({ ...sign(), 'webhook-id': 'msg_2' }, '{"cut":');
    expect(answer.json['code']).toBe('invalid_signature');
  });

  it('leaves nothing but the token: without both it is a 401 like everywhere', async () => {
    const answer = await post({ 'webhook-id': 'msg_1', 'webhook-timestamp': String(now()) });
    expect([answer.status, answer.json['code']]).toEqual([401, 'unauthenticated']);
  });

  it('is any, where no secret is configured', async () => {
    const closed = await startApi({});
    const answer = await closed.call(path, { method: 'POST', body, headers: sign() });
    await closed.close();
    expect([answer.status, answer.json['code']]).toEqual([401, 'invalid_signature']);
    expect(answer.json['detail']).toMatch(/^signatures are not accepted here/);
  });
});

describe('a signed body', () => {
  it.each([
    ['cut JSON', 400, '{"events":['],
    ['text', 400, 'hello'],
    ['a bare number', 400, '1'],
    ['null', 400, 'null'],
    ['a field named __proto__', 422, '{"__proto__":{"role":"platform_admin"}}'],
    ['257 kB', 413, `{"events":["${'a'.repeat(257 * 1024)}"]}`],
  ])('of %s is a %i', async (_name, status, text) => {
    expect((await post(sign({ text }), text)).status).toBe(status);
  });

  it('is a 400 where it is not UTF-8, though other bytes would give the same text', async () => {
    const response = await fetch(`${api.address}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...sign({ text: '{"model":"\ufffd"}' }) },
      body: Buffer.from([...Buffer.from('{"model":"'), 0xff, ...Buffer.from('"}')]),
    });
    expect(response.status).toBe(400);
  });
});

describe('the rate limit of the integrations', () => {
  it('is one of their own, by address and by caller', async () => {
    const limited = await startApi({
      environment: {
        RATE_LIMIT_PER_MINUTE: '2',
        INTEGRATION_RATE_LIMIT_PER_MINUTE: '5',
        GATEWAY_WEBHOOK_SECRET: current,
      },
    });
    const statuses: number[] = [];
    for (let index = 0; index < 6; index += 1) {
      statuses.push((await limited.call(path, { method: 'POST', body, headers: sign() })).status);
    }
    const others: number[] = [];
    for (let index = 0; index < 3; index += 1) {
      others.push((await limited.call('/api/v1/audit', { token: tokenFor('gateway') })).status);
    }
    await limited.close();
    expect(statuses).toEqual([422, 422, 422, 422, 422, 429]);
    expect(others).toEqual([403, 403, 429]);
  });
});
