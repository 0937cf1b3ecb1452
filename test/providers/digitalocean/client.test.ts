import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ArcadiaError } from '../../../src/domain/errors.ts';
import type { ProviderLog } from '../../../src/providers/digitalocean/door.ts';
import {
  type AnsweringServer,
  openLimiter,
  providerAt,
  rejectionOf,
  startAnsweringServer,
  testToken,
} from './answeringServer.ts';

let server: AnsweringServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function serve(answer: RequestListener): Promise<AnsweringServer> {
  server = await startAnsweringServer(answer);
  return server;
}

const balance = {
  month_to_date_balance: '23.44',
  account_balance: '12.23',
  month_to_date_usage: '11.21',
  generated_at: '2026-05-01T15:01:12Z',
};

const json = (status: number, body: unknown, headers: Record<string, string> = {}): RequestListener => {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
};

describe('a request to DigitalOcean', () => {
  it('carries the token and asks for JSON', async () => {
    const { url, requests } = await serve(json(200, balance));
    const read = await providerAt(url).balance();
    expect(read.monthToDateBalance.toString()).toBe('23.44');
    expect(read.generatedAt).toEqual(new Date('2026-05-01T15:01:12Z'));
    expect(requests[0]?.headers).toMatchObject({
      authorization: `Bearer ${testToken}`,
      accept: 'application/json',
    });
  });

  it.each([
    [401, { id: 'unauthorized', message: 'Unable to authenticate you' }, 'provider_unauthorized', false],
    [403, { id: 'forbidden', message: 'You are not authorized' }, 'provider_unauthorized', false],
    [404, { id: 'not_found', message: 'not found' }, 'provider_not_found', false],
    [400, { id: 'bad_request', message: 'no' }, 'provider_rejected', false],
    [422, { id: 'unprocessable_entity', message: 'no' }, 'provider_rejected', false],
    [408, '', 'provider_unavailable', true],
    [429, { id: 'too_many_requests', message: 'slow down' }, 'provider_rate_limited', true],
    [500, { id: 'server_error', message: 'sorry' }, 'provider_unavailable', true],
    [502, '<html>bad gateway</html>', 'provider_unavailable', true],
    [503, '', 'provider_unavailable', true],
  ])('answered with %i %j is %s', async (status, body, code, retryable) => {
    const { url } = await serve(json(status, body));
    const error = await rejectionOf(providerAt(url).balance());
    expect(error).toMatchObject({ name: 'ProviderError', code, retryable, context: { status } });
  });

  it('quotes the message and the id of a refused request', async () => {
    const { url } = await serve(json(422, { message: 'page is invalid', request_id: 'req-1' }));
    expect(await rejectionOf(providerAt(url).balance())).toMatchObject({
      message: expect.stringContaining('page is invalid'),
      context: { requestId: 'req-1' },
    });
  });

  it.each<[string, Record<string, string>, number | undefined]>([
    ['retry-after in seconds', { 'retry-after': '17' }, 17],
    ['retry-after before ratelimit-reset', { 'retry-after': '17', 'ratelimit-reset': '4102444800' }, 17],
    ['retry-after of zero', { 'retry-after': '0' }, 1],
    ['a date in the past', { 'retry-after': 'Thu, 01 Jan 2015 00:00:00 GMT' }, 1],
    ['ratelimit-reset in the past', { 'ratelimit-reset': '1444931833' }, 1],
    ['ratelimit-reset in the far future', { 'ratelimit-reset': '4102444800' }, 3600],
    ['a retry-after of a day', { 'retry-after': '86400' }, 3600],
    ['nonsense', { 'retry-after': 'soon', 'ratelimit-reset': 'later' }, undefined],
    ['nothing', {}, undefined],
  ])('that is told to wait by %s waits so', async (_name, headers, seconds) => {
    const limiter = openLimiter();
    const { url } = await serve(json(429, { message: 'slow down' }, headers));
    const error = await rejectionOf(providerAt(url, { limiter }).balance());
    expect(error).toMatchObject({ code: 'provider_rate_limited', retryAfterSeconds: seconds });
    expect(limiter.pauses).toEqual([seconds ?? 1]);
  });

  it('reads a ratelimit-reset in the near future as the seconds until then', async () => {
    const reset = String(Math.floor(Date.now() / 1000) + 30);
    const { url } = await serve(json(429, {}, { 'ratelimit-reset': reset }));
    const error = await rejectionOf(providerAt(url).balance());
    const seconds = error instanceof ArcadiaError ? (error.retryAfterSeconds ?? 0) : 0;
    expect(seconds).toBeGreaterThanOrEqual(28);
    expect(seconds).toBeLessThanOrEqual(31);
  });

  it('still reports a 429 where the pause can not be stored', async () => {
    const limiter = { ...openLimiter(), pauseFor: () => Promise.reject(new Error('store is down')) };
    const { url } = await serve(json(429, {}));
    expect(await rejectionOf(providerAt(url, { limiter }).balance())).toMatchObject({
      code: 'provider_rate_limited',
    });
  });

  it('follows no redirect, so the token stays here', async () => {
    const elsewhere = await startAnsweringServer(json(200, balance));
    const { url } = await serve((_request, response) => {
      response.writeHead(302, { location: `${elsewhere.url}/v2/customers/my/balance` });
      response.end();
    });
    const error = await rejectionOf(providerAt(url).balance());
    expect(error).toMatchObject({ code: 'provider_rejected', retryable: false });
    expect(elsewhere.requests).toEqual([]);
    await elsewhere.close();
  });

  it('follows no next link, whatever host it names', async () => {
    const elsewhere = await startAnsweringServer(json(200, { domains: [], meta: { total: 0 } }));
    const { url, requests } = await serve((request, response) => {
      const page = new URL(request.url ?? '', 'http://localhost').searchParams.get('page');
      const domains = page === '3' ? [] : [{ name: `${page}.example.com`, ttl: 1800 }];
      const links = page === '3' ? {} : { pages: { next: `${elsewhere.url}/v2/domains?page=7` } };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ domains, links, meta: { total: 2 } }));
    });
    const found = await providerAt(url).resources('domain');
    expect(found.map((domain) => domain.name)).toEqual(['1.example.com', '2.example.com']);
    expect(requests.map((request) => request.url)).toEqual([
      '/v2/domains?page=1&per_page=200',
      '/v2/domains?page=2&per_page=200',
    ]);
    expect(elsewhere.requests).toEqual([]);
    await elsewhere.close();
  });

  it.each([
    ['JSON that breaks off', JSON.stringify(balance).slice(0, 40), true],
    ['an HTML page', '<html>sign in</html>', true],
    ['no body', '', true],
    ['another JSON', '[]', false],
    ['a missing field', { ...balance, account_balance: undefined }, false],
    ['an amount as a number', { ...balance, account_balance: 12.23 }, false],
    ['an amount with a separator', { ...balance, account_balance: '1,234.56' }, false],
    ['a date that is none', { ...balance, generated_at: 'today' }, false],
  ])('answered with %s is a bad answer', async (_name, body, retryable) => {
    const { url } = await serve(json(200, body));
    expect(await rejectionOf(providerAt(url).balance())).toMatchObject({
      code: 'provider_bad_answer',
      retryable,
    });
  });

  it('names the field of a bad answer, and not its value', async () => {
    const { url } = await serve(json(200, { ...balance, account_balance: 'secret-value' }));
    const error = await rejectionOf(providerAt(url).balance());
    expect(error).toHaveProperty('message', expect.stringContaining('account_balance'));
    expect(everythingIn(error)).not.toContain('secret-value');
  });

  it('reads no more than the largest answer', async () => {
    let sent = 0;
    const { url } = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const send = () => {
        while (!response.destroyed && sent < 50_000_000) {
          sent += 10_000;
          if (!response.write(' '.repeat(10_000))) return void response.once('drain', send);
        }
        response.end();
      };
      send();
    });
    expect(await rejectionOf(providerAt(url, { maxAnswerBytes: 100_000 }).balance())).toMatchObject({
      code: 'provider_bad_answer',
      retryable: false,
      message: expect.stringContaining('100000 bytes'),
    });
    expect(sent).toBeLessThan(50_000_000);
  });

  it('takes a connection that is reset for a passing failure', async () => {
    const { url } = await serve((request) => request.socket.resetAndDestroy());
    expect(await rejectionOf(providerAt(url).balance())).toMatchObject({
      code: 'provider_unavailable',
      retryable: true,
      context: { code: 'ECONNRESET' },
    });
  });

  it('takes a refused connection for a passing failure', async () => {
    const { url, close } = await serve(json(200, balance));
    await close();
    server = undefined;
    expect(await rejectionOf(providerAt(url).balance())).toMatchObject({
      code: 'provider_unavailable',
      retryable: true,
      context: { code: 'ECONNREFUSED' },
    });
  });

  it('takes a body shorter than its content-length for a passing failure', async () => {
    const { url } = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '5000' });
      response.write(JSON.stringify(balance));
      setTimeout(() => response.socket?.destroy(), 20);
    });
    expect(await rejectionOf(providerAt(url).balance())).toMatchObject({
      code: 'provider_unavailable',
      retryable: true,
    });
  });

  it.each<[string, RequestListener]>([
    ['never answers', () => {}],
    [
      'stops in the middle of its answer',
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.write('{"month');
      },
    ],
    [
      'drips its answer for ever',
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const timer = setInterval(() => response.write(' '), 20);
        response.on('close', () => clearInterval(timer));
      },
    ],
  ])('gives up on a server that %s', async (_name, answer) => {
    const { url } = await serve(answer);
    expect(await rejectionOf(providerAt(url, { timeoutMs: 200 }).balance())).toMatchObject({
      code: 'provider_unavailable',
      retryable: true,
      context: { timeoutMs: 200 },
    });
  });

  it("ends with the caller's own reason where the caller aborts", async () => {
    const { url } = await serve(() => {});
    const reason = new Error('the worker stops');
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 50);
    expect(await rejectionOf(providerAt(url).balance(controller.signal))).toBe(reason);
  });

  it.each(['../../balance', 'a/b', 'a?b', '..', '', 'ä'])('is not made for the invoice id %j', async (id) => {
    const { url, requests } = await serve(json(200, {}));
    const error = await rejectionOf(providerAt(url).invoiceSummary(id));
    expect(error).toMatchObject({ code: 'provider_rejected', retryable: false });
    expect(requests).toEqual([]);
  });

  it('lets the token into no error and no log, whatever comes back', async () => {
    const logged: unknown[] = [];
    const log: ProviderLog = { warn: (...entry) => logged.push(entry) };
    for (const answer of [
      json(401, { message: `bad token ${testToken}`, request_id: 'r' }),
      json(500, testToken),
      json(429, { message: testToken }),
      json(200, { ...balance, account_balance: testToken }),
      json(200, testToken),
    ]) {
      const own = await startAnsweringServer(answer);
      const error = await rejectionOf(providerAt(own.url, { log }).balance());
      expect(everythingIn(error)).not.toContain(testToken);
      await own.close();
    }
    expect(logged.length).toBeGreaterThan(0);
    expect(JSON.stringify(logged)).not.toContain(testToken);
  });
});

/** All that a log, a trace or a stored failure could show of an error. */
function everythingIn(error: unknown): string {
  if (!(error instanceof ArcadiaError)) throw new Error('expected an error of ours');
  return [
    error.message,
    error.stack,
    JSON.stringify(error),
    JSON.stringify(error.context),
    everyCause(error),
  ].join('\n');
}

function everyCause(error: Error): string {
  return error.cause === undefined ? '' : String(error.cause);
}

describe('the address of DigitalOcean', () => {
  it.each([
    'https://api.digitalocean.com',
    'https://api.digitalocean.com/',
    'http://127.0.0.1:4010',
    'http://localhost:4010',
    'http://[::1]:4010',
  ])('may be %s where this machine is allowed', (url) => {
    expect(providerAt(url).name).toBe('digitalocean');
  });

  it.each([
    'http://api.digitalocean.com',
    'https://api.digitalocean.com:8443',
    'https://api.digitalocean.com.example.com',
    'https://example.com',
    'https://user:pass@api.digitalocean.com',
    'https://api.digitalocean.com/?x=1',
    'http://169.254.169.254',
    'http://10.0.0.1',
    'http://2130706433.example.com',
    'http://0.0.0.0:80',
    'file:///etc/passwd',
    'not an address',
  ])('may not be %s', (url) => {
    expect(() => providerAt(url)).toThrow(expect.objectContaining({ code: 'provider_address_refused' }));
  });

  it.each(['http://127.0.0.1:4010', 'http://localhost:4010', 'https://127.0.0.1'])(
    'may not be %s unless this machine is allowed',
    (url) => {
      expect(() => providerAt(url, { allowLoopback: false })).toThrow(
        expect.objectContaining({ code: 'provider_address_refused' }),
      );
    },
  );
});
