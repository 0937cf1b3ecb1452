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

const lines = 200_000;
let database: TestDatabase;
let folder: string;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = await mkdtemp(path.join(os.tmpdir(), 'arcadia-focus-export-'));
  const orm = await startOrm({ url: database.appUrl, poolSize: 2 });
  await forSession(orm, systemSession).execute(
    `with invoice as (
       insert into cloud_invoices (provider, invoice_uuid, period_start, issued_at, amount, currency, ingest_status, version, discovered_at)
       values ('digitalocean', 'large', '2026-04-01', now(), 200001000, 'USD', 'ingested', 1, now()) returning id
     ), version as (
       insert into cloud_invoice_versions (invoice_id, version, amount, currency, line_count, checksum, items_checksum, ingested_at)
       select id, 1, 200001000, 'USD', ?, 'none', 'none', now() from invoice returning id, invoice_id
     )
     insert into cloud_cost_lines (invoice_id, version_id, line_number, period_start, product, group_description, description,
       hours, charge_start, charge_end, billed_cost, currency, line_class, match_outcome, match_reason, extra)
     select version.invoice_id, version.id, number, '2026-04-01', 'Droplets', '', 'web-' || number || repeat(' of the large account', 10),
       720, '2026-04-01T00:00:00Z', '2026-05-01T00:00:00Z', number * 0.01, 'USD', 'resource', 'unmatched', 'made for a test', '{}'
     from version, generate_series(1, ?) number`,
    [lines, lines],
  );
  await orm.close(true);
}, 120_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await database?.drop();
});

describe('the export of 200,000 lines', () => {
  it('is whole, and fits through a heap that its text alone would fill', async () => {
    const target = path.join(folder, 'large.csv.gz');
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--max-old-space-size=80', 'src/cli.ts', 'focus:export', '--period', '2026-04-01', '--out', target],
      { env: { ...process.env, DATABASE_URL: database.appUrl, NODE_OPTIONS: '' } },
    );
    expect(stdout).toContain(`${lines} lines of 1 invoices`);
    const costs: string[] = [];
    let bytes = 0;
    const text = createReadStream(target).pipe(createGunzip());
    text.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    // The first column is BilledCost.
    for await (const record of text.pipe(parse())) costs.push(record[0]);
    expect(costs.shift()).toBe('BilledCost');
    expect(costs).toHaveLength(lines);
    expect(sum(costs.map(parseDecimal)).toFixed()).toBe('200001000');
    expect(bytes).toBeGreaterThan(80_000_000);
  }, 600_000);
});
