import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { forSession, systemSession } from '../../src/session.ts';
import { writeDraft, writeIssued } from '../services/invoiceWorld.ts';
import { credit } from '../services/settledInvoices.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, itemsOf, startApi, testIssuer, tokenFor } from './apiUnderTest.ts';

const path = '/api/v1/invoices/focus-export';
let database: TestDatabase;
let api: ApiUnderTest;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl, environment: testIssuer });
  const em = () => forSession(api.orm, systemSession);
  await credit(em(), await writeIssued(em(), { tenantId: 'tenant-a' }), 1000);
  await writeIssued(em(), { tenantId: 'FOREIGN' });
  await writeDraft(em(), { tenantId: 'drafted' });
  await writeIssued(em(), { tenantId: 'tenant-a', period: '2026-05-01' });
});
afterAll(async () => {
  await api?.close();
  await database?.drop();
});

const [admin, viewer, mine] = [tokenFor('platform_admin'), tokenFor('platform_viewer'), tokenFor('tenant')];
const june = `${path}?period=2026-06-01`;
const rowsOf = (csv: string) => parse<Record<string, string>>(csv, { columns: true });

describe("the FOCUS export of tenants' invoices", () => {
  it('is a CSV file of its own invoices for a tenant, credit notes and tax with it, and leaves an audit row', async () => {
    const answer = await api.call(june, { token: mine, headers: { 'x-request-id': 'own-1' } });
    expect([
      answer.status,
      answer.headers.get('content-type'),
      answer.headers.get('content-disposition'),
      answer.headers.get('cache-control'),
    ]).toEqual([
      200,
      'text/csv; charset=utf-8',
      'attachment; filename="focus-1.2-invoices-tenant-a-2026-06-01.csv"',
      'no-store',
    ]);
    expect(
      rowsOf(answer.text).map((row) => [row['ChargeCategory'], row['ChargeClass'], row['BilledCost']]),
    ).toEqual([
      ['Usage', '', '50.00'],
      ['Tax', '', '5.00'],
      ['Adjustment', 'Correction', '-10.00'],
      ['Tax', 'Correction', '-1.00'],
    ]);
    expect(rowsOf(answer.text)[0]).toMatchObject({
      ProviderName: testIssuer.INVOICE_ISSUER_NAME,
      PublisherName: testIssuer.INVOICE_ISSUER_NAME,
      InvoiceIssuerName: testIssuer.INVOICE_ISSUER_NAME,
      BillingAccountId: 'tenant-a',
    });
    const audit = await api.call('/api/v1/audit?action=tenant_invoices.export_focus', { token: viewer });
    expect(itemsOf(audit)[0]).toMatchObject({
      actor: 'test-tenant',
      tenant_id: 'tenant-a',
      subject_id: '2026-06-01',
      request_id: 'own-1',
      after: { version: '1.2', format: 'csv', tenant: 'tenant-a', invoices: 1 },
    });
  });

  it('has nothing but its header for a tenant who names another, as for one who names nobody that there is', async () => {
    const [foreign, nobody] = [
      await api.call(`${june}&tenant=FOREIGN`, { token: mine }),
      await api.call(`${june}&tenant=nobody`, { token: mine }),
    ];
    expect([foreign.status, rowsOf(foreign.text)]).toEqual([200, []]);
    expect(foreign.text).toBe(nobody.text);
  });

  it('has all tenants for platform roles, or the one that they name', async () => {
    for (const token of [admin, viewer]) {
      const accounts = async (query: string) => [
        ...new Set(rowsOf((await api.call(query, { token })).text).map((row) => row['BillingAccountId'])),
      ];
      expect(await accounts(june)).toEqual(['FOREIGN', 'tenant-a']);
      expect(await accounts(`${june}&tenant=FOREIGN`)).toEqual(['FOREIGN']);
      expect(await accounts(`${june}&tenant=drafted`)).toEqual([]);
    }
  });

  it('is packed, and of 1.4, where it is asked for', async () => {
    const packed = await api.call(`${june}&version=1.4&format=csv.gz`, { token: viewer });
    expect([
      packed.status,
      packed.headers.get('content-type'),
      packed.headers.get('content-disposition'),
    ]).toEqual([200, 'application/gzip', 'attachment; filename="focus-1.4-invoices-2026-06-01.csv.gz"']);
  });

  it.each([
    ['period=2026-06-02', '/query/period'],
    ['period=2026-06-01&version=1.3', '/query/version'],
    ['period=2026-06-01&format=xlsx', '/query/format'],
    ['period=2026-06-01&tenant=', '/query/tenant'],
    ['period=2026-06-01&provider=digitalocean', '/query/provider'],
    ['version=1.2', '/query/period'],
  ])('refuses ?%s and points at what is wrong', async (query, pointer) => {
    const answer = await api.call(`${path}?${query}`, { token: mine });
    expect([answer.status, answer.json['code']]).toEqual([422, 'invalid_input']);
    expect(answer.json['errors']).toEqual([{ pointer, detail: expect.any(String) }]);
  });

  it.each(['gateway', 'finance'] as const)('is not for the role %s', async (role) => {
    const answer = await api.call(june, { token: tokenFor(role) });
    expect([answer.status, answer.json['code']]).toEqual([403, 'forbidden']);
  });

  it('is a 503 that names the settings where nobody said who issues the invoices', async () => {
    const without = await startApi({ databaseUrl: database.appUrl });
    const answer = await without.call(june, { token: mine });
    await without.close();
    expect([answer.status, answer.json['code']]).toEqual([503, 'invoice_issuer_not_configured']);
    expect(answer.json['detail']).toContain('INVOICE_ISSUER_ABN');
  });
});
