import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import { parse } from 'csv-parse/sync';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { fillBooks } from '../../scripts/checkFocusBooks.ts';
import { checkFocus } from '../../scripts/checkFocusRules.ts';
import { createFocusFindings } from '../../src/domain/focus/faults.ts';
import { exportColumns, type FocusVersion, focusVersions } from '../../src/domain/focusColumns.ts';
import { focusFields } from '../../src/domain/focusRow.ts';
import { parseDecimal, sum } from '../../src/domain/money.ts';
import { startOrm } from '../../src/orm.ts';
import { readFocusCsv } from '../../src/providers/focus/focusCsv.ts';
import { createFocusInvoices, type FocusCharge, toFocusCharge } from '../../src/providers/focus/invoices.ts';
import { type ExportFocus, exportFocus } from '../../src/services/exportFocus.ts';
import { exportFocusFile } from '../../src/services/exportFocusFile.ts';
import { listAudit } from '../../src/services/listAudit.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const april = '2026-04-01';
let database: TestDatabase;
let orm: MikroORM;
let simulator: Simulator;
let periods: string[];

beforeAll(async () => {
  database = await createTestDatabase();
  orm = await startOrm({ url: database.appUrl, poolSize: 5 });
  simulator = await startSimulator();
  periods = await fillBooks(orm, simulator);
}, 120_000);
afterAll(async () => {
  await simulator?.close();
  await orm?.close(true);
  await database?.drop();
});

const em = () => forSession(orm, systemSession);
const request = (named: Partial<ExportFocus> = {}): ExportFocus => ({
  period: april,
  version: '1.2',
  format: 'csv',
  actor: systemSession,
  now: new Date('2026-05-02T00:00:00Z'),
  ...named,
});
const csvOf = async (named?: Partial<ExportFocus>) => text((await exportFocus(orm, request(named))).content);

type Row = Readonly<Record<string, string>>;
const rowsOf = (csv: string) => parse<Row>(csv, { columns: true });
const recordsOf = (csv: string): string[][] => parse(csv);
const totalOf = (rows: readonly Row[]) =>
  sum(rows.map((row) => parseDecimal(row['BilledCost'] ?? ''))).toFixed();

/** Changes one line of April for the length of a test. */
async function withChangedLine(column: string, value: string, work: () => Promise<void>): Promise<void> {
  const [line] = await em().execute<{ id: string; before: string }[]>(
    `select id, ${column} as before from cloud_cost_lines where period_start = ? and line_number = 1`,
    [april],
  );
  const set = (text: string | undefined) =>
    em().execute(`update cloud_cost_lines set ${column} = ? where id = ?`, [text, line?.id]);
  await set(value);
  try {
    await work();
  } finally {
    await set(line?.before);
  }
}

describe('the export of April 2026', () => {
  it('has its 33 lines, $86.92, the tax and the credit', async () => {
    const rows = rowsOf(await csvOf());
    expect([rows.length, totalOf(rows)]).toEqual([33, '86.92']);
    const named = (category: string) => rows.filter((row) => row['ChargeCategory'] === category);
    expect(named('Tax').map((row) => row['BilledCost'])).toEqual(['7.90']);
    expect(named('Credit').map((row) => [row['BilledCost'], row['ChargeDescription']])).toEqual([
      ['-1.50', 'Service credit, incident of 2026-04-03'],
    ]);
    expect(named('Usage')).toHaveLength(31);
    expect(rows.map((row) => row['ChargeDescription'])).toContain('staging "blue" (s-1vcpu-2gb)');
    expect(rows.filter((row) => row['RegionName'] !== '')).toHaveLength(6);
  });

  it('is the same packed by gzip', async () => {
    const file = await exportFocus(orm, request({ format: 'csv.gz' }));
    expect(file).toMatchObject({
      fileName: 'focus-1.2-2026-04-01.csv.gz',
      contentType: 'application/gzip',
      invoices: 1,
      lines: 33,
    });
    expect(gunzipSync(await buffer(file.content)).toString()).toBe(await csvOf());
  });

  it('is of one provider where one is named, and a header alone where it has nothing', async () => {
    const own = await exportFocus(orm, request({ provider: 'digitalocean' }));
    expect([own.fileName, own.lines]).toEqual(['focus-1.2-digitalocean-2026-04-01.csv', 33]);
    own.content.destroy();
    expect(rowsOf(await csvOf({ provider: 'aws' }))).toEqual([]);
    expect(await csvOf({ provider: 'aws' })).toMatch(/^BilledCost,.*\n$/);
  });

  it('leaves an audit row that says who took what', async () => {
    const actor = { role: 'platform_viewer', tenantId: '', subject: 'an auditor' } as const;
    await csvOf({ actor, version: '1.4', requestId: 'request-1' });
    const [entry] = await listAudit(em(), { action: 'cost_lines.export_focus' }, { limit: 1 });
    expect(entry).toMatchObject({
      actor: 'an auditor',
      role: 'platform_viewer',
      subjectType: 'period',
      subjectId: april,
      requestId: 'request-1',
      after: { version: '1.4', format: 'csv', allocation: 'owners', provider: null, invoices: 1, lines: 33 },
    });
  });

  it.each(['=1+1', '+cmd', '@sum', '-2+3', '\tx'])('lets no spreadsheet run the text %j', async (formula) => {
    await withChangedLine('description', formula, async () => {
      const rows = rowsOf(await csvOf());
      expect(rows[0]?.['ChargeDescription']).toBe(`'${formula}`);
      expect(rows.at(-1)?.['BilledCost']).toBe('-1.50');
    });
  });

  it('keeps letters of any script, quotes and line breaks', async () => {
    const written = 'Ünïcödé 日本 🚀 "quoted", two\nlines';
    await withChangedLine('description', written, async () => {
      expect(rowsOf(await csvOf())[0]?.['ChargeDescription']).toBe(written);
    });
  });
});

describe('columns that cost lines keep', () => {
  it('stand behind the others, also where one line alone has them', async () => {
    const set = (extra: string) =>
      em().execute(
        `update cloud_cost_lines set extra = ?::jsonb where period_start = ? and line_number = 20`,
        [extra, april],
      );
    await set('{"x_Owner": "=team", "sku code": "A-1", "AvailabilityZone": "syd1-a"}');
    try {
      const rows = rowsOf(await csvOf());
      expect(Object.keys(rows[0] ?? {}).slice(-2)).toEqual(['x_Owner', 'x_sku_code']);
      expect(rows[19]).toMatchObject({ x_Owner: "'=team", x_sku_code: 'A-1', AvailabilityZone: 'syd1-a' });
      expect(rows[0]).toMatchObject({ x_Owner: '', x_sku_code: '', AvailabilityZone: '' });
    } finally {
      await set('{}');
    }
  });
});

describe('every month', () => {
  it.each(focusVersions)(
    'keeps the sum of its invoices and breaks no rule of %s',
    async (version) => {
      const invoices = await em().execute<{ period: string; total: string; lines: number }[]>(
        `select period_start::text as period, trim_scale(sum(amount))::text as total, sum(line_count)::int as lines
       from cloud_invoices group by period_start order by period_start`,
      );
      expect(invoices.map((invoice) => invoice.period)).toEqual(periods);
      expect(invoices).toHaveLength(137);
      for (const { period, total, lines } of invoices) {
        const csv = await csvOf({ period, version });
        const rows = rowsOf(csv);
        expect([period, rows.length, totalOf(rows)]).toEqual([period, lines, total]);
        expect([period, faultsOf(version, csv)]).toEqual([period, []]);
      }
    },
    60_000,
  );
});

function faultsOf(version: FocusVersion, csv: string): string[] {
  const [header = [], ...records] = recordsOf(csv);
  const check = checkFocus(version, header);
  for (const record of records) check.row(record.map((cell) => (cell === '' ? null : cell)));
  return check.finish();
}

describe('an export that is read in again', () => {
  it.each(focusVersions)('gives the same lines, and the same export once more (%s)', async (version) => {
    const csv = await csvOf({ version, allocation: 'none' });
    const findings = createFocusFindings();
    const invoices = createFocusInvoices(findings);
    const charges: FocusCharge[] = [];
    for await (const rows of readFocusCsv(Readable.from([Buffer.from(csv)]), { version }, findings)) {
      for (const row of rows) {
        const invoice = invoices.add(row);
        charges.push(toFocusCharge(row, invoice?.rows ?? 0, findings));
      }
    }
    findings.refuseFaults();
    const lines = await em().execute<Readonly<Record<string, unknown>>[]>(
      `select line_number as line, description, charge_start as start, charge_end as "end", trim_scale(billed_cost)::text as cost,
         currency, project_name as project,
         coalesce(provider_resource_id, provider_resource_uuid) as resource
       from cloud_cost_lines where period_start = ? order by line_number`,
      [april],
    );
    expect(
      charges.map(({ line, resourceId }) => ({
        line: line.lineNumber,
        description: line.description,
        start: line.chargeStart.toISOString(),
        end: line.chargeEnd.toISOString(),
        cost: line.billedCost.toFixed(),
        currency: line.currency,
        project: line.projectName,
        resource: resourceId,
      })),
    ).toEqual(
      lines.map((line) => ({
        ...line,
        start: new Date(String(line['start'])).toISOString(),
        end: new Date(String(line['end'])).toISOString(),
      })),
    );
    const [invoice] = invoices.all();
    const [stored] = await em().execute(
      `select provider, invoice_uuid as "invoiceUuid", period_start::text as period from cloud_invoices where period_start = ?`,
      [april],
    );
    expect({ ...invoice, total: invoice?.total.toFixed() }).toMatchObject({
      ...stored,
      rows: 33,
      total: '86.92',
    });

    const columns = exportColumns(
      version,
      charges.flatMap(({ line }) => Object.keys(line.extra)),
    );
    const again = charges.map(({ line, resourceId }) =>
      focusFields(
        {
          ...line,
          provider: 'digitalocean',
          invoiceUuid: invoice?.invoiceUuid ?? '',
          period: april,
          hours: null,
          billedCost: line.billedCost.toFixed(),
          projectId: null,
          providerResourceId: resourceId,
          resource: null,
        },
        columns,
      ),
    );
    const [header, ...records] = recordsOf(csv);
    expect(columns.map((column) => column.name)).toEqual(header);
    expect(again.map((record) => record.map((value) => value ?? ''))).toEqual(records);
  });
});

describe('an export that can not be whole', () => {
  const loseLine = async (work: () => Promise<void>) => {
    await em().execute(`update cloud_invoice_versions set line_count = 34 where line_count = 33`);
    try {
      await work();
    } finally {
      await em().execute(`update cloud_invoice_versions set line_count = 33 where line_count = 34`);
    }
  };

  it.each(['csv', 'csv.gz'] as const)('fails at the end and does not end well (%s)', async (format) => {
    await loseLine(async () => {
      const file = await exportFocus(orm, request({ format }));
      await expect(buffer(file.content)).rejects.toMatchObject({
        code: 'focus_export_broken',
        context: { expected: 34, found: 33 },
      });
    });
  });

  it('leaves no file, and the one that was there as it was', async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'arcadia-focus-export-'));
    const target = path.join(folder, 'april.csv.gz');
    try {
      await writeFile(target, 'before');
      await loseLine(async () => {
        await expect(exportFocusFile(orm, request(), target)).rejects.toMatchObject({
          code: 'focus_export_broken',
        });
      });
      expect([await readdir(folder), await readFile(target, 'utf8')]).toEqual([['april.csv.gz'], 'before']);
      await exportFocusFile(orm, request(), target);
      expect(await readdir(folder)).toEqual(['april.csv.gz']);
      expect(gunzipSync(await readFile(target)).toString()).toBe(await csvOf());
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
