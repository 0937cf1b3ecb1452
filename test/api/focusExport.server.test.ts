import { request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, itemsOf, startApi, tokenFor } from './apiUnderTest.ts';
import { seeder } from './seed.ts';

const path = '/api/v1/billing/focus-export';
let database: TestDatabase;
let api: ApiUnderTest;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl });
  const seed = seeder(api.orm);
  await seed.invoice(
    '2026-04-01',
    [
      ['80', 'matched_by_id'],
      ['6.92', 'unmatched'],
    ],
    { amount: '86.92' },
  );
  // It says that it has three lines and has two.
  await seed.invoice('2026-05-01', [['1', 'unmatched']]);
  await api.orm.em
    .fork({ session: { variables: { 'app.role': 'system', 'app.tenant_id': '', 'app.subject': 'test' } } })
    .execute(
      `update cloud_invoice_versions set line_count = 3 where invoice_id in (select id from cloud_invoices where period_start = '2026-05-01')`,
    );
});
afterAll(async () => {
  await api?.close();
  await database?.drop();
});

const viewer = { token: tokenFor('platform_viewer') };

describe('the FOCUS export', () => {
  it('is a CSV file with a name, and leaves an audit row', async () => {
    const answer = await api.call(`${path}?period=2026-04-01`, {
      ...viewer,
      headers: { 'x-request-id': 'export-1' },
    });
    expect([
      answer.status,
      answer.headers.get('content-type'),
      answer.headers.get('content-disposition'),
      answer.headers.get('cache-control'),
    ]).toEqual([
      200,
      'text/csv; charset=utf-8',
      'attachment; filename="focus-1.2-2026-04-01.csv"',
      'no-store',
    ]);
    const lines = answer.text.trim().split('\n');
    expect([lines.length, lines[1]?.startsWith('80.00,'), lines[2]?.startsWith('6.92,')]).toEqual([
      3,
      true,
      true,
    ]);
    const audit = await api.call('/api/v1/audit?action=cost_lines.export_focus', viewer);
    expect(itemsOf(audit)[0]).toMatchObject({
      actor: 'test-platform_viewer',
      subject_id: '2026-04-01',
      request_id: 'export-1',
      after: { version: '1.2', format: 'csv', allocation: 'owners', provider: null, invoices: 1, lines: 2 },
    });
  });

  it('is the same file packed', async () => {
    const packed = await fetch(`${api.address}${path}?period=2026-04-01&version=1.4&format=csv.gz`, {
      headers: { authorization: `Bearer ${viewer.token}` },
    });
    expect([packed.headers.get('content-type'), packed.headers.get('content-disposition')]).toEqual([
      'application/gzip',
      'attachment; filename="focus-1.4-2026-04-01.csv.gz"',
    ]);
    const plain = await api.call(`${path}?period=2026-04-01&version=1.4`, viewer);
    expect(gunzipSync(Buffer.from(await packed.arrayBuffer())).toString()).toBe(plain.text);
  });

  it('names who bears each line, but where it is asked for as billed', async () => {
    const headerOf = async (query: string) =>
      (await api.call(`${path}?period=2026-04-01${query}`, viewer)).text.split('\n')[0];
    expect(await headerOf('')).toContain(',x_TenantId,');
    expect(await headerOf('&allocation=owners')).toContain(',x_TenantId,');
    expect(await headerOf('&allocation=none')).not.toContain('x_TenantId');
  });

  it.each(['csv', 'csv.gz'])('that breaks off in the middle is no whole answer (%s)', async (format) => {
    const end = await new Promise<{ status: number | undefined; complete: boolean; error: string }>(
      (resolve) => {
        const asked = request(`${api.address}${path}?period=2026-05-01&format=${format}`, {
          headers: { authorization: `Bearer ${viewer.token}` },
        });
        asked.on('response', (response) => {
          const done = (error: string) =>
            resolve({ status: response.statusCode, complete: response.complete, error });
          response
            .resume()
            .on('error', (error) => done(error.message))
            .on('end', () => done(''));
        });
        asked.on('error', (error) => resolve({ status: undefined, complete: false, error: error.message }));
        asked.end();
      },
    );
    expect(end.complete).toBe(false);
    expect(end.error).toMatch(/aborted|hang up/);
  });

  it.each([
    ['period=2026-04-02', '/query/period'],
    ['period=2026-04-01&version=1.3', '/query/version'],
    ['period=2026-04-01&format=xlsx', '/query/format'],
    ['period=2026-04-01&provider=', '/query/provider'],
    ['period=2026-04-01&allocation=tenants', '/query/allocation'],
    ['period=2026-04-01&tenant=a', '/query/tenant'],
    ['version=1.2', '/query/period'],
  ])('refuses ?%s and points at what is wrong', async (query, pointer) => {
    const answer = await api.call(`${path}?${query}`, viewer);
    expect([answer.status, answer.json['code']]).toEqual([422, 'invalid_input']);
    expect(answer.json['errors']).toEqual([{ pointer, detail: expect.any(String) }]);
  });

  it.each(['tenant', 'gateway', 'finance'] as const)('is not for the role %s', async (role) => {
    const answer = await api.call(`${path}?period=2026-04-01`, { token: tokenFor(role) });
    expect([answer.status, answer.json['code']]).toEqual([403, 'forbidden']);
  });
});
