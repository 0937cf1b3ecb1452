import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import { withClient } from '../../../bench/benchDatabase.ts';
import { fillMarginBooks } from '../../../bench/marginBooks.ts';
import { connectionUrl } from '../../../dev/stack/databaseRoles.ts';
import { type Period, shiftPeriod } from '../../../src/domain/period.ts';
import type { SharedCostMethod } from '../../../src/entities/sharedCostPolicy.ts';
import { startOrm } from '../../../src/orm.ts';
import { runningPeriod } from '../../../src/services/margin/liveAccrual.ts';
import { marginPages, marginSummary } from '../../../src/services/margin/marginSummary.ts';
import { createSharedCostPolicy } from '../../../src/services/margin/sharedCostPolicies.ts';
import { forSession, systemSession } from '../../../src/session.ts';
import { testPostgresUrl } from '../../support/addresses.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { admin } from '../invoiceWorld.ts';

const now = new Date();
const running = runningPeriod(now);
const last = shiftPeriod(running, -1);

/** A year of 90 tenants: two currencies on both sides, moves in the middle of months, tax, credits, shared and unmatched cost. */
let database: TestDatabase;
let orm: MikroORM;
const em = () => forSession(orm, systemSession);
beforeAll(async () => {
  database = await createTestDatabase();
  orm = await startOrm({ url: database.appUrl, poolSize: 2 });
  const server = new URL(testPostgresUrl());
  const adminUrl = connectionUrl(
    server.href,
    new URL(database.appUrl).pathname.slice(1),
    decodeURIComponent(server.username),
    decodeURIComponent(server.password),
  );
  await withClient(adminUrl, async (superuser) => {
    await fillMarginBooks(superuser, running, 180);
    // What the triggers would not let happen to an issued invoice: a manual line, one that has nothing else, a draft.
    await superuser.query('set session_replication_role = replica');
    await superuser.query(
      `insert into tenant_invoice_lines (invoice_id, tenant_id, line_number, type, description, qty, unit, unit_price_cents, amount_cents,
         service_period, meta)
       select id, tenant_id, 99, 'adjustment', 'by hand', 1, 'each', 123, 123, period_start, '{}' from tenant_invoices where tenant_id like '%3'`,
    );
    await superuser.query(
      `update tenant_invoices set subtotal_cents = subtotal_cents + 123, total_cents = total_cents + 123, due_cents = due_cents + 123
       where tenant_id like '%3'`,
    );
    await superuser.query(
      `delete from tenant_invoice_lines where tenant_id = 'tenant-0000023' and type not in ('tax', 'adjustment')`,
    );
    await superuser.query(
      `update tenant_invoices set subtotal_cents = 123, total_cents = 123 + tax_cents, due_cents = 123 + tax_cents - credited_cents
       where tenant_id = 'tenant-0000023'`,
    );
    await superuser.query(
      `update tenant_invoices set status = 'draft', number = null, issued_at = null where tenant_id in ('tenant-0000041', 'tenant-0000033')`,
    );
    await superuser.query(
      `update cloud_invoices set ingest_status = 'held' where provider = 'europe' and period_start = $1`,
      [shiftPeriod(last, -1)],
    );
    // Not subscribed any more, still charged for, and not to be priced: plan and tenant have other currencies.
    await superuser.query(`update subscriptions set status = 'paused' where tenant_id = 'tenant-0000011'`);
    await superuser.query(
      `insert into billing_profiles (tenant_id, country, currency, updated_at) values ('tenant-0000011', 'FR', 'EUR', now())`,
    );
    await superuser.query('set session_replication_role = origin');
  });
}, 60_000);
afterAll(async () => {
  await orm?.close(true);
  await database?.drop();
});

const methods: readonly (readonly [Period, SharedCostMethod])[] = [
  [shiftPeriod(last, -2), 'none'],
  [shiftPeriod(last, -1), 'even'],
  [last, 'direct_cost'],
  [running, 'usage'],
];

describe('a page of the margin', () => {
  it.each(methods)(
    'of %s, with shared cost by %s, says what the whole summary says',
    async (period, method) => {
      await createSharedCostPolicy(
        em(),
        { method, resourceKind: method === 'usage' ? 'droplet_hours' : null, effectiveFrom: period },
        { actor: admin, now, reason: 'a test' },
      );
      const whole = await marginSummary(em(), period, 'AUD', now);
      const ids = whole.tenants.map(({ tenantId }) => tenantId);

      const pages = await marginPages(em(), { period, reportingCurrency: 'AUD', now }, [
        { after: undefined, limit: 50 },
        { after: ids[49], limit: 50 },
        { after: ids[20], limit: 1 },
        { after: ids.at(-1), limit: 50 },
      ]);

      expect(ids.length).toBe(90);
      expect(pages.map((page) => page.tenants)).toEqual([
        whole.tenants.slice(0, 50),
        whole.tenants.slice(50),
        whole.tenants.slice(21, 22),
        [],
      ]);
      const { tenants: _, ...totals } = whole;
      for (const { tenants: __, ...own } of pages) expect(own).toEqual(totals);
    },
  );
});
