import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import { startOrm } from '../../src/orm.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { revenueSeeder, type SeededSubscriber } from '../api/seedRevenue.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
/** As the application role, under the service's own session: the most that any part of the program may do. */
let orm: MikroORM;
let rows: SeededSubscriber;

beforeAll(async () => {
  database = await createTestDatabase();
  orm = await startOrm({ url: database.appUrl });
  const seed = revenueSeeder(orm);
  rows = await seed.subscriber('tenant-a', 'ours', await seed.catalog());
});
afterAll(async () => {
  await orm.close(true);
  await database.drop();
});

const run = (statement: string, params: readonly unknown[] = []) =>
  forSession(orm, systemSession).execute<object[]>(statement, [...params]);

const newLine = `insert into tenant_invoice_lines (invoice_id, tenant_id, line_number, type, description, qty, unit,
    unit_price_cents, amount_cents, service_period, meta)
  values (?, 'tenant-a', 9, 'adjustment', 'late', 1, 'line', 1, 1, '2026-04-01', '{}')`;

describe('an issued invoice', () => {
  it.each([
    `subtotal_cents = 1, total_cents = 501, due_cents = 501`,
    `tax_cents = 0, total_cents = 5000, due_cents = 5000`,
    `currency = 'USD'`,
    `tenant_id = 'tenant-b'`,
    `period_start = '2026-01-01'`,
    `number = 'INV-999999'`,
    `number = null`,
    `tax_rate = 0`,
    `tax_name = 'VAT'`,
    `revision = 2`,
    `issued_at = '2026-04-01'`,
    `replaces_invoice_id = id`,
  ])('keeps what it bills: no update sets %s', async (change) => {
    await expect(run(`update tenant_invoices set ${change} where id = ?`, [rows.issued])).rejects.toThrow(
      /no longer changes/,
    );
  });

  it('never becomes a draft again, and is not deleted', async () => {
    await expect(
      run(`update tenant_invoices set status = 'draft' where id = ?`, [rows.issued]),
    ).rejects.toThrow(/can not become draft/);
    await expect(run('delete from tenant_invoices where id = ?', [rows.issued])).rejects.toThrow(
      /only a draft can be deleted/,
    );
  });

  it.each([
    [newLine],
    [`delete from tenant_invoice_lines where invoice_id = ?`],
    [`update tenant_invoice_lines set amount_cents = 1 where invoice_id = ?`],
  ])('keeps its lines: %s', async (statement) => {
    await expect(run(statement, [rows.issued])).rejects.toThrow(/change only while it is a draft/);
  });

  it('gives no line to a draft, and takes none from one', async () => {
    const move =
      'update tenant_invoice_lines set invoice_id = ?, line_number = 7 where invoice_id = ? and line_number = 1';
    await expect(run(move, [rows.draft, rows.issued])).rejects.toThrow(/change only while it is a draft/);
    await expect(run(move, [rows.issued, rows.draft])).rejects.toThrow(/change only while it is a draft/);
  });

  it('takes payments, credits, and then becomes paid; a void one stays void', async () => {
    const seed = revenueSeeder(orm);
    const paid = await seed.draft('tenant-paid', 'paid', '2026-02-01', rows.deployment);
    const voided = await seed.draft('tenant-void', 'void', '2026-02-01', rows.deployment);
    await run(
      `update tenant_invoices set status = 'issued', issued_at = now(), number = 'X-' || tenant_id where id in (?, ?)`,
      [paid, voided],
    );
    await run(`update tenant_invoices set paid_cents = 500, due_cents = 5000 where id = ?`, [paid]);
    await run(
      `update tenant_invoices set credited_cents = 5000, due_cents = 0, status = 'paid', paid_at = now() where id = ?`,
      [paid],
    );
    await run(
      `update tenant_invoices set status = 'void', voided_at = now(), void_reason = 'wrong', due_cents = 0 where id = ?`,
      [voided],
    );
    await expect(run(`update tenant_invoices set status = 'issued' where id = ?`, [voided])).rejects.toThrow(
      /can not become issued/,
    );
    expect(
      await run(`select status, due_cents from tenant_invoices where id in (?, ?) order by status`, [
        paid,
        voided,
      ]),
    ).toEqual([
      { status: 'paid', due_cents: '0' },
      { status: 'void', due_cents: '0' },
    ]);
  });
});

describe('a draft', () => {
  it('takes lines, changes and loses them, and can be deleted', async () => {
    const draft = await revenueSeeder(orm).draft('tenant-draft', 'draft', '2026-02-01', rows.deployment);
    await run(newLine, [draft]);
    await run('update tenant_invoice_lines set line_number = line_number + 10 where invoice_id = ?', [draft]);
    await run(
      'update tenant_invoices set subtotal_cents = 1, tax_cents = 0, total_cents = 1, due_cents = 1 where id = ?',
      [draft],
    );
    await run('delete from tenant_invoice_lines where invoice_id = ?', [draft]);
    await run('delete from invoice_adjustments where invoice_id = ?', [draft]);
    await run('delete from tenant_invoices where id = ?', [draft]);
    expect(await run('select 1 from tenant_invoice_inputs where invoice_id = ?', [draft])).toEqual([]);
  });

  it('waits with its lines for whoever issues it at the same time, and then refuses them', async () => {
    const draft = await revenueSeeder(orm).draft('tenant-race', 'race', '2026-02-01', rows.deployment);
    let adding: Promise<unknown> | undefined;
    await forSession(orm, systemSession).transactional(async (em) => {
      await em.execute(
        `update tenant_invoices set status = 'issued', issued_at = now(), number = 'RACE' where id = ?`,
        [draft],
      );
      adding = run(newLine, [draft]).then(
        () => 'added',
        (error: Error) => error.message,
      );
      // Until the other one waits for our lock.
      for (let waiting = 0; waiting === 0; ) {
        const [found] = await em.execute<{ waiting: number }[]>(
          `select count(*)::int as waiting from pg_locks where not granted and pid <> pg_backend_pid()`,
        );
        waiting = found?.waiting ?? 0;
      }
    });
    expect(await adding).toMatch(/change only while it is a draft/);
  });

  it.each([
    [`total_cents = 1, due_cents = 1`, /tenant_invoices_total/],
    [`due_cents = 1`, /tenant_invoices_due_amount/],
    [`number = 'INV-000001'`, /tenant_invoices_numbered/],
    [`status = 'issued'`, /tenant_invoices_numbered/],
  ])('adds up, and has a number from its issue on: %s is refused', async (change, constraint) => {
    await expect(run(`update tenant_invoices set ${change} where id = ?`, [rows.draft])).rejects.toThrow(
      constraint,
    );
  });

  it('is the only one of its tenant and month', async () => {
    const again = revenueSeeder(orm).draft('tenant-a', 'again', '2026-04-01', rows.deployment);
    await expect(again).rejects.toThrow(/tenant_invoices_identity/);
  });
});

describe('what the database holds beside', () => {
  it.each(['cloud_deployment_events', 'credit_notes', 'payments'])(
    'keeps %s as they were written, from the owner of the tables too',
    async (table) => {
      await expect(run(`update ${table} set tenant_id = 'tenant-b'`)).rejects.toThrow(/permission denied/);
      await expect(run(`delete from ${table}`)).rejects.toThrow(/permission denied/);
      const owner = await startOrm({ url: database.ownerUrl });
      try {
        for (const statement of [
          `update ${table} set tenant_id = 'x'`,
          `delete from ${table}`,
          `truncate ${table}`,
        ]) {
          const attempt = forSession(owner, systemSession).execute(statement);
          await expect(attempt).rejects.toThrow(new RegExp(`${table} is append-only`));
        }
      } finally {
        await owner.close(true);
      }
    },
  );

  it('keeps a deployment with its tenant', async () => {
    await expect(
      run(`update cloud_deployments set tenant_id = 'tenant-b' where id = ?`, [rows.deployment]),
    ).rejects.toThrow(/never changes tenant/);
  });

  it('keeps the terms of a published plan version and of its items', async () => {
    const frozen = /no longer change/;
    await expect(run('update plan_versions set base_price_cents = 1')).rejects.toThrow(frozen);
    await expect(run(`update plan_versions set status = 'draft'`)).rejects.toThrow(frozen);
    await expect(run('update plan_items set overage_price_cents = 2')).rejects.toThrow(frozen);
    await expect(run('delete from plan_items')).rejects.toThrow(frozen);
    await run(`update plan_versions set status = 'retired', retired_at = now()`);
  });

  it('knows the Australian GST from the start, and no document number yet', async () => {
    expect(await run('select country, name, rate, effective_from::text from tax_rates')).toEqual([
      { country: 'AU', name: 'GST', rate: '0.10', effective_from: '2000-07-01' },
    ]);
    expect(await run('select series, last from document_numbers order by series')).toEqual([
      { series: 'CN', last: '0' },
      { series: 'INV', last: '0' },
    ]);
  });
});
