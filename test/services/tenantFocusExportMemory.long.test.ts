import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse';
import { parseDecimal, sum } from '../../src/domain/money.ts';
import { startOrm } from '../../src/orm.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const invoices = 10_000;
const linesOfEach = 10;
/** Of lines of 1, 2, 3, … cents. */
const totalCents = (linesOfEach * (linesOfEach + 1)) / 2;
let database: TestDatabase;
let folder: string;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = await mkdtemp(path.join(os.tmpdir(), 'arcadia-tenant-focus-'));
  const orm = await startOrm({ url: database.appUrl, poolSize: 2 });
  const run = (sql: string, values: readonly number[]) =>
    forSession(orm, systemSession).execute(sql, [...values]);
  await run(
    `insert into tenant_invoices (tenant_id, period_start, status, currency, subtotal_cents, tax_cents, total_cents, due_cents, tax_rate,
       created_at, updated_at)
     select 'tenant ' || number, '2026-04-01', 'draft', 'AUD', ?, 0, ?, ?, 0, now(), now() from generate_series(1, ?) number`,
    [totalCents, totalCents, totalCents, invoices],
  );
  await run(
    `insert into tenant_invoice_lines (invoice_id, tenant_id, line_number, type, description, qty, unit, unit_price_cents, amount_cents,
       service_period, meta)
     select id, tenant_id, position, 'adjustment', 'line ' || position || repeat(' of the large account', 30), 1, 'each', position, position,
       '2026-04-01', '{}'
     from tenant_invoices, generate_series(1, ?) position`,
    [linesOfEach],
  );
  await run(
    `update tenant_invoices set status = 'issued', number = 'INV-' || tenant_id, issued_at = now(), due_on = now() where total_cents = ?`,
    [totalCents],
  );
  await orm.close(true);
}, 120_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await database?.drop();
});

/** What the API does with the file, in a process of its own. */
const program = `
  import { createWriteStream } from 'node:fs';
  import { pipeline } from 'node:stream/promises';
  import { startOrm } from './src/orm.ts';
  import { exportTenantFocus } from './src/services/exportTenantFocus.ts';
  const orm = await startOrm({ url: process.env.DATABASE_URL, poolSize: 2 });
  const file = await exportTenantFocus(orm, {
    period: '2026-04-01', version: '1.2', format: 'csv.gz', issuer: 'Us', now: new Date(),
    actor: { role: 'platform_admin', tenantId: '', subject: 'test' },
  });
  await pipeline(file.content, createWriteStream(process.env.TARGET));
  await orm.close(true);
`;

describe(`the export of ${invoices} tenants' invoices`, () => {
  it('is whole, and fits through a heap that its text alone would fill', async () => {
    const target = path.join(folder, 'large.csv.gz');
    await promisify(execFile)(
      process.execPath,
      ['--max-old-space-size=80', '--input-type=module', '--eval', program],
      { env: { ...process.env, DATABASE_URL: database.appUrl, TARGET: target, NODE_OPTIONS: '' } },
    );
    const billed: string[] = [];
    let bytes = 0;
    const text = createReadStream(target).pipe(createGunzip());
    text.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    // The first column is BilledCost.
    for await (const record of text.pipe(parse())) billed.push(record[0]);
    expect(billed.shift()).toBe('BilledCost');
    expect(billed).toHaveLength(invoices * linesOfEach);
    expect(sum(billed.map(parseDecimal)).times(100).toFixed()).toBe(String(invoices * totalCents));
    expect(bytes).toBeGreaterThan(80_000_000);
  }, 300_000);
});
