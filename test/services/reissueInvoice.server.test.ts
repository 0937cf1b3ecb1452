import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { RollupWorklist } from '../../src/entities/rollupWorklist.ts';
import { TenantInvoice } from '../../src/entities/tenantInvoice.ts';
import { addInvoiceLine } from '../../src/services/adjustInvoice.ts';
import { issueInvoices } from '../../src/services/issueInvoices.ts';
import { readTenantInvoice } from '../../src/services/readTenantInvoice.ts';
import { reissueInvoice } from '../../src/services/reissueInvoice.ts';
import { checkInvoices } from '../../src/services/rollup/checkInvoices.ts';
import { freezeWorklist } from '../../src/services/rollup/freezeWorklist.ts';
import { rollUpTenants } from '../../src/services/rollup/rollUpTenants.ts';
import { voidInvoice } from '../../src/services/voidInvoice.ts';
import { admin, auditOf, stored, writeIssued } from './invoiceWorld.ts';
import { type BillingWorld, billingWorld, goldenTenant, wholeDay } from './rollup/billingWorld.ts';
import { credit, pay } from './settledInvoices.ts';
import { openWorld, type World } from './world.ts';

const april = '2026-04-01';
const may = '2026-05-01';
const now = new Date('2026-07-02T09:00:00Z');
let world: World;
let billing: BillingWorld;
let tenantId = '';
let tenants = 0;
let runs = 0;

beforeAll(async () => {
  world = await openWorld();
  billing = billingWorld((sql, parameters) => world.em().execute(sql, parameters));
  await billing.seedCatalog();
  for (const period of [april, may]) await billing.closeMonth(period);
});
afterAll(async () => {
  await world?.close();
});
beforeEach(() => {
  tenants += 1;
  tenantId = `reissued-${tenants}`;
});

/** Rolls up a month for the tenant. @returns its invoice */
async function rollUp(period: string): Promise<string> {
  runs += 1;
  await freezeWorklist(world.em(), {
    period,
    workflowId: `roll-up:${period}`,
    runId: `run ${runs}`,
    force: false,
    graceHours: 72,
    now,
  });
  await rollUpTenants(world.em(), { period, part: { tenantIds: [tenantId] }, force: false, now });
  const invoice = await world.em().findOne(TenantInvoice, { tenantId, periodStart: period, status: 'draft' });
  if (invoice === null) {
    const work = await world.em().findOne(RollupWorklist, { periodStart: period, tenantId });
    throw new Error(`no draft: ${work?.problem} ${work?.message}`);
  }
  return invoice.id;
}
const issue = (id: string) => issueInvoices(world.em(), { invoiceIds: [id], now, actor: admin });
const makeVoid = (invoiceId: string) =>
  voidInvoice(world.em(), { invoiceId, reason: 'wrong address', now, actor: admin });
async function reissue(invoiceId: string): Promise<TenantInvoice> {
  const draft = await reissueInvoice(world.em(), { invoiceId, reason: 'right address', now, actor: admin });
  if (draft === undefined) throw new Error('no such invoice');
  return draft;
}
const golden = () =>
  goldenTenant(billing, { tenantId, droplets: 3, addons: ['storage_50gb'], period: april });
const linesOf = async (id: string) =>
  (await readTenantInvoice(world.em(), id))?.lines.map(({ type, amountCents, servicePeriod }) => [
    type,
    amountCents,
    servicePeriod,
  ]);

describe('voidInvoice', () => {
  it('keeps number, lines and amounts, takes what is due to zero, and withdraws the receivable', async () => {
    await golden();
    const id = await rollUp(april);
    await issue(id);
    const before = await readTenantInvoice(world.em(), id);
    await makeVoid(id);
    const after = await readTenantInvoice(world.em(), id);
    expect(after?.invoice).toMatchObject({
      status: 'void',
      number: before?.invoice.number,
      totalCents: 7064,
      dueCents: 0,
      voidedAt: now,
      voidReason: 'wrong address',
    });
    expect(after?.lines).toEqual(before?.lines);
    expect(await world.em().execute(`select 1 from receivables where invoice_id = ?`, [id])).toEqual([]);
    expect((await auditOf(world.em(), id)).at(-1)).toMatchObject({
      action: 'tenant_invoice.void',
      actor: 'admin-1',
      reason: 'wrong address',
      before: { status: 'issued', due_cents: 7064 },
    });
  });

  it.each([
    [
      'acknowledged',
      `state = 'acknowledged', external_id = 'AR-1', attempts = 1`,
      [{ state: 'pending', version: 2 }],
    ],
    ['was told of without an answer', 'attempts = 1', [{ state: 'pending', version: 2 }]],
    [
      'acknowledged and refused a change of',
      `state = 'failed', external_id = 'AR-1', attempts = 2`,
      [{ state: 'pending', version: 2 }],
    ],
    ['refused', `state = 'failed', attempts = 1`, []],
  ])(
    'has the finance system told where it may know of the invoice: one that it %s',
    async (_name, before, after) => {
      const id = await writeIssued(world.em(), { tenantId: `${tenantId} ${before}` });
      await world.em().execute(`update receivables set ${before} where invoice_id = ?`, [id]);
      await makeVoid(id);
      expect(
        await world.em().execute(`select state, version from receivables where invoice_id = ?`, [id]),
      ).toEqual(after);
    },
  );

  it('makes an invoice of nothing void, which was paid when it was issued', async () => {
    const id = await writeIssued(world.em(), { tenantId, planCents: 0 });
    expect((await stored(world.em(), id)).status).toBe('paid');
    expect(await makeVoid(id)).toMatchObject({ status: 'void' });
  });

  it('refuses an invoice with a payment or a credit note, and says what to use instead', async () => {
    const paid = await writeIssued(world.em(), { tenantId: `${tenantId} paid` });
    await pay(world.em(), paid, 1);
    await expect(makeVoid(paid)).rejects.toMatchObject({
      code: 'invoice_not_voidable',
      message: /payments.*use a credit note/,
    });
    const credited = await writeIssued(world.em(), { tenantId: `${tenantId} credited` });
    await credit(world.em(), credited, 1);
    await expect(makeVoid(credited)).rejects.toMatchObject({
      code: 'invoice_not_voidable',
      message: /credit notes/,
    });
  });

  it('refuses a draft, and an invoice that is void already', async () => {
    await golden();
    const id = await rollUp(april);
    await expect(makeVoid(id)).rejects.toMatchObject({ code: 'invoice_not_issued' });
    await issue(id);
    await makeVoid(id);
    await expect(makeVoid(id)).rejects.toMatchObject({ code: 'invoice_not_issued' });
  });
});

describe('reissueInvoice', () => {
  it('makes a new draft of the same month from all usage, which says what it replaces', async () => {
    await golden();
    const id = await rollUp(april);
    await issue(id);
    await makeVoid(id);
    const draft = await reissue(id);
    expect(draft).toMatchObject({
      status: 'draft',
      number: null,
      periodStart: april,
      replacesInvoiceId: id,
      totalCents: 7064,
      revision: 1,
    });
    expect(await linesOf(draft.id)).toEqual(await linesOf(id));
    expect((await readTenantInvoice(world.em(), id))?.replacedBy).toBe(draft.id);
    expect((await auditOf(world.em(), draft.id)).at(-1)).toMatchObject({
      action: 'tenant_invoice.reissue',
      reason: 'right address',
      after: { replaces_invoice_id: id, total_cents: 7064 },
    });
    expect(await checkInvoices(world.em(), { period: april, part: { tenantIds: [tenantId] } })).toMatchObject(
      {
        differing: 0,
      },
    );
  });

  it('takes in usage and gateway charges that came after the void one, and bills none of it twice', async () => {
    const deploymentId = await golden();
    await billing.charge(deploymentId, '1.25', '2026-04-10T00:00:00Z');
    const id = await rollUp(april);
    await issue(id);
    await makeVoid(id);
    await billing.use({
      deploymentId,
      kind: 'droplet_hours',
      from: '2026-04-30',
      until: '2026-05-01',
      quantity: wholeDay,
    });
    await billing.noteLate(deploymentId, april, 'metered');
    await billing.charge(deploymentId, '0.50', '2026-04-11T00:00:00Z');
    await billing.noteLate(deploymentId, april, 'llm');
    const next = await rollUp(may);
    const draft = await reissue(id);
    expect(await linesOf(draft.id)).toEqual([
      ['plan_base', 5000, april],
      ['addon', 750, april],
      ['overage', 696, april],
      ['llm_usage', 175, april],
      ['tax', 662, april],
    ]);
    expect((await linesOf(next))?.filter(([, , month]) => month === april)).toEqual([]);
  });

  it('takes over what an earlier month had added to the void one, and its manual lines', async () => {
    const deploymentId = await golden();
    await issue(await rollUp(april));
    await billing.charge(deploymentId, '3.00', '2026-04-20T00:00:00Z');
    await billing.noteLate(deploymentId, april, 'llm');
    const id = await rollUp(may);
    await addInvoiceLine(world.em(), {
      invoiceId: id,
      deploymentId,
      description: 'a promise',
      amountCents: -200,
      reason: 'kept',
      now,
      actor: admin,
    });
    await issue(id);
    const before = await linesOf(id);
    expect(before).toContainEqual(['llm_usage', 300, april]);
    expect(before).toContainEqual(['adjustment', -200, may]);
    await makeVoid(id);
    const draft = await reissue(id);
    expect(await linesOf(draft.id)).toEqual(before);
    const line = (await readTenantInvoice(world.em(), draft.id))?.lines.find(
      ({ description }) => description === 'a promise',
    );
    const adjustments = await world
      .em()
      .execute(
        `select id, invoice_id, reason from invoice_adjustments where description = 'a promise' and tenant_id = ?`,
        [tenantId],
      );
    expect(adjustments).toHaveLength(2);
    expect(adjustments).toContainEqual({
      id: line?.meta['adjustment_id'],
      invoice_id: draft.id,
      reason: 'kept',
    });
  });

  it('reissues an invoice once, also when it is asked twice at once, and its reissue after that is void too', async () => {
    await golden();
    const id = await rollUp(april);
    await issue(id);
    await makeVoid(id);
    const outcomes = await Promise.allSettled([reissue(id), reissue(id)]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    await expect(reissue(id)).rejects.toMatchObject({ code: 'invoice_already_reissued' });
    const second = await world.em().findOneOrFail(TenantInvoice, { replacesInvoiceId: id });
    await issue(second.id);
    await makeVoid(second.id);
    await expect(reissue(id)).rejects.toMatchObject({ code: 'invoice_already_reissued' });
    expect(await reissue(second.id)).toMatchObject({ replacesInvoiceId: second.id, totalCents: 7064 });
  });

  it('reissues nothing but a void invoice', async () => {
    await golden();
    const id = await rollUp(april);
    await expect(reissue(id)).rejects.toMatchObject({
      code: 'invoice_not_void',
      context: { status: 'draft' },
    });
    await issue(id);
    await expect(reissue(id)).rejects.toMatchObject({
      code: 'invoice_not_void',
      context: { status: 'issued' },
    });
  });

  it('says why the tenant can not be priced, and leaves nothing behind', async () => {
    await golden();
    const id = await rollUp(april);
    await issue(id);
    await makeVoid(id);
    await billing.setDay('2026-04-05', 'droplet_hours', 'open');
    await expect(reissue(id)).rejects.toMatchObject({ code: 'usage_incomplete' });
    await billing.setDay('2026-04-05', 'droplet_hours', 'closed');
    expect(await world.em().count(TenantInvoice, { tenantId })).toBe(1);
    expect(await reissue(id)).toMatchObject({ totalCents: 7064 });
  });
});
