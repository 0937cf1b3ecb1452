import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BillingProfile } from '../../src/entities/billingProfile.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import { writeDeployment, writeDraft, writeIssued } from '../services/invoiceWorld.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import {
  type Answer,
  type ApiUnderTest,
  deadDatabase,
  itemsOf,
  startApi,
  testIssuer,
  tokenFor,
} from './apiUnderTest.ts';
import { textOfPdf } from './pdfText.ts';
import { connectTestTemporal } from './temporalUnderTest.ts';

let database: TestDatabase;
let api: ApiUnderTest;
const now = new Date('2026-07-05T01:00:00Z');
const admin = tokenFor('platform_admin');
const mine = tokenFor('tenant');
const zero = '00000000-0000-4000-8000-000000000000';

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl, clock: () => now, environment: testIssuer });
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

const em = () => forSession(api.orm, systemSession);
let tenants = 0;
/** A tenant whom no other test knows. */
function newTenant(): string {
  tenants += 1;
  return `tenant ${tenants}`;
}
const draft = (tenantId = newTenant()) => writeDraft(em(), { tenantId });
const issued = (tenantId = newTenant()) => writeIssued(em(), { tenantId });
const post = (id: string, action: string, body: object, token = admin) =>
  api.call(`/api/v1/invoices/${id}/${action}`, { method: 'POST', token, body });
const get = (path: string, token = admin) => api.call(`/api/v1/${path}`, { token });
const invoiceOf = (answer: Answer) => answer.json['invoice'];

async function pdf(
  path: string,
  token = admin,
): Promise<{ status: number; headers: Headers; pages: string[] }> {
  const response = await fetch(`${api.address}/api/v1/${path}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return {
    status: response.status,
    headers: response.headers,
    pages: response.ok ? textOfPdf(Buffer.from(await response.arrayBuffer())) : [],
  };
}

describe('an invoice over the API', () => {
  it('goes from a draft with a manual line over its issue and a part payment to a credit note that settles it', async () => {
    const id = await draft();
    const added = await post(id, 'lines', { description: 'Set-up', amount_cents: 1000, reason: 'agreed' });
    expect([added.status, added.headers.get('content-type')]).toEqual([201, expect.stringContaining('json')]);
    expect(invoiceOf(added)).toMatchObject({
      status: 'draft',
      number: null,
      subtotal_cents: 6000,
      tax_cents: 600,
      total_cents: 6600,
      lines: [
        { type: 'plan_base', line_id: null },
        { description: 'Set-up', line_id: added.json['line_id'] },
        { type: 'tax' },
      ],
    });
    const issue = await post(id, 'issue', {});
    expect(issue.status).toBe(200);
    expect(issue.json).toMatchObject({
      status: 'issued',
      number: expect.stringMatching(/^INV-\d{6}$/),
      issued_at: '2026-07-05T01:00:00.000Z',
      due_on: '2026-07-19',
      due_cents: 6600,
    });
    const part = { amount_cents: 600, paid_on: '2026-07-05', reference: 'part of it' };
    const paid = await post(id, 'pay', part);
    expect(paid.status).toBe(201);
    expect(paid.json).toMatchObject({
      duplicate: false,
      payment: { amount_cents: 600, currency: 'AUD', source: 'operator' },
      invoice: { status: 'issued', paid_cents: 600, due_cents: 6000 },
    });
    const again = await post(id, 'pay', part);
    expect([again.status, again.json['duplicate']]).toEqual([200, true]);
    expect(await post(id, 'pay', { ...part, amount_cents: 601 })).toMatchObject({
      status: 409,
      json: { code: 'payment_reference_reused' },
    });
    const credited = await post(id, 'credit-notes', { amount_cents: 6000, reason: 'a gift' });
    expect(credited.status).toBe(201);
    expect(credited.json).toMatchObject({
      credit_note: { number: 'CN-000001', subtotal_cents: 6000, tax_cents: 600, total_cents: 6600 },
      invoice: { status: 'paid', credited_cents: 6600, due_cents: -600, owed_to_tenant_cents: 600 },
    });
    const whole = await get(`invoices/${id}`);
    expect(whole.json).toMatchObject({
      payments: [{ reference: 'part of it' }],
      credit_notes: [{ number: 'CN-000001' }],
    });
  });

  it('takes a manual line away again with a reason, and says 404 the second time', async () => {
    const id = await draft();
    const added = await post(id, 'lines', { description: 'Set-up', amount_cents: -1, reason: 'agreed' });
    const path = `/api/v1/invoices/${id}/lines/${added.json['line_id']}`;
    const remove = (query: string) => api.call(`${path}${query}`, { method: 'DELETE', token: admin });
    expect((await remove('')).json['errors']).toEqual([{ pointer: '/query/reason', detail: 'is required' }]);
    const removed = await remove('?reason=mistake');
    expect([removed.status, removed.json['total_cents']]).toEqual([200, 5500]);
    expect((await remove('?reason=mistake')).status).toBe(404);
  });

  it('refuses with 409 what its status does not allow, and says what would be allowed', async () => {
    const drafted = await draft();
    const out = await issued();
    const paid = await issued();
    await post(paid, 'pay', { amount_cents: 1, paid_on: '2026-07-05', reference: 'a cent' });
    const refused: readonly (readonly [id: string, action: string, body: object, code: string])[] = [
      [drafted, 'pay', { amount_cents: 1, paid_on: '2026-07-05', reference: 'x' }, 'invoice_not_issued'],
      [drafted, 'credit-notes', { amount_cents: 1, reason: 'x' }, 'invoice_not_issued'],
      [drafted, 'void', { reason: 'x' }, 'invoice_not_issued'],
      [drafted, 'reissue', { reason: 'x' }, 'invoice_not_void'],
      [out, 'issue', {}, 'invoice_not_draft'],
      [out, 'lines', { description: 'x', amount_cents: 1, reason: 'x' }, 'invoice_not_draft'],
      [out, 'reissue', { reason: 'x' }, 'invoice_not_void'],
      [paid, 'void', { reason: 'x' }, 'invoice_not_voidable'],
    ];
    for (const [id, action, body, code] of refused) {
      const answer = await post(id, action, body);
      expect([action, answer.status, answer.json['code']]).toEqual([action, 409, code]);
    }
    expect((await post(paid, 'void', { reason: 'x' })).json['detail']).toContain('use a credit note');
  });

  it.each([
    ['lines', { description: 'x', amount_cents: 0, reason: 'x' }, '/body/amount_cents'],
    ['lines', { description: 'x', amount_cents: 1.5, reason: 'x' }, '/body/amount_cents'],
    ['lines', { description: 'x', amount_cents: '1', reason: 'x' }, '/body/amount_cents'],
    ['lines', { description: 'x', amount_cents: 9007199254740992, reason: 'x' }, '/body/amount_cents'],
    ['lines', { description: '', amount_cents: 1, reason: 'x' }, '/body/description'],
    [
      'lines',
      { description: 'x', amount_cents: 1, deployment_id: 'web', reason: 'x' },
      '/body/deployment_id',
    ],
    ['pay', { amount_cents: 0, paid_on: '2026-07-05', reference: 'x' }, '/body/amount_cents'],
    ['pay', { amount_cents: -1, paid_on: '2026-07-05', reference: 'x' }, '/body/amount_cents'],
    ['pay', { amount_cents: 1, paid_on: '2026-02-30', reference: 'x' }, '/body/paid_on'],
    ['pay', { amount_cents: 1, paid_on: '2026-07-05', currency: 'aud', reference: 'x' }, '/body/currency'],
    ['pay', { amount_cents: 1, paid_on: '2026-07-05', reference: ' ' }, '/body/reference'],
    ['credit-notes', { amount_cents: 1 }, '/body/reason'],
    ['credit-notes', { amount_cents: -1, reason: 'x' }, '/body/amount_cents'],
    ['void', {}, '/body/reason'],
    ['reissue', { reason: '' }, '/body/reason'],
    ['issue', { force: true }, '/body/force'],
  ])('points with a 422 to what is wrong with %s %j', async (action, body, pointer) => {
    const answer = await post(zero, action, body);
    expect(answer.status).toBe(422);
    expect(answer.json['errors']).toMatchObject([{ pointer }]);
  });

  it.each([
    ['another currency', { currency: 'USD' }, 'other_currency'],
    ['a day that is yet to come', { paid_on: '2026-07-07' }, 'paid_in_the_future'],
  ])('refuses with 422 a payment in %s', async (_name, change, code) => {
    const answer = await post(await issued(), 'pay', {
      amount_cents: 1,
      paid_on: '2026-07-05',
      reference: 'y',
      ...change,
    });
    expect([answer.status, answer.json['code']]).toEqual([422, code]);
  });

  it('refuses with 422 to credit more than was charged', async () => {
    const answer = await post(await issued(), 'credit-notes', { amount_cents: 5001, reason: 'too much' });
    expect([answer.status, answer.json['code'], answer.json['context']]).toEqual([
      422,
      'credit_too_large',
      { amount_cents: 5001, left_cents: 5000, currency: 'AUD' },
    ]);
  });

  it('knows no invoice under an unknown id', async () => {
    const bodies: Readonly<Record<string, object>> = {
      lines: { description: 'x', amount_cents: 1, reason: 'x' },
      issue: {},
      pay: { amount_cents: 1, paid_on: '2026-07-05', reference: 'z' },
      void: { reason: 'x' },
      reissue: { reason: 'x' },
      'credit-notes': { amount_cents: 1, reason: 'x' },
    };
    for (const [action, body] of Object.entries(bodies))
      expect((await post(zero, action, body)).status).toBe(404);
    for (const path of [`invoices/${zero}`, `invoices/${zero}/pdf`, `credit-notes/${zero}/pdf`])
      expect((await get(path)).status).toBe(404);
  });

  it('credits once under one Idempotency-Key', async () => {
    const id = await issued();
    const send = () =>
      api.call(`/api/v1/invoices/${id}/credit-notes`, {
        method: 'POST',
        token: admin,
        body: { amount_cents: 100, reason: 'once' },
        headers: { 'idempotency-key': 'credit-once' },
      });
    const [first, second] = [await send(), await send()];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.json).toEqual(first.json);
    expect((await get(`invoices/${id}`)).json).toMatchObject({ credited_cents: 110 });
  });
});

describe('the list of invoices', () => {
  it('pages through every invoice once, newest month first, and filters by month, status and tenant', async () => {
    const tenantId = newTenant();
    const periods = ['2026-03-01', '2026-04-01', '2026-05-01'];
    for (const period of periods) await writeDraft(em(), { tenantId, period });
    await writeIssued(em(), { tenantId, period: '2026-06-01' });
    const seen: unknown[] = [];
    let path = `invoices?limit=1&tenant=${encodeURIComponent(tenantId)}`;
    for (let page = 0; page < 10 && path !== ''; page += 1) {
      const answer = await get(path);
      seen.push(...itemsOf(answer).map((item) => item['period']));
      const cursor = answer.json['next_cursor'];
      path =
        cursor === null ? '' : `invoices?limit=1&tenant=${encodeURIComponent(tenantId)}&cursor=${cursor}`;
    }
    expect(seen).toEqual(['2026-06-01', ...periods.toReversed()]);
    const filtered = async (query: string) => itemsOf(await get(`invoices?${query}`)).length;
    expect(await filtered(`tenant=${encodeURIComponent(tenantId)}&status=draft`)).toBe(3);
    expect(await filtered(`tenant=${encodeURIComponent(tenantId)}&period=2026-06-01&status=issued`)).toBe(1);
    expect(await filtered('period=2019-01-01')).toBe(0);
  });

  it('shows each of many invoices of one month once, in pages of any size', async () => {
    const period = '2025-01-01';
    for (let index = 0; index < 7; index += 1) await writeDraft(em(), { tenantId: newTenant(), period });
    const seen: unknown[] = [];
    let cursor: unknown = '';
    while (cursor !== null) {
      const answer = await get(
        `invoices?period=${period}&limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(...itemsOf(answer).map((item) => item['id']));
      cursor = answer.json['next_cursor'];
    }
    expect([seen.length, new Set(seen).size]).toEqual([7, 7]);
  });
});

describe('a tenant', () => {
  it('sees its own invoices with their lines, payments and credit notes, and those of nobody else', async () => {
    const own = await issued('tenant-a');
    const foreign = await issued('tenant-b');
    await post(own, 'pay', { amount_cents: 1, paid_on: '2026-07-05', reference: 'own cent' });
    const note = await post(foreign, 'credit-notes', { amount_cents: 1, reason: 'foreign' });
    const { id: noteId } = note.json['credit_note'] as { id: string };
    const items = itemsOf(await get('invoices', mine));
    expect(items.map((item) => item['id'])).toEqual([own]);
    expect(itemsOf(await get('invoices?tenant=tenant-b', mine))).toEqual([]);
    expect((await get(`invoices/${own}`, mine)).json).toMatchObject({
      id: own,
      payments: [{ reference: 'own cent' }],
    });
    expect((await pdf(`invoices/${own}/pdf`, mine)).status).toBe(200);
    for (const path of [`invoices/${foreign}`, `invoices/${foreign}/pdf`, `credit-notes/${noteId}/pdf`]) {
      const answer = await get(path, mine);
      expect([path, answer.status, answer.json['code']]).toEqual([path, 404, 'not_found']);
    }
    for (const path of ['reports/gst?period=2026-07-01', 'reports/receivables'])
      expect((await get(path, mine)).status).toBe(403);
  });

  it('changes nothing, not even of its own', async () => {
    const id = await writeDraft(em(), { tenantId: 'tenant-a', period: '2026-05-01' });
    for (const action of ['lines', 'issue', 'pay', 'void', 'reissue', 'credit-notes'])
      expect((await post(id, action, {}, mine)).status).toBe(403);
    const removed = await api.call(`/api/v1/invoices/${id}/lines/${zero}?reason=x`, {
      method: 'DELETE',
      token: mine,
    });
    expect(removed.status).toBe(403);
    expect((await get(`invoices/${id}`)).json).toMatchObject({ status: 'draft', revision: 1 });
  });
});

describe('the PDF file', () => {
  it('is an Australian tax invoice: the words, both parties, ABN, dates, number, lines, GST and total', async () => {
    const tenantId = newTenant();
    await em().insert(BillingProfile, {
      tenantId,
      legalName: 'Größe & Sons Pty Ltd',
      taxNumber: '53004085616',
      address: '20 Bourke Street\nMelbourne VIC 3000',
      email: 'accounts@sons.example',
      updatedAt: now,
    });
    const deploymentId = await writeDeployment(em(), tenantId);
    const id = await writeIssued(em(), { tenantId, deploymentId }, '2026-07-04T03:00:00Z');
    await post(id, 'pay', { amount_cents: 1000, paid_on: '2026-07-05', reference: 'for the pdf' });
    const { number } = (await get(`invoices/${id}`)).json;
    const file = await pdf(`invoices/${id}/pdf`);
    expect([file.status, file.headers.get('content-type'), file.headers.get('content-disposition')]).toEqual([
      200,
      'application/pdf',
      `inline; filename="${number}.pdf"`,
    ]);
    expect(file.pages).toHaveLength(1);
    for (const words of [
      'Tax invoice',
      `${number}`,
      'Arcadia Cloud Pty Ltd ABN 51 824 753 556 1 George Street Sydney NSW 2000 billing@arcadia.example',
      'Größe & Sons Pty Ltd ABN 53 004 085 616 20 Bourke Street Melbourne VIC 3000 accounts@sons.example',
      'Issued 4 July 2026 Due 18 July 2026 Period June 2026',
      `web of ${tenantId} Plan: studio 1 month $50.00 $50.00`,
      'Subtotal, without GST $50.00 GST 10% $5.00 Total, with GST $55.00 Payments -$10.00 Amount due $45.00',
      'All amounts are in AUD.',
    ])
      expect(file.pages[0]).toContain(words);
    expect(file.pages[0]).not.toMatch(/DRAFT|VOID|\?/);
  });

  it('shows the same parties for ever, and the same bytes each time', async () => {
    const tenantId = newTenant();
    await em().insert(BillingProfile, { tenantId, legalName: 'Old Name Pty Ltd', updatedAt: now });
    const id = await issued(tenantId);
    const bytes = async () => {
      const response = await fetch(`${api.address}/api/v1/invoices/${id}/pdf`, {
        headers: { authorization: `Bearer ${admin}` },
      });
      return Buffer.from(await response.arrayBuffer()).toString('base64');
    };
    const before = await bytes();
    await em().nativeUpdate(BillingProfile, { tenantId }, { legalName: 'New Name Pty Ltd' });
    expect(await bytes()).toBe(before);
    expect((await pdf(`invoices/${id}/pdf`)).pages[0]).toContain('Old Name Pty Ltd');
  });

  it('marks a draft and a void invoice, and is called no tax invoice where nothing is taxed', async () => {
    const drafted = await draft();
    expect((await pdf(`invoices/${drafted}/pdf`)).pages[0]).toMatch(/DRAFT.*no tax invoice.*DRAFT/);
    const wrong = await issued();
    await post(wrong, 'void', { reason: 'wrong' });
    expect((await pdf(`invoices/${wrong}/pdf`)).pages[0]).toMatch(/VOID.*nothing is due of it/);
    const abroad = await writeIssued(em(), { tenantId: newTenant(), taxRate: null, currency: 'USD' });
    const [page = ''] = (await pdf(`invoices/${abroad}/pdf`)).pages;
    expect(page).not.toContain('Tax invoice');
    expect(page).toContain('No tax applies');
    expect(page).toContain('Total USD 50.00');
  });

  it('of a credit note is an adjustment note that names its invoice', async () => {
    const id = await issued();
    const credited = await post(id, 'credit-notes', { amount_cents: 1005, reason: 'An outage on 3 July' });
    const { number } = (await get(`invoices/${id}`)).json;
    const note = credited.json['credit_note'] as { id: string; number: string };
    const file = await pdf(`credit-notes/${note.id}/pdf`);
    expect(file.headers.get('content-disposition')).toBe(`inline; filename="${note.number}.pdf"`);
    for (const words of [
      `Adjustment note ${note.number}`,
      `For invoice ${number}`,
      'An outage on 3 July',
      'Subtotal credited, without GST $10.05 GST 10% $1.01 Total credited, with GST $11.06',
      'ABN 51 824 753 556',
    ])
      expect(file.pages[0]).toContain(words);
  });

  it('keeps long words, odd characters and many lines on its pages', async () => {
    const id = await draft();
    const description = `${'x'.repeat(300)} <b>{{text}}</b> Ωμέγα`;
    await post(id, 'lines', { description, amount_cents: 1, reason: 'long' });
    for (let index = 0; index < 40; index += 1)
      await post(id, 'lines', { description: `Line ${index}`, amount_cents: 1, reason: 'many' });
    const { pages } = await pdf(`invoices/${id}/pdf`);
    expect(pages.length).toBeGreaterThan(1);
    const text = pages.join(' ');
    expect(text.replaceAll(' ', '')).toContain(`${'x'.repeat(300)}<b>{{text}}</b>Ωμέγα`);
    for (let index = 0; index < 40; index += 1) expect(text).toContain(`Line ${index} `);
    expect(text).toContain(`page ${pages.length} of ${pages.length}`);
  });

  it('is a 503 that names the settings where nobody said who issues the invoices', async () => {
    const without = await startApi({ databaseUrl: database.appUrl });
    const answer = await without.call(`/api/v1/invoices/${await issued()}/pdf`, { token: admin });
    await without.close();
    expect([answer.status, answer.json['code']]).toEqual([503, 'invoice_issuer_not_configured']);
    expect(answer.json['detail']).toContain('INVOICE_ISSUER_ABN');
  });
});

describe('the configuration', () => {
  it.each([
    ['a wrong ABN', { INVOICE_ISSUER_ABN: '51824753557' }, 'INVOICE_ISSUER_ABN'],
    ['a name without an ABN', { INVOICE_ISSUER_ABN: '' }, 'INVOICE_ISSUER_ABN'],
    ['an ABN without a name', { INVOICE_ISSUER_NAME: '' }, 'INVOICE_ISSUER_NAME'],
    ['an address of no mail', { INVOICE_ISSUER_EMAIL: 'nobody' }, 'INVOICE_ISSUER_EMAIL'],
  ])('refuses %s', async (_name, change, named) => {
    await expect(
      startApi({ databaseUrl: deadDatabase, environment: { ...testIssuer, ...change } }),
    ).rejects.toThrow(named);
  });
});

describe('the finance system', () => {
  it('is told at once of what is issued, credited or voided, in a process of its own', async () => {
    const temporal = await connectTestTemporal();
    const withTemporal = await startApi({
      databaseUrl: database.appUrl,
      clock: () => now,
      temporal: () => temporal.client,
    });
    const push = temporal.client.workflow.getHandle(workflowIds.pushReceivables());
    try {
      for (const [id, action, body, status] of [
        [await draft(), 'issue', {}, 200],
        [await issued(), 'credit-notes', { amount_cents: 1, reason: 'a mistake' }, 201],
        [await issued(), 'void', { reason: 'a mistake' }, 200],
      ] as const) {
        const answer = await withTemporal.call(`/api/v1/invoices/${id}/${action}`, {
          method: 'POST',
          token: admin,
          body,
        });
        expect([action, answer.status]).toEqual([action, status]);
        expect([action, (await push.describe()).status.name]).toEqual([action, 'RUNNING']);
        await push.terminate();
      }
    } finally {
      await withTemporal.close();
      await temporal.close();
    }
  });

  it('is told by the schedule where Temporal is away: the answer is a success all the same', async () => {
    expect((await post(await draft(), 'issue', {})).status).toBe(200);
    expect((await post(await issued(), 'void', { reason: 'a mistake' })).status).toBe(200);
  });
});
