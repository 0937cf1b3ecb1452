import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { writeAlerts } from '../../src/services/alerts/writeAlerts.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, itemsOf, startApi, tokenFor } from './apiUnderTest.ts';

const secret = `whsec_${randomBytes(32).toString('base64')}`;
const token = tokenFor('platform_admin');
let database: TestDatabase;
let api: ApiUnderTest;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl });
}, 60_000);
afterAll(async () => {
  await api?.close();
  await database?.drop();
});

const get = (path: string) => api.call(`/api/v1${path}`, { token });
const send = (method: string, path: string, body?: object) =>
  api.call(`/api/v1${path}`, { method, token, body });
const pointers = (answer: { json: Readonly<Record<string, unknown>> }) =>
  JSON.stringify(answer.json['errors']);

describe('alert rules', () => {
  it('are made, changed, listed and deleted, each saying who did it', async () => {
    const created = await send('POST', '/alert-rules', {
      type: 'accrual_above',
      threshold: '150.50',
      currency: 'AUD',
      tenant_id: 'tenant-a',
    });
    expect(created.status).toBe(201);
    expect(created.json).toMatchObject({
      type: 'accrual_above',
      threshold: '150.5',
      currency: 'AUD',
      tenant_id: 'tenant-a',
      enabled: true,
      created_by: expect.any(String),
    });
    const path = `/alert-rules/${String(created.json['id'])}`;
    const changed = await send('PATCH', path, { threshold: '99' });
    expect([changed.status, changed.json['threshold'], changed.json['enabled']]).toEqual([200, '99', true]);
    expect(itemsOf(await get('/alert-rules'))).toMatchObject([{ threshold: '99' }]);
    expect((await send('DELETE', path)).status).toBe(200);
    expect(itemsOf(await get('/alert-rules'))).toEqual([]);
    expect((await send('PATCH', path, { enabled: false })).status).toBe(404);
    expect((await send('DELETE', path)).status).toBe(404);
  });

  it.each([
    [{ type: 'nothing' }, '/type'],
    [{ type: 'accrual_above', threshold: 5, currency: 'AUD' }, '/threshold'],
    [{ type: 'accrual_above', threshold: '5' }, '/currency'],
    [{ type: 'unattributed_above', threshold: '5', tenant_id: 'a' }, '/tenant_id'],
    [{ type: 'invoice_held', threshold: '5' }, '/threshold'],
  ])('are refused with what is at fault: %j at %s', async (body, pointer) => {
    const answer = await send('POST', '/alert-rules', body);
    expect(answer.status).toBe(422);
    expect(pointers(answer)).toContain(pointer);
  });
});

describe('alerts', () => {
  it('are listed the newest first, a page at a time, by state, rule and tenant', async () => {
    const rule = await send('POST', '/alert-rules', { type: 'tenant_margin_below', threshold: '20' });
    const ruleId = String(rule.json['id']);
    const em = forSession(api.orm, systemSession);
    const write = (subjects: readonly string[], at: string) =>
      writeAlerts(
        em,
        { id: ruleId, type: 'tenant_margin_below', threshold: '20', currency: null },
        {
          conditions: subjects.map((subject) => ({
            subject,
            tenantId: subject,
            value: '5.0',
            message: subject,
          })),
          unknown: 'nothing',
        },
        new Date(at),
      );
    await write(['a', 'b'], '2026-05-01T00:00:00Z');
    await write(['b', 'c'], '2026-05-02T00:00:00Z');
    const subjects = async (query: string) =>
      itemsOf(await get(`/alerts?${query}`)).map((item) => item['subject']);
    expect((await subjects(`rule_id=${ruleId}`)).toSorted()).toEqual(['a', 'b', 'c']);
    expect(await subjects('limit=1')).toEqual(['c']);
    const first = await get('/alerts?limit=2');
    const rest = await get(`/alerts?limit=2&cursor=${String(first.json['next_cursor'])}`);
    expect([...itemsOf(first), ...itemsOf(rest)].map((item) => item['subject']).toSorted()).toEqual([
      'a',
      'b',
      'c',
    ]);
    expect(await subjects('state=resolved')).toEqual(['a']);
    expect(await subjects('tenant_id=b')).toEqual(['b']);
    expect(await subjects('rule_id=00000000-0000-4000-8000-000000000000')).toEqual([]);

    const [open] = itemsOf(await get('/alerts?tenant_id=b'));
    const path = `/alerts/${String(open?.['id'])}/acknowledge`;
    expect((await send('POST', path, {})).status).toBe(422);
    const acknowledged = await send('POST', path, { reason: 'we know' });
    expect(acknowledged.json).toMatchObject({
      state: 'acknowledged',
      value: '5',
      threshold: '20',
      acknowledged_reason: 'we know',
      resolved_at: null,
    });
    expect((await send('POST', path, { reason: 'again' })).status).toBe(409);
  });
});

describe('webhook endpoints', () => {
  it('never show their secret, in no answer and no audit row', async () => {
    const created = await send('POST', '/webhook-endpoints', { url: 'https://hooks.example.com/a', secret });
    expect(created.status).toBe(201);
    const path = `/webhook-endpoints/${String(created.json['id'])}`;
    const other = `whsec_${randomBytes(24).toString('base64')}`;
    const changed = await send('PATCH', path, { secret: other, enabled: false });
    const answers = [
      created,
      changed,
      await get('/webhook-endpoints'),
      await get('/audit'),
      await send('DELETE', path),
    ];
    expect(answers.map(({ status }) => status)).toEqual([201, 200, 200, 200, 200]);
    for (const { text } of answers) {
      expect(text).not.toContain('whsec_');
      expect(text).not.toContain(secret.slice('whsec_'.length));
      expect(text).not.toContain(other.slice('whsec_'.length));
    }
    expect(changed.json).toMatchObject({
      enabled: false,
      disabled_reason: null,
      failing_since: null,
      event_types: ['alert.opened', 'alert.resolved'],
    });
    expect(itemsOf(await get('/webhook-endpoints'))).toEqual([]);
  });

  it('keep an earlier secret for a day unless told otherwise, which the audit log says', async () => {
    const { json } = await send('POST', '/webhook-endpoints', { url: 'https://hooks.example.com/b', secret });
    const path = `/webhook-endpoints/${String(json['id'])}`;
    const hoursOf = async (body: object) => {
      const { status } = await send('PATCH', path, { secret, ...body });
      expect(status).toBe(200);
      const [row] = await forSession(api.orm, systemSession).execute<{ hours: number }[]>(
        `select round(extract(epoch from (after ->> 'earlier_secrets_expire_at')::timestamptz - occurred_at) / 3600)::int as hours
         from audit_log where action = 'webhook_endpoint.change' order by id desc limit 1`,
      );
      return row?.hours;
    };
    expect(await hoursOf({})).toBe(24);
    expect(await hoursOf({ secret_overlap_hours: 168 })).toBe(168);
    expect(await hoursOf({ secret_overlap_hours: 0 })).toBe(0);
    for (const wrong of [-1, 169, 1.5, '24']) {
      const answer = await send('PATCH', path, { secret, secret_overlap_hours: wrong });
      expect([answer.status, pointers(answer)]).toEqual([
        422,
        expect.stringContaining('/secret_overlap_hours'),
      ]);
    }
  });

  it('that were disabled by themselves say why and since when, and are enabled again', async () => {
    const { json } = await send('POST', '/webhook-endpoints', { url: 'https://hooks.example.com/c', secret });
    const id = String(json['id']);
    await forSession(api.orm, systemSession).execute(
      `update webhook_endpoints set enabled = false, disabled_reason = 'failing', failing_since = '2026-05-01' where id = ?`,
      [id],
    );
    const found = itemsOf(await get('/webhook-endpoints')).find((item) => item['id'] === id);
    expect(found).toMatchObject({
      enabled: false,
      disabled_reason: 'failing',
      failing_since: '2026-05-01T00:00:00.000Z',
    });
    const enabled = await send('PATCH', `/webhook-endpoints/${id}`, { enabled: true });
    expect(enabled.json).toMatchObject({ enabled: true, disabled_reason: null, failing_since: null });
  });

  it('are refused with 409 where there is no key to encrypt their secrets with', async () => {
    const keyless = await startApi({ databaseUrl: database.appUrl, environment: { ENCRYPTION_KEYS: '' } });
    try {
      const body = { url: 'https://hooks.example.com/d', secret };
      const answer = await keyless.call('/api/v1/webhook-endpoints', { method: 'POST', token, body });
      expect([answer.status, answer.json['code']]).toEqual([409, 'encryption_key_missing']);
      expect(itemsOf(await get('/webhook-endpoints')).map((item) => item['url'])).not.toContain(body.url);
    } finally {
      await keyless.close();
    }
  });

  it.each([
    [{ url: 'http://hooks.example.com/', secret }, '/url'],
    [{ url: 'https://169.254.169.254/', secret }, '/url'],
    [{ url: 'http://127.0.0.1:4005/', secret }, '/url'],
    [{ url: 'https://user:password@hooks.example.com/', secret }, '/url'],
    [{ url: 'https://hooks.example.com/' }, '/secret'],
    [{ url: 'https://hooks.example.com/', secret: 'whsec_c2hvcnQ=' }, '/secret'],
    [{ url: 'https://hooks.example.com/', secret, event_types: ['nothing'] }, '/event_types'],
    [{ url: 'https://hooks.example.com/', secret, event_types: [] }, '/event_types'],
  ])('are refused with what is at fault: %j at %s', async (body, pointer) => {
    const answer = await send('POST', '/webhook-endpoints', body);
    expect(answer.status).toBe(422);
    expect(pointers(answer)).toContain(pointer);
    expect(answer.text).not.toContain(secret);
  });

  it('that are not there can not be changed, and what was not sent can not be sent again', async () => {
    const nobody = '00000000-0000-4000-8000-000000000000';
    expect((await send('PATCH', `/webhook-endpoints/${nobody}`, {})).status).toBe(404);
    expect((await send('DELETE', `/webhook-endpoints/${nobody}`)).status).toBe(404);
    expect((await send('POST', `/webhook-deliveries/${nobody}/redeliver`, {})).status).toBe(404);
  });
});
