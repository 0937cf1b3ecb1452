import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findInvoice } from '../../src/services/findInvoice.ts';
import { holdInvoice } from '../../src/services/holdInvoice.ts';
import { listAudit } from '../../src/services/listAudit.ts';
import { listInvoiceVersions, readInvoice } from '../../src/services/listInvoices.ts';
import { storeInvoice } from '../../src/services/storeInvoice.ts';
import { type Bill, discover, ingest, openWorld, staged, type World } from './world.ts';

const provider = 'digitalocean';

describe('storeInvoice', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  const bill = (invoiceUuid: string, ...amounts: string[]): Bill => ({
    provider,
    invoiceUuid,
    period: '2026-04-01',
    charges: amounts.map((amount, index) => ({ name: `web-${index}`, amount })),
  });

  async function header(invoiceUuid: string) {
    const row = await readInvoice(world.em(), invoiceUuid);
    if (row === null) throw new Error(`no invoice ${invoiceUuid}`);
    return row;
  }
  /** Whether a session stands before a lock, of this test's own database. */
  async function somebodyWaitsForALock(): Promise<void> {
    for (;;) {
      const { rowCount } = await world.pool.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      if (rowCount !== 0) return;
      await delay(20);
    }
  }
  const linesOf = (invoiceUuid: string) =>
    world.em().execute(
      `select version.version, line.line_number as line, trim_scale(line.billed_cost)::text as cost, line.line_class as class
       from cloud_cost_lines line join cloud_invoice_versions version on version.id = line.version_id
       join cloud_invoices invoice on invoice.id = version.invoice_id
       where invoice.invoice_uuid = ? order by version.version, line.line_number`,
      [invoiceUuid],
    );

  it('puts the staged lines in force as version 1, and empties the stage', async () => {
    expect(await ingest(world, bill('once', '6.25', '4.5'))).toEqual({
      outcome: 'ingested',
      version: 1,
      lines: 2,
      total: '10.75',
      currency: 'USD',
      matched: 0,
    });
    expect(await header('once')).toMatchObject({ ingestStatus: 'ingested', version: 1, lineCount: 2 });
    const [stage] = await world.em().execute(`select count(*)::int as rows from cloud_cost_line_stage`);
    expect(stage).toEqual({ rows: 0 });
  });

  it('keeps one version and one set of lines of an invoice that is ingested twice', async () => {
    await ingest(world, bill('twice', '6.25'));
    const first = [await header('twice'), await linesOf('twice')];
    expect(await ingest(world, bill('twice', '6.25'))).toMatchObject({ outcome: 'unchanged', version: 1 });
    expect([await header('twice'), await linesOf('twice')]).toEqual(first);
  });

  it('stores two ingests of one invoice at the same time once', async () => {
    await discover(world, bill('at once', '6.25'));
    const input = await staged(world, bill('at once', '6.25'));
    const results = await Promise.all([storeInvoice(world.em(), input), storeInvoice(world.em(), input)]);
    expect(results.map((result) => result.outcome).toSorted()).toEqual(['ingested', 'unchanged']);
    expect(await linesOf('at once')).toHaveLength(1);
  });

  it('makes a restated invoice a new version; the earlier one is superseded and stays readable', async () => {
    await ingest(world, bill('restated', '6.25', '4.5'));
    expect(await ingest(world, bill('restated', '6.25', '5.5'))).toMatchObject({
      outcome: 'ingested',
      version: 2,
      total: '11.75',
    });
    const row = await header('restated');
    expect(row).toMatchObject({ amount: '11.75', version: 2 });
    const versions = await listInvoiceVersions(world.em(), row.id);
    expect(versions.map(({ version, amount }) => [version, amount])).toEqual([
      [2, '11.75'],
      [1, '10.75'],
    ]);
    expect(versions.map(({ supersededAt }) => supersededAt == null)).toEqual([true, false]);
    expect(await linesOf('restated')).toMatchObject([
      { version: 1, line: 1, cost: '6.25' },
      { version: 1, line: 2, cost: '4.5' },
      { version: 2, line: 1, cost: '6.25' },
      { version: 2, line: 2, cost: '5.5' },
    ]);
  });

  it('makes a new version where only the lines were restated, under the same amount', async () => {
    await ingest(world, bill('lines only', '6', '4'));
    expect(await ingest(world, bill('lines only', '5', '5'))).toMatchObject({
      outcome: 'ingested',
      version: 2,
    });
  });

  it('keeps the version in force while an invoice is held, with the reason and the difference', async () => {
    await ingest(world, bill('held', '6.25'));
    await holdInvoice(world.em(), {
      provider,
      invoiceUuid: 'held',
      error: { code: 'lines_disagree', message: 'the lines add up to 6.24', context: null },
      difference: '0.01',
      heldVersion: 1,
    });
    expect(await header('held')).toMatchObject({
      ingestStatus: 'held',
      version: 1,
      lineCount: 1,
      heldDifference: '0.01',
      error: { code: 'lines_disagree', message: 'the lines add up to 6.24', context: null },
    });
    expect(await linesOf('held')).toHaveLength(1);

    expect(await ingest(world, bill('held', '6.25'))).toMatchObject({ outcome: 'unchanged', version: 1 });
    expect(await header('held')).toMatchObject({
      ingestStatus: 'ingested',
      error: null,
      heldDifference: null,
    });
  });

  it('changes nothing by a hold of an ingest that began before the version in force', async () => {
    await ingest(world, bill('late hold', '6.25'));
    await ingest(world, bill('late hold', '6.50'));
    const before = await header('late hold');
    const hold = (heldVersion: number) =>
      holdInvoice(world.em(), {
        provider,
        invoiceUuid: 'late hold',
        error: { code: 'lines_disagree', message: 'as it was', context: null },
        difference: '0.25',
        heldVersion,
      });
    await hold(0);
    await hold(1);
    expect(await header('late hold')).toEqual(before);
    await hold(2);
    expect(await header('late hold')).toMatchObject({ ingestStatus: 'held', version: 2 });
  });

  it('stores nothing for an amount that a discovery changed while the invoice was locked', async () => {
    const compared = bill('changed', '6.25');
    await discover(world, compared);
    const input = await staged(world, compared);
    let storing: Promise<unknown> | undefined;
    await world.em().transactional(async (transaction) => {
      await transaction.execute(`update cloud_invoices set amount = 7.25 where invoice_uuid = 'changed'`);
      storing = storeInvoice(world.em(), input).catch((error: unknown) => error);
      await somebodyWaitsForALock();
    });
    expect(await storing).toMatchObject({
      code: 'amount_changed',
      retryable: false,
      context: { stated: '6.25', amount: '7.25' },
    });
    expect(await header('changed')).toMatchObject({ ingestStatus: 'discovered', version: 0, amount: '7.25' });
    expect(await linesOf('changed')).toEqual([]);
  });

  it('stores nothing where the lines in force would not be the amount', async () => {
    const short = { ...bill('not whole', '6.25'), amount: '6.26' };
    await discover(world, short);
    await expect(storeInvoice(world.em(), await staged(world, short))).rejects.toMatchObject({
      code: 'lines_not_whole',
      retryable: false,
    });
    expect(await header('not whole')).toMatchObject({ ingestStatus: 'discovered', version: 0 });
    expect(await linesOf('not whole')).toEqual([]);
  });

  it('makes a new version where only the ids that the items name were restated', async () => {
    const charged = (id: string): Bill => ({ ...bill('items only'), charges: [{ name: 'web', id }] });
    await ingest(world, charged('1'));
    expect(await ingest(world, charged('1'))).toMatchObject({ outcome: 'unchanged', version: 1 });
    expect(await ingest(world, charged('2'))).toMatchObject({ outcome: 'ingested', version: 2 });
  });

  it('books an accepted difference as one unexplained line, with an audit row, and the lines add up to the amount', async () => {
    const accepted = {
      code: 'lines_disagree',
      found: '6.25',
      difference: '0.07',
      reason: 'confirmed by the vendor',
      actor: 'operator-1',
      requestId: 'request-1',
      workflowId: 'ingest-invoice:digitalocean:accepted',
    };
    const short = { ...bill('accepted', '6.25'), amount: '6.32' };
    expect(await ingest(world, { ...short, accepted })).toMatchObject({
      outcome: 'ingested',
      lines: 2,
      total: '6.32',
    });
    expect(await linesOf('accepted')).toEqual([
      { version: 1, line: 1, cost: '6.25', class: 'resource' },
      { version: 1, line: 2, cost: '0.07', class: 'unexplained' },
    ]);
    const row = await header('accepted');
    const audit = () => listAudit(world.em(), { subjectId: row.id }, { limit: 10, after: undefined });
    expect(await audit()).toMatchObject([
      {
        actor: 'operator-1',
        reason: 'confirmed by the vendor',
        requestId: 'request-1',
        workflowId: 'ingest-invoice:digitalocean:accepted',
        after: { code: 'lines_disagree', found: '6.25', difference: '0.07', currency: 'USD' },
      },
    ]);

    // Neither the same acceptance nor an ingest without one books it twice, or takes it back.
    expect(await ingest(world, { ...short, accepted })).toMatchObject({ outcome: 'unchanged', version: 1 });
    expect(await ingest(world, short)).toMatchObject({ outcome: 'unchanged', total: '6.32' });
    expect(await linesOf('accepted')).toHaveLength(2);
    expect(await audit()).toHaveLength(1);
  });

  it('books no line where the accepted difference is zero, since only items or summary disagreed, but writes who accepted', async () => {
    const accepted = {
      code: 'items_disagree',
      found: '6.24',
      difference: '0.00',
      reason: 'the items lag behind',
      actor: 'operator-1',
      requestId: null,
      workflowId: 'ingest-invoice:digitalocean:zero',
    };
    expect(await ingest(world, { ...bill('zero', '6.25'), accepted })).toMatchObject({
      lines: 1,
      total: '6.25',
    });
    const row = await header('zero');
    expect(row).toMatchObject({ ingestStatus: 'ingested', lineCount: 1 });
    const audit = await listAudit(world.em(), { subjectId: row.id }, { limit: 10, after: undefined });
    expect(audit).toMatchObject([{ actor: 'operator-1', reason: 'the items lag behind' }]);
  });

  it('writes nothing where the stage is no longer whole, and says so as stage_lost', async () => {
    await discover(world, bill('lost', '6.25', '4.5'));
    const input = await staged(world, bill('lost', '6.25', '4.5'));
    await world.pool.query('delete from cloud_cost_line_stage where stage_id = $1 and line_number = 2', [
      input.stageId,
    ]);
    await expect(storeInvoice(world.em(), input)).rejects.toMatchObject({
      code: 'stage_lost',
      retryable: false,
      context: { expected: 2, found: 1 },
    });
    expect(await header('lost')).toMatchObject({ ingestStatus: 'discovered', version: 0 });
    expect(await linesOf('lost')).toEqual([]);
  });

  it('writes nothing where the items of the stage are lost', async () => {
    await discover(world, bill('items lost', '6.25'));
    const input = await staged(world, bill('items lost', '6.25'));
    await world.pool.query('delete from cloud_invoice_item_stage where stage_id = $1', [input.stageId]);
    await expect(storeInvoice(world.em(), input)).rejects.toMatchObject({ code: 'stage_lost' });
    expect(await linesOf('items lost')).toEqual([]);
  });

  it('refuses an invoice that was never discovered', async () => {
    const unheardOf = bill('unheard of', '1');
    await expect(storeInvoice(world.em(), await staged(world, unheardOf))).rejects.toMatchObject({
      code: 'unknown_invoice',
      retryable: false,
    });
    await expect(findInvoice(world.em(), { provider, invoiceUuid: 'unheard of' })).rejects.toMatchObject({
      code: 'unknown_invoice',
    });
  });

  it('gives each of several equal lines an item of its own, in the order of time', async () => {
    const april: Bill = {
      provider,
      invoiceUuid: 'equal lines',
      period: '2026-04-01',
      charges: [
        { name: 'web', id: '2', from: '2026-04-10T00:00:00Z' },
        { name: 'web', id: '1', from: '2026-04-01T00:00:00Z' },
        { name: 'web', id: '3', from: '2026-04-20T00:00:00Z' },
      ],
    };
    await ingest(world, april);
    const rows = await world.em().execute(
      `select line.line_number as line, line.provider_resource_id as id from cloud_cost_lines line
       join cloud_invoices invoice on invoice.id = line.invoice_id where invoice.invoice_uuid = 'equal lines'
       order by line.line_number`,
    );
    expect(rows).toEqual([
      { line: 1, id: '2' },
      { line: 2, id: '1' },
      { line: 3, id: '3' },
    ]);
  });

  it('leaves the last of several equal lines without an id where there are fewer items than lines', async () => {
    const charges = [
      { name: 'web', id: '7' },
      { name: 'web', id: '7' },
      { name: 'web', id: '7' },
    ];
    const april: Bill = { provider, invoiceUuid: 'fewer items', period: '2026-04-01', charges };
    await discover(world, april);
    const input = await staged(world, april);
    await world.pool.query('delete from cloud_invoice_item_stage where stage_id = $1 and position = 3', [
      input.stageId,
    ]);
    await storeInvoice(world.em(), { ...input, stagedItems: { ...input.stagedItems, items: 2 } });
    const rows = await world.em().execute(
      `select line.line_number as line, line.provider_resource_id as id from cloud_cost_lines line
       join cloud_invoices invoice on invoice.id = line.invoice_id where invoice.invoice_uuid = 'fewer items'
       order by line.line_number`,
    );
    expect(rows).toEqual([
      { line: 1, id: '7' },
      { line: 2, id: '7' },
      { line: 3, id: null },
    ]);
  });
});
