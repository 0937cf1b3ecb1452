import { createHmac, generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import jsonwebtoken from 'jsonwebtoken';
import { type ApiUnderTest, secret, startApi } from './apiUnderTest.ts';

const path = '/api/v1/audit';
const now = Math.floor(Date.now() / 1000);
const good = {
  sub: 'somebody',
  typ: 'access',
  role: 'platform_admin',
  tenant_id: 'acme',
  iat: now,
  exp: now + 600,
};
const { exp: _exp, ...withoutExp } = good;
const { sub: _sub, ...withoutSub } = good;
const { typ: _typ, ...withoutTyp } = good;
const { role: _role, ...withoutRole } = good;
const { tenant_id: _tenant, ...withoutTenant } = good;

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A token signed with the right secret, whatever it says. */
function signed(payload: unknown, header: Record<string, unknown> = {}): string {
  const text = `${encode({ alg: 'HS512', typ: 'JWT', ...header })}.${encode(payload)}`;
  return `${text}.${createHmac('sha512', secret).update(text).digest('base64url')}`;
}

const honest = signed(good);
const [head = '', body = '', signature = ''] = honest.split('.');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const tenant = { ...good, role: 'tenant' };

/** Tokens that were not issued for us: 401. The text is the whole `Authorization` header. */
const refused: Readonly<Record<string, string | undefined>> = {
  'no header': undefined,
  'an empty header': '',
  'the scheme alone': 'Bearer',
  'another scheme': `Basic ${honest}`,
  'no scheme': honest,
  'a second word': `Bearer ${honest} ${honest}`,
  'two tokens by a comma': `Bearer ${honest},${honest}`,
  'no token but text': 'Bearer hello',
  'two parts': `Bearer ${head}.${body}`,
  'four parts': `Bearer ${honest}.${signature}`,
  'five parts, as an encrypted token has': `Bearer ${head}.${body}.${signature}.${body}.${signature}`,
  'an empty signature': `Bearer ${head}.${body}.`,
  'a cut signature': `Bearer ${head}.${body}.${signature.slice(0, 40)}`,
  'a longer signature': `Bearer ${honest}AAAA`,
  'a changed signature': `Bearer ${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
  'a changed payload': `Bearer ${head}.${encode({ ...good, sub: 'root' })}.${signature}`,
  'a changed header': `Bearer ${encode({ alg: 'HS512', typ: 'JWT', kid: '1' })}.${body}.${signature}`,
  'alg none': `Bearer ${encode({ alg: 'none', typ: 'JWT' })}.${body}.`,
  'alg NONE': `Bearer ${encode({ alg: 'NONE', typ: 'JWT' })}.${body}.`,
  'alg none with a signature': `Bearer ${encode({ alg: 'none' })}.${body}.${signature}`,
  'no alg': `Bearer ${signed(good, { alg: undefined })}`,
  'an alg that is a number': `Bearer ${signed(good, { alg: 512 })}`,
  'an alg in lower case': `Bearer ${signed(good, { alg: 'hs512' })}`,
  HS256: `Bearer ${jsonwebtoken.sign(good, secret, { algorithm: 'HS256' })}`,
  HS384: `Bearer ${jsonwebtoken.sign(good, secret, { algorithm: 'HS384' })}`,
  'RS512 with a key of its own': `Bearer ${jsonwebtoken.sign(good, rsa.privateKey, { algorithm: 'RS512' })}`,
  'a key in the header': `Bearer ${jsonwebtoken.sign(good, 'k'.repeat(64), {
    algorithm: 'HS512',
    header: { alg: 'HS512', jwk: { kty: 'oct', k: encode('k'.repeat(64)) } } as jsonwebtoken.JwtHeader,
  })}`,
  'a kid that is a path': `Bearer ${jsonwebtoken.sign(good, 'k'.repeat(64), { algorithm: 'HS512', keyid: '../../dev/null' })}`,
  'another secret': `Bearer ${jsonwebtoken.sign(good, `${secret}!`, { algorithm: 'HS512' })}`,
  'an empty secret': `Bearer ${head}.${body}.${createHmac('sha512', '').update(`${head}.${body}`).digest('base64url')}`,
  'the secret decoded from base64': `Bearer ${jsonwebtoken.sign(good, Buffer.from(secret, 'base64'), { algorithm: 'HS512' })}`,
  'a critical header': `Bearer ${signed(good, { crit: ['exp'] })}`,
  'an unencoded payload': `Bearer ${signed(good, { crit: ['b64'], b64: false })}`,
  'a header that is no JSON': `Bearer ${encode('{')}.${body}.${signature}`,
  'a header that is an array': `Bearer ${encode([])}.${body}.${signature}`,
  'a payload that is no JSON': `Bearer ${signed('{')}`,
  'a payload that is text': `Bearer ${signed('"somebody"')}`,
  'a payload that is null': `Bearer ${signed('null')}`,
  'a payload that is a number': `Bearer ${signed('1')}`,
  'a payload that is an array': `Bearer ${signed([good])}`,
  'an empty payload': `Bearer ${signed({})}`,
  'no exp': `Bearer ${signed(withoutExp)}`,
  'exp null': `Bearer ${signed({ ...good, exp: null })}`,
  'exp as text': `Bearer ${signed({ ...good, exp: String(now + 600) })}`,
  'exp as a list': `Bearer ${signed({ ...good, exp: [now + 600] })}`,
  'exp beyond numbers': `Bearer ${signed(JSON.stringify(good).replace(String(good.exp), '1e999'))}`,
  'exp a minute ago': `Bearer ${signed({ ...good, exp: now - 60 })}`,
  'exp zero': `Bearer ${signed({ ...good, exp: 0 })}`,
  'exp negative': `Bearer ${signed({ ...good, exp: -1 })}`,
  'nbf in ten minutes': `Bearer ${signed({ ...good, nbf: now + 600 })}`,
  'nbf as text': `Bearer ${signed({ ...good, nbf: '0' })}`,
  'nbf null': `Bearer ${signed({ ...good, nbf: null })}`,
  'iat as text': `Bearer ${signed({ ...good, iat: 'now' })}`,
  'no typ': `Bearer ${signed(withoutTyp)}`,
  'typ refresh': `Bearer ${signed({ ...good, typ: 'refresh' })}`,
  'typ in upper case': `Bearer ${signed({ ...good, typ: 'ACCESS' })}`,
  'typ as a list': `Bearer ${signed({ ...good, typ: ['access'] })}`,
  'no sub': `Bearer ${signed(withoutSub)}`,
  'sub empty': `Bearer ${signed({ ...good, sub: '' })}`,
  'sub blank': `Bearer ${signed({ ...good, sub: '  ' })}`,
  'sub a number': `Bearer ${signed({ ...good, sub: 1 })}`,
  'sub with NUL': `Bearer ${signed({ ...good, sub: 'a\0b' })}`,
  'sub with half a surrogate pair': `Bearer ${signed({ ...good, sub: '\ud800' })}`,
  'sub of 10,000 characters': `Bearer ${signed({ ...good, sub: 'a'.repeat(10_000) })}`,
  'claims in the prototype': `Bearer ${signed(`{"__proto__":${JSON.stringify(good)}}`)}`,
};

/** Tokens of ours that name no role or tenant that we know: 403. */
const forbidden: Readonly<Record<string, unknown>> = {
  'an unknown role': { ...good, role: 'root' },
  'a role in upper case': { ...good, role: 'PLATFORM_ADMIN' },
  'a role with a blank': { ...good, role: 'platform_admin ' },
  'an empty role': { ...good, role: '' },
  'role null': { ...good, role: null },
  'role as a list': { ...good, role: ['platform_admin'] },
  'role as an object': { ...good, role: { name: 'platform_admin' } },
  'role a number': { ...good, role: 1 },
  'role of the database': { ...good, role: 'system' },
  'role toString': { ...good, role: 'toString' },
  'no roles': { ...withoutRole, roles: [] },
  'two roles': { ...withoutRole, roles: ['platform_admin', 'tenant'] },
  'a known and an unknown role': { ...withoutRole, roles: ['platform_admin', 'root'] },
  'roles as text': { ...withoutRole, roles: 'platform_admin' },
  'roles nested': { ...withoutRole, roles: [['platform_admin']] },
  'role and roles that differ': { ...good, role: 'tenant', roles: ['platform_admin'] },
  'a tenant without tenant_id': { ...withoutTenant, role: 'tenant' },
  'no role and no tenant_id': { sub: good.sub, typ: good.typ, exp: good.exp },
  'tenant_id null': { ...tenant, tenant_id: null },
  'tenant_id a number': { ...tenant, tenant_id: 1 },
  'tenant_id as a list': { ...tenant, tenant_id: ['acme'] },
  'tenant_id as an object': { ...tenant, tenant_id: { $ne: null } },
  'tenant_id true': { ...tenant, tenant_id: true },
  'tenant_id empty': { ...tenant, tenant_id: '' },
  'tenant_id blank': { ...tenant, tenant_id: ' \t' },
  'tenant_id with NUL': { ...tenant, tenant_id: 'acme\0' },
  'tenant_id with half a surrogate pair': { ...tenant, tenant_id: 'a\udfff' },
  'tenant_id of 201 characters': { ...tenant, tenant_id: 'a'.repeat(201) },
  'an admin with a tenant_id that is no text': { ...good, tenant_id: 7 },
  'a tenant on a route for admins': tenant,
  'the gateway': { ...good, role: 'gateway' },
  'the finance system': { ...good, role: 'finance' },
};

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApi({});
});
afterAll(() => api.close());

const ask = (authorization: string | undefined) =>
  api.call(path, authorization === undefined ? {} : { headers: { authorization } });

describe('a bearer token', () => {
  it('is refused with 401 where it was not issued for us, in at least 40 ways', () => {
    expect(Object.keys(refused).length).toBeGreaterThanOrEqual(40);
  });

  it.each(Object.entries(refused))(
    'is refused with 401 and the same body: %s',
    async (_name, authorization) => {
      const answer = await ask(authorization);
      expect(answer.status).toBe(401);
      const { request_id: requestId, ...rest } = answer.json;
      expect(requestId).toBe(answer.headers.get('x-request-id'));
      expect(rest).toEqual({
        type: 'urn:problem:arcadia-cloud:unauthenticated',
        title: 'Unauthorized',
        status: 401,
        detail: 'a valid bearer token is required',
        code: 'unauthenticated',
      });
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    },
  );

  it.each(Object.entries(forbidden))('is refused with 403: %s', async (_name, payload) => {
    const answer = await ask(`Bearer ${signed(payload)}`);
    expect(answer.status).toBe(403);
    expect(answer.json['code']).toBe('forbidden');
  });

  it('is taken only from the header, not from a cookie or the query', async () => {
    const cookie = await api.call(path, { headers: { cookie: `token=${honest}; jwt=${honest}` } });
    const query = await api.call(`${path}?token=${honest}&access_token=${honest}`);
    expect([cookie.status, query.status]).toEqual([401, 401]);
  });

  it.each([
    ['as the issuer makes it', good],
    ['with roles instead of role', { ...withoutRole, roles: ['platform_viewer'] }],
    ['with role and roles that agree', { ...good, roles: ['platform_admin'] }],
    ['of an admin without tenant_id', withoutTenant],
    ['of an admin with tenant_id null', { ...good, tenant_id: null }],
    ['with claims that we do not know', { ...good, aud: 'guardian', jti: '1', auth_time: now }],
  ])('passes %s: the request gets as far as the database, which is away', async (_name, payload) => {
    const answer = await ask(`Bearer ${signed(payload)}`);
    expect([answer.status, answer.json['code']]).toEqual([503, 'database_unavailable']);
  });

  it('of a tenant may name its tenant by any text, and needs no role', async () => {
    for (const tenantId of ['platform-admin', '0', 'Ünïcode tenant', "o'brien", '*']) {
      const token = signed({ ...withoutRole, tenant_id: tenantId });
      const answer = await api.call('/api/v1/inventory', { token });
      expect([answer.status, answer.json['code']]).toEqual([503, 'database_unavailable']);
    }
  });
});

describe('a configured issuer, audience and algorithm', () => {
  it('bind the tokens', async () => {
    const strict = await startApi({
      environment: { JWT_ISSUER: 'guardian', JWT_AUDIENCE: 'arcadia', JWT_ALGORITHMS: 'HS256' },
    });
    const statusOf = async (token: string) => (await strict.call(path, { token })).status;
    const sign = (claims: object, algorithm: 'HS256' | 'HS512' = 'HS256') =>
      jsonwebtoken.sign({ ...good, ...claims }, secret, { algorithm });
    expect(await statusOf(sign({ iss: 'guardian', aud: 'arcadia' }))).toBe(503);
    expect(await statusOf(sign({ iss: 'guardian', aud: 'arcadia' }, 'HS512'))).toBe(401);
    expect(await statusOf(sign({ iss: 'another', aud: 'arcadia' }))).toBe(401);
    expect(await statusOf(sign({ iss: 'guardian', aud: 'another' }))).toBe(401);
    expect(await statusOf(sign({}))).toBe(401);
    await strict.close();
  });
});

describe('rate limits', () => {
  it('hold for an address before the token is read, and say how long to wait', async () => {
    const limited = await startApi({ environment: { RATE_LIMIT_PER_MINUTE: '3' } });
    const statuses: number[] = [];
    for (let request = 0; request < 3; request += 1) statuses.push((await limited.call(path)).status);
    const last = await limited.call('/api/health');
    expect(statuses).toEqual([401, 401, 401]);
    expect([last.status, last.json['code']]).toEqual([429, 'rate_limited']);
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(Number(last.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    await limited.close();
  });
});
