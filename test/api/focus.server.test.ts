import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fileOf, rowOf } from '../providers/focus/generatedFile.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Answer, type ApiUnderTest, itemsOf, startApi, tokenFor } from './apiUnderTest.ts';
import { seeder } from './seed.ts';
import { connectTestTemporal, type TemporalUnderTest } from './temporalUnderTest.ts';

const sample = readFileSync(new URL('../../dev/golden/focus/focus_sample_1.0.csv', import.meta.url));
const limit = 2_000_000;

describe('POST /billing/focus-files', () => {
  let database: TestDatabase;
  let temporal: TemporalUnderTest;
  let api: ApiUnderTest;

  beforeAll(async () => {
    database = await createTestDatabase();
    temporal = await connectTestTemporal();
    api = await startApi({
      databaseUrl: database.appUrl,
      temporal: () => temporal.client,
      environment: { TEMPORAL_NAMESPACE: temporal.namespace, FOCUS_FILE_MAX_BYTES: String(limit) },
    });
  });
  afterAll(async () => {
    await api.close();
    await temporal.close();
    await database.drop();
  });

  async function upload(
    content: Buffer,
    options: {
      query?: string;
      type?: string;
      role?: 'platform_admin' | 'platform_viewer' | 'tenant';
      headers?: object;
    } = {},
  ): Promise<Answer> {
    const response = await fetch(`${api.address}/api/v1/billing/focus-files${options.query ?? ''}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${tokenFor(options.role ?? 'platform_admin')}`,
        'content-type': options.type ?? 'text/csv',
        ...options.headers,
      },
      body: new Uint8Array(content),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: JSON.parse(text) };
  }
  const files = async () =>
    itemsOf(await api.call('/api/v1/billing/focus-files', { token: tokenFor('platform_viewer') }));

  it('keeps a file far larger than a JSON body may be, and starts its ingest', async () => {
    const answer = await upload(sample, { query: '?name=september.csv&version=1.0' });
    expect(answer).toMatchObject({
      status: 202,
      json: {
        workflow_id: expect.stringMatching(/^ingest-focus-file:[0-9a-f]{16}$/),
        file: { is_new: true },
      },
    });
    expect(answer.headers.get('location')).toBe(
      `/api/v1/processes/${encodeURIComponent(String(answer.json['workflow_id']))}`,
    );
    const { args } = { args: await startedWith(String(answer.json['workflow_id'])) };
    const [file] = await files();
    expect(args).toEqual([{ fileId: file?.['id'] }]);
    expect(file).toMatchObject({
      name: 'september.csv',
      byte_size: String(sample.length),
      version: '1.0',
      dataset: null,
      status: 'received',
      uploaded_by: 'test-platform_admin',
    });
    const audit = await api.call(`/api/v1/audit?subject_id=${String(file?.['id'])}`, {
      token: tokenFor('platform_admin'),
    });
    expect(itemsOf(audit)).toMatchObject([{ action: 'focus_file.ingest', actor: 'test-platform_admin' }]);
  });

  async function startedWith(workflowId: string): Promise<unknown[]> {
    const handle = temporal.client.workflow.getHandle(workflowId);
    const { events } = await handle.fetchHistory();
    const payloads = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
    return payloads.map((payload) => JSON.parse(Buffer.from(payload.data ?? []).toString()));
  }

  it('takes the same content, gzip, as the file that is there, and meets its ingest', async () => {
    const plain = await upload(sample);
    const packed = await upload(gzipSync(sample), { type: 'application/gzip' });
    expect(packed.json).toMatchObject({
      workflow_id: plain.json['workflow_id'],
      run_id: plain.json['run_id'],
      file: { is_new: false },
    });
    expect(await files()).toHaveLength(1);
  });

  it.each(['application/json', 'text/html', 'application/x-www-form-urlencoded'])(
    'answers 415 to %s',
    async (type) => {
      expect(await upload(sample, { type })).toMatchObject({
        status: 415,
        json: { code: 'unsupported_media_type' },
      });
    },
  );

  it('answers 415 to a body that is packed on its way, and keeps a JSON body out of other routes at 256 kB', async () => {
    const packed = await upload(gzipSync(sample), { headers: { 'content-encoding': 'gzip' } });
    expect(packed.status).toBe(415);
    const json = await api.call('/api/v1/billing/discover', {
      method: 'POST',
      token: tokenFor('platform_admin'),
      body: { long: 'a'.repeat(300_000) },
    });
    expect(json.status).toBe(413);
  });

  it('answers 413 to a file that is too large, by its length or once it is unpacked, and keeps nothing', async () => {
    const before = await files();
    expect(await upload(Buffer.alloc(limit + 1, 'a'))).toMatchObject({
      status: 413,
      json: { code: 'body_too_large' },
    });
    const bomb = gzipSync(Buffer.alloc(limit + 1, 'a'));
    expect(await upload(bomb, { type: 'application/gzip' })).toMatchObject({ status: 413 });
    expect(await files()).toEqual(before);
  });

  it('answers 400 to an empty file, and to gzip that breaks off', async () => {
    expect(await upload(Buffer.alloc(0))).toMatchObject({ status: 400 });
    const broken = gzipSync(sample).subarray(0, 3000);
    expect(await upload(broken, { type: 'application/gzip' })).toMatchObject({
      status: 400,
      json: { code: 'focus_file_unreadable' },
    });
  });

  it('answers 422 to a dataset or version that there is none of', async () => {
    expect(await upload(sample, { query: '?dataset=costs&version=0.5' })).toMatchObject({
      status: 422,
      json: { errors: [{ pointer: '/query/dataset' }, { pointer: '/query/version' }] },
    });
  });

  it.each(['tenant', 'platform_viewer'] as const)(
    'answers 403 to a %s, who sees what its role may',
    async (role) => {
      expect((await upload(sample, { role })).status).toBe(403);
      const [file] = await files();
      const list = await api.call('/api/v1/billing/focus-files', { token: tokenFor(role) });
      const one = await api.call(`/api/v1/billing/focus-files/${String(file?.['id'])}`, {
        token: tokenFor(role),
      });
      const periods = await api.call('/api/v1/billing/focus-periods', { token: tokenFor(role) });
      const seen = role === 'tenant' ? 403 : 200;
      expect([list.status, one.status, periods.status]).toEqual([seen, seen, seen]);
    },
  );

  it('hides the tables of FOCUS files from tenants in the database itself', async () => {
    const tables = [
      'focus_files',
      'focus_file_chunks',
      'focus_invoices',
      'focus_invoice_parts',
      'focus_billing_periods',
      'focus_folder_files',
    ];
    const rows = await api.orm.em
      .fork()
      .execute<{ relname: string; forced: boolean }[]>(
        `select relname, relrowsecurity and relforcerowsecurity as forced from pg_class where relname like 'focus\\_%' and relkind = 'r'`,
      );
    expect(Object.fromEntries(rows.map((row) => [row.relname, row.forced]))).toEqual(
      Object.fromEntries(tables.map((table) => [table, true])),
    );
    expect(await api.orm.em.fork().execute(`select id from focus_files`)).toEqual([]);
  });

  it('pages through files, the last one first', async () => {
    await upload(fileOf([rowOf('1.2')]), { query: '?name=second.csv' });
    const first = await api.call('/api/v1/billing/focus-files?limit=1', {
      token: tokenFor('platform_admin'),
    });
    expect(itemsOf(first)).toMatchObject([{ name: 'second.csv' }]);
    const cursor = String(first.json['next_cursor']);
    const next = await api.call(`/api/v1/billing/focus-files?limit=1&cursor=${cursor}`, {
      token: tokenFor('platform_admin'),
    });
    expect(itemsOf(next)).toMatchObject([{ name: 'september.csv' }]);
    expect(next.json['next_cursor']).toBeNull();
  });

  it('finds an invoice by an id that is no UUID, and by its provider where two have it', async () => {
    const seed = seeder(api.orm);
    const invoiceUuid = '/billing/accounts/7:2026-04';
    await seed.invoice('2026-04-01', [['1', 'shared']], { invoiceUuid, provider: 'microsoft' });
    await seed.invoice('2026-04-01', [['2', 'shared']], { invoiceUuid, provider: 'oracle', amount: '2' });
    const path = `/api/v1/billing/invoices/${encodeURIComponent(invoiceUuid)}`;
    const token = tokenFor('platform_admin');
    expect((await api.call(path, { token })).json).toMatchObject({ provider: 'microsoft' });
    const oracle = await api.call(`${path}?provider=oracle`, { token });
    expect(oracle.json).toMatchObject({ provider: 'oracle', links: { self: `${path}?provider=oracle` } });
    expect((await api.call(`${path}?provider=aws`, { token })).status).toBe(404);
  });
});
