import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import pg from 'pg';
import { checkFocus } from '../../scripts/checkFocusRules.ts';
import { fillTenantBooks } from '../../scripts/checkFocusTenantBooks.ts';
import { createFocusFindings } from '../../src/domain/focus/faults.ts';
import { focusVersions } from '../../src/domain/focusColumns.ts';
import { Decimal, parseDecimal } from '../../src/domain/money.ts';
import type { InvoiceInputs } from '../../src/domain/tenantInvoice.ts';
import { startOrm } from '../../src/orm.ts';
import { readFocusCsv } from '../../src/providers/focus/focusCsv.ts';
import { createFocusInvoices, toFocusCharge } from '../../src/providers/focus/invoices.ts';
import { type ExportTenantFocus, exportTenantFocus } from '../../src/services/exportTenantFocus.ts';
import { issueInvoices } from '../../src/services/issueInvoices.ts';
import { listAudit } from '../../src/services/listAudit.ts';
import { voidInvoice } from '../../src/services/voidInvoice.ts';
import { forSession, type Session, systemSession } from '../../src/session.ts';
import { invoiceInputs } from '../domain/arbitraryInvoice.ts';
import { testPostgresUrl } from '../support/addresses.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { admin, inputsOf, stored, writeDeployment, writeDraft, writeDraftOf } from './invoiceWorld.ts';
import { credit } from './settledInvoices.ts';

const april = '2026-04-01';
const now = new Date('2026-05-04T03:00:00Z');
let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await createTestDatabase();
  orm = await startOrm({ url: database.appUrl, poolSize: 5 });
});
afterAll(async () => {
  await orm?.close(true);
  await database?.drop();
});

const em = () => forSession(orm, systemSession);
const tenantSession = (tenantId: string): Session => ({ role: 'tenant', tenantId, subject: 'somebody' });
const request = (named: Partial<ExportTenantFocus> = {}): ExportTenantFocus => ({
  period: april,
  version: '1.2',
  format: 'csv',
  issuer: 'Arcadia Cloud Pty Ltd',
  actor: admin,
  now,
  ...named,
});
const csvOf = async (named?: Partial<ExportTenantFocus>) =>
  text((await exportTenantFocus(orm, request(named))).content);

type Row = Readonly<Record<string, string>>;
const rowsOf = async (named?: Partial<ExportTenantFocus>) =>
  parse<Row>(await csvOf(named), { columns: true });

type Cents = Readonly<Record<string, string>>;

/** What the rows bill by the values of some columns. */
function billedBy(rows: readonly Row[], ...columns: readonly string[]): Cents {
  const sums = new Map<string, Decimal>();
  for (const row of rows) {
    const key = columns.map((column) => row[column]).join(' ');
    sums.set(key, (sums.get(key) ?? new Decimal(0)).plus(parseDecimal(row['BilledCost'] ?? '')));
  }
  return Object.fromEntries([...sums].map(([key, cost]) => [key, cost.times(100).toFixed()]));
}
/** Nothing is billed by no row too. */
const withoutNothing = (cents: Cents): Cents =>
  Object.fromEntries(Object.entries(cents).filter(([, amount]) => amount !== '0'));

const issue = (invoiceIds: readonly string[]) => issueInvoices(em(), { invoiceIds, now, actor: admin });
const newTenant = (name = 'tenant') => `${name} ${randomUUID()}`;

interface Fate {
  readonly inputs: InvoiceInputs;
  readonly end: 'draft' | 'issued' | 'void';
  /** Before tax; what is more than is left to credit is left out. */
  readonly credits: readonly number[];
}
const ids = ['7d3d3b0e-6a55-4a10-9a0d-2f8d6f5e7a01', '7d3d3b0e-6a55-4a10-9a0d-2f8d6f5e7a02'];
const fate: fc.Arbitrary<Fate> = fc.record({
  inputs: invoiceInputs({ tenantId: '', deploymentIds: ids }),
  end: fc.constantFrom('draft', 'issued', 'issued', 'issued', 'void'),
  credits: fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 3 }),
});

/** Lets an invoice of a tenant meet its fate. @returns what each document that counts is over, in cents, as the database has it */
async function meet(tenantId: string, { inputs, end, credits }: Fate): Promise<Cents> {
  const id = await writeDraftOf(em(), { ...inputs, tenantId });
  if (end === 'draft') return {};
  const { issued } = await issue([id]);
  if (end === 'void' && issued[0]?.status === 'issued') {
    await voidInvoice(em(), { invoiceId: id, reason: 'wrong', now, actor: admin });
    return {};
  }
  let left = (await stored(em(), id)).subtotalCents;
  for (const cents of credits.filter((amount) => amount <= left)) {
    if (cents > left) continue;
    await credit(em(), id, cents);
    left -= cents;
  }
  const documents = await em().execute<{ number: string; cents: string }[]>(
    `select number, total_cents::text as cents from tenant_invoices where id = ?
     union all select number, (-total_cents)::text from credit_notes where invoice_id = ?`,
    [id, id],
  );
  return Object.fromEntries(documents.map(({ number, cents }) => [number, cents]));
}

describe('the export of what tenants are charged', () => {
  it('adds up to the invoices less their credit notes, by document, tenant and currency, whatever they bill', async () => {
    const ends = new Map<string, number>();
    let notes = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fate, { minLength: 1, maxLength: 4 }), async (fates) => {
        const documents: Record<string, string> = {};
        const totals: Record<string, string> = {};
        for (const one of fates) {
          const tenantId = newTenant();
          const own = await meet(tenantId, one);
          Object.assign(documents, own);
          totals[`${tenantId} ${one.inputs.currency}`] = String(
            Object.values(own).reduce((total, cents) => total + BigInt(cents), 0n),
          );
          ends.set(one.end, (ends.get(one.end) ?? 0) + 1);
          notes += Object.keys(own).filter((number) => number.startsWith('CN')).length;
        }
        const tenants = new Set(Object.keys(totals).map((key) => key.slice(0, key.lastIndexOf(' '))));
        const rows = (await rowsOf()).filter((row) => tenants.has(row['BillingAccountId'] ?? ''));
        expect(withoutNothing(billedBy(rows, 'InvoiceId'))).toEqual(withoutNothing(documents));
        expect(withoutNothing(billedBy(rows, 'BillingAccountId', 'BillingCurrency'))).toEqual(
          withoutNothing(totals),
        );
      }),
      { numRuns: 15 },
    );
    // A property over drafts alone would prove nothing.
    expect([...ends.keys()].toSorted()).toEqual(['draft', 'issued', 'void']);
    expect(notes).toBeGreaterThan(0);
  }, 120_000);

  it.each(focusVersions)('breaks no rule of %s, and is read in again as it is', async (version) => {
    const csv = await csvOf({ version });
    const [header = [], ...records] = parse(csv) as string[][];
    const check = checkFocus(version, header);
    for (const record of records) check.row(record.map((cell) => (cell === '' ? null : cell)));
    expect(check.finish()).toEqual([]);
    expect(records.length).toBeGreaterThan(30);

    const findings = createFocusFindings();
    const invoices = createFocusInvoices(findings);
    let charges = 0;
    for await (const rows of readFocusCsv(Readable.from([Buffer.from(csv)]), { version }, findings)) {
      for (const row of rows) {
        toFocusCharge(row, invoices.add(row)?.rows ?? 0, findings);
        charges += 1;
      }
    }
    findings.refuseFaults();
    expect(charges).toBe(records.length);
    const read = [...invoices.all()].map(({ invoiceUuid, total }) => [
      invoiceUuid,
      total.times(100).toFixed(),
    ]);
    expect(read.length).toBeGreaterThan(10);
    const written = billedBy(await rowsOf({ version }), 'InvoiceId');
    expect(Object.fromEntries(read)).toEqual(written);
  });

  it('of a tenant has its own invoices, whatever it asks for, as the database alone decides', async () => {
    const [mine, theirs] = [newTenant('mine'), newTenant('theirs')];
    for (const tenantId of [mine, theirs]) await issue([await writeDraft(em(), { tenantId, period: april })]);
    const own = { actor: tenantSession(mine) };
    const accounts = (rows: readonly Row[]) => [...new Set(rows.map((row) => row['BillingAccountId']))];
    expect(accounts(await rowsOf(own))).toEqual([mine]);
    expect(accounts(await rowsOf({ ...own, tenant: mine }))).toEqual([mine]);
    expect(await csvOf({ ...own, tenant: theirs })).toMatch(/^BilledCost,.*\n$/);
    expect(accounts(await rowsOf({ tenant: theirs }))).toEqual([theirs]);
    expect(accounts(await rowsOf())).toEqual(expect.arrayContaining([mine, theirs]));
    for (const role of ['gateway', 'finance'] as const)
      expect(await rowsOf({ actor: { role, tenantId: '', subject: 'test' } })).toEqual([]);
  });

  it('names the tenant as its invoice does, and the deployment as it is called', async () => {
    const tenantId = newTenant();
    await em().execute(
      `insert into billing_profiles (tenant_id, legal_name, country, currency, updated_at) values (?, 'Acme Pty Ltd', 'AU', 'AUD', now())`,
      [tenantId],
    );
    const deploymentId = await writeDeployment(em(), tenantId, 'shop');
    await em().execute(`update cloud_deployments set region = 'syd1' where id = ?`, [deploymentId]);
    await issue([await writeDraft(em(), { tenantId, period: april, deploymentId })]);
    await em().execute(`update billing_profiles set legal_name = 'Another' where tenant_id = ?`, [tenantId]);
    const [plan, tax] = await rowsOf({ tenant: tenantId });
    expect(plan).toMatchObject({
      BillingAccountName: 'Acme Pty Ltd',
      SubAccountId: deploymentId,
      SubAccountName: `shop of ${tenantId}`,
      RegionName: 'Sydney 1',
      InvoiceIssuerName: 'Arcadia Cloud Pty Ltd',
      x_InvoiceDetailId: '1',
    });
    expect(tax).toMatchObject({ ChargeCategory: 'Tax', SubAccountId: '', x_InvoiceDetailId: '2' });
  });

  it('has an invoice of more lines than are read at a time whole, beside small ones', async () => {
    const large = newTenant('b');
    const adjustments = Array.from({ length: 2_600 }, (_, index) => ({
      id: String(index),
      deploymentId: null,
      description: `Line ${index}`,
      amountCents: 3,
      reason: 'many',
    }));
    const inputs = inputsOf({ tenantId: large, period: april });
    for (const tenantId of [newTenant('a'), newTenant('c')])
      await issue([await writeDraft(em(), { tenantId, period: april })]);
    await issue([await writeDraftOf(em(), { ...inputs, adjustments })]);
    const rows = await rowsOf();
    const own = rows.filter((row) => row['BillingAccountId'] === large);
    expect(own.map((row) => row['x_InvoiceDetailId'])).toEqual(own.map((_row, index) => String(index + 1)));
    expect(billedBy(own, 'BillingAccountId')).toEqual({ [large]: '14080' });
    // Tenants follow each other: nobody's rows come in two places.
    const accounts = rows.map((row) => row['BillingAccountId']);
    const changes = accounts.filter((account, index) => account !== accounts[index - 1]);
    expect(changes).toEqual([...new Set(accounts)]);
  });

  it('is the same packed by gzip, and leaves an audit row that says who took what', async () => {
    const tenantId = newTenant('who');
    await issue([await writeDraft(em(), { tenantId, period: april })]);
    const viewer: Session = { role: 'platform_viewer', tenantId: '', subject: 'an auditor' };
    const file = await exportTenantFocus(
      orm,
      request({ format: 'csv.gz', version: '1.4', tenant: tenantId, actor: viewer, requestId: 'request-1' }),
    );
    expect(file).toMatchObject({
      fileName: `focus-1.4-invoices-${tenantId.replace(' ', '_')}-2026-04-01.csv.gz`,
      contentType: 'application/gzip',
      invoices: 1,
    });
    expect(gunzipSync(await buffer(file.content)).toString()).toBe(
      await csvOf({ version: '1.4', tenant: tenantId }),
    );
    const [, entry] = await listAudit(em(), { action: 'tenant_invoices.export_focus' }, { limit: 2 });
    expect(entry).toMatchObject({
      actor: 'an auditor',
      role: 'platform_viewer',
      subjectType: 'period',
      subjectId: april,
      requestId: 'request-1',
      after: { version: '1.4', format: 'csv.gz', tenant: tenantId, invoices: 1 },
    });
    const tenantsOwn = { actor: tenantSession(tenantId), tenant: tenantId };
    await csvOf(tenantsOwn);
    const [own] = await listAudit(em(), { action: 'tenant_invoices.export_focus' }, { limit: 1 });
    expect(own).toMatchObject({ actor: 'somebody', role: 'tenant', tenantId });
  });

  it('has every kind of line that months rolled up by the service have, of two currencies', async () => {
    const periods = await fillTenantBooks(orm);
    const months: Row[][] = [];
    for (const period of periods)
      for (const tenant of ['acme', 'globex', 'initech']) months.push(await rowsOf({ period, tenant }));
    const rows = months.flat();
    const kinds = (...names: readonly string[]) =>
      new Set(
        rows.map((row) =>
          names
            .map((name) => row[name])
            .join(' ')
            .trim(),
        ),
      );
    expect([...kinds('ChargeCategory', 'ChargeFrequency', 'ChargeClass')].toSorted()).toEqual([
      'Adjustment One-Time',
      'Adjustment One-Time Correction',
      'Tax One-Time',
      'Tax One-Time Correction',
      'Usage Recurring',
      'Usage Usage-Based',
      'Usage Usage-Based Correction',
    ]);
    expect(kinds('BillingCurrency')).toEqual(new Set(['AUD', 'USD']));
    expect([...kinds('SkuId')].toSorted()).toEqual(
      expect.arrayContaining(['addon/storage_50gb', 'llm_usage', 'plan/studio', 'usage/droplet_hours']),
    );
    const late = rows.filter(
      (row) => row['ChargeClass'] === 'Correction' && row['InvoiceId']?.startsWith('INV'),
    );
    expect(late.map((row) => [row['ChargePeriodStart'], row['BillingPeriodStart']])).toEqual(
      late.map(() => ['2026-03-01T00:00:00Z', '2026-04-01T00:00:00Z']),
    );
  }, 60_000);

  it('that finds an invoice whose lines are not all of it breaks off', async () => {
    const tenantId = newTenant();
    await issue([await writeDraft(em(), { tenantId, period: april })]);
    const url = new URL(testPostgresUrl());
    url.pathname = new URL(database.ownerUrl).pathname;
    const superuser = new pg.Client({ connectionString: url.href });
    await superuser.connect();
    // What no role of the service may do: its triggers and policies refuse it.
    await superuser.query('set session_replication_role = replica');
    await superuser.query(`delete from tenant_invoice_lines where tenant_id = $1 and line_number = 2`, [
      tenantId,
    ]);
    await superuser.end();
    const file = await exportTenantFocus(orm, request({ format: 'csv.gz', tenant: tenantId }));
    await expect(buffer(file.content)).rejects.toMatchObject({
      code: 'focus_export_broken',
      context: { total_cents: 5500, found_cents: 5000 },
    });
  });
});
