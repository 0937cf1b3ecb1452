import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { priceInvoice } from '../../src/domain/tenantInvoice.ts';
import { TenantInvoiceInputs } from '../../src/entities/tenantInvoiceInputs.ts';
import { addInvoiceLine, removeInvoiceLine } from '../../src/services/adjustInvoice.ts';
import { readTenantInvoice } from '../../src/services/readTenantInvoice.ts';
import {
  admin,
  auditOf,
  type DraftOf,
  stored,
  writeDeployment,
  writeDraft,
  writeIssued,
} from './invoiceWorld.ts';
import { openWorld, type World } from './world.ts';

let world: World;
let tenants = 0;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world?.close();
});

const now = new Date('2026-07-02T09:00:00Z');
const draft = (changes: Partial<DraftOf> = {}) => {
  tenants += 1;
  return writeDraft(world.em(), { tenantId: `adjusted ${tenants}`, ...changes });
};

async function add(invoiceId: string, amountCents: number, deploymentId: string | null = null) {
  const line = await addInvoiceLine(world.em(), {
    invoiceId,
    deploymentId,
    description: `manual ${amountCents}`,
    amountCents,
    reason: 'as agreed',
    now,
    actor: admin,
  });
  if (line === undefined) throw new Error('no such invoice');
  return line;
}
const remove = (invoiceId: string, lineId: string) =>
  removeInvoiceLine(world.em(), { invoiceId, lineId, reason: 'not agreed', now, actor: admin });

/** Lines, totals and stored inputs say the same: the inputs priced again are what stands there. */
async function expectToAgree(id: string): Promise<void> {
  const read = await readTenantInvoice(world.em(), id);
  if (read === undefined) throw new Error('no such invoice');
  const { inputs } = await world.em().findOneOrFail(TenantInvoiceInputs, { invoice: id });
  const priced = priceInvoice(inputs as never);
  expect(read.invoice).toMatchObject({
    subtotalCents: priced.subtotalCents,
    taxCents: priced.taxCents,
    totalCents: priced.totalCents,
    dueCents: priced.totalCents,
  });
  expect(
    read.lines.map(({ type, description, amountCents }) => ({ type, description, amountCents })),
  ).toEqual(priced.lines.map(({ type, description, amountCents }) => ({ type, description, amountCents })));
}

describe('addInvoiceLine', () => {
  it('adds the line before the tax, which is reckoned again at the rate of the invoice', async () => {
    const id = await draft();
    await add(id, -1005);
    const read = await readTenantInvoice(world.em(), id);
    expect(
      read?.lines.map(({ type, amountCents, servicePeriod }) => [type, amountCents, servicePeriod]),
    ).toEqual([
      ['plan_base', 5000, '2026-06-01'],
      ['adjustment', -1005, '2026-06-01'],
      ['tax', 400, '2026-06-01'],
    ]);
    expect(read?.invoice).toMatchObject({
      subtotalCents: 3995,
      taxCents: 400,
      totalCents: 4395,
      dueCents: 4395,
    });
    await expectToAgree(id);
  });

  it('makes an invoice negative, its tax too, half a cent away from zero', async () => {
    const id = await draft();
    await add(id, -5005);
    expect(await stored(world.em(), id)).toMatchObject({ subtotalCents: -5, taxCents: -1, totalCents: -6 });
    await expectToAgree(id);
  });

  it('adds no tax to an export', async () => {
    const id = await draft({ taxRate: null });
    await add(id, 100);
    expect(await stored(world.em(), id)).toMatchObject({
      subtotalCents: 5100,
      taxCents: 0,
      totalCents: 5100,
    });
  });

  it('keeps several lines in the order in which they came, also where they come at once', async () => {
    const id = await draft();
    await Promise.all([add(id, 1), add(id, 2), add(id, 3), add(id, 4)]);
    expect(await stored(world.em(), id)).toMatchObject({ subtotalCents: 5010, revision: 5 });
    await expectToAgree(id);
  });

  it('takes a deployment of the tenant, and none of another tenant', async () => {
    const id = await draft({ tenantId: 'with a deployment' });
    const own = await writeDeployment(world.em(), 'with a deployment');
    const foreign = await writeDeployment(world.em(), 'somebody else');
    await add(id, 10, own);
    const read = await readTenantInvoice(world.em(), id);
    expect(read?.lines.find(({ type }) => type === 'adjustment')?.deploymentId).toBe(own);
    await expect(add(id, 10, foreign)).rejects.toMatchObject({ code: 'deployment_not_of_tenant' });
    await expect(add(id, 10, '00000000-0000-4000-8000-000000000000')).rejects.toMatchObject({
      code: 'deployment_not_of_tenant',
    });
  });

  it('refuses an amount with which the total is no longer exact, and changes nothing', async () => {
    const id = await draft();
    await expect(add(id, Number.MAX_SAFE_INTEGER)).rejects.toMatchObject({ code: 'amount_too_large' });
    expect(await stored(world.em(), id)).toMatchObject({ subtotalCents: 5000, revision: 1 });
    await expectToAgree(id);
  });

  it('refuses an issued invoice', async () => {
    const id = await writeIssued(world.em(), { tenantId: 'adjusted too late' });
    await expect(add(id, 10)).rejects.toMatchObject({
      code: 'invoice_not_draft',
      context: { status: 'issued' },
    });
  });

  it('writes down who added what, and why', async () => {
    const id = await draft();
    const line = await add(id, 10);
    expect(await auditOf(world.em(), id)).toEqual([
      {
        action: 'tenant_invoice.add_line',
        actor: 'admin-1',
        reason: 'as agreed',
        before: null,
        after: { line_id: line.id, description: 'manual 10', amount_cents: 10, currency: 'AUD' },
      },
    ]);
  });
});

describe('removeInvoiceLine', () => {
  it('brings the draft back to what it was before the line', async () => {
    const id = await draft();
    const before = await readTenantInvoice(world.em(), id);
    const kept = await add(id, 7);
    const line = await add(id, 500);
    await remove(id, line.id);
    await expectToAgree(id);
    await remove(id, kept.id);
    await expectToAgree(id);
    const after = await readTenantInvoice(world.em(), id);
    const amounts = (read: typeof after) =>
      read?.lines.map(({ description, amountCents }) => [description, amountCents]);
    expect(amounts(after)).toEqual(amounts(before));
    expect(after?.invoice).toMatchObject({ totalCents: before?.invoice.totalCents, revision: 5 });
  });

  it('finds no line of another invoice, and none that is gone', async () => {
    const [id, other] = [await draft(), await draft()];
    const line = await add(id, 10);
    expect(await remove(other, line.id)).toBeUndefined();
    expect(await remove(id, line.id)).toMatchObject({ id: line.id });
    expect(await remove(id, line.id)).toBeUndefined();
    expect(await stored(world.em(), other)).toMatchObject({ revision: 1 });
  });
});
