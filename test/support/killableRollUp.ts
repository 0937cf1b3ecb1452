import { expect } from '@jest/globals';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { rollUpPeriod } from '../../src/workflows/index.ts';
import type { RollUpPeriodResult } from '../../src/workflows/rollUpMessages.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { billingWorld } from '../services/rollup/billingWorld.ts';
import type { KillableStack } from './killableStack.ts';
import { until } from './killableWait.ts';

export const period = '2026-04-01';
const tenants = 60;
/** So small that the run has many boundaries between batches. */
const batchSize = 2;
/** Any number does that the service itself doesn't lock. */
const WRITE_LOCK = 4_005_004;

const tenantNamed = (index: number) => `tenant-${String(index).padStart(4, '0')}`;
const heldTenant = tenantNamed(30);

/** Tenants of whom each has one cent more overage than the one before. */
export async function seedTenants(stack: KillableStack): Promise<void> {
  const client = await stack.connect();
  try {
    const billing = billingWorld((sql, parameters) => {
      const [first = '', ...rest] = sql.split('?');
      const numbered = rest.reduce((text, part, index) => `${text}$${index + 1}${part}`, first);
      return client.query(numbered, parameters);
    });
    await billing.seedCatalog();
    await billing.closeMonth(period);
    for (let index = 0; index < tenants; index += 1) {
      const deploymentId = await billing.deployment({
        tenantId: tenantNamed(index),
        plan: 'studio',
        startsOn: period,
      });
      await billing.use({
        deploymentId,
        kind: 'droplet_hours',
        from: period,
        until: '2026-04-02',
        quantity: String((1488 + index) * 3600),
      });
    }
  } finally {
    await client.end();
  }
}

export async function startRollUp(stack: KillableStack): Promise<void> {
  await stack.withTemporal((client) =>
    client.workflow.start<typeof rollUpPeriod>('rollUpPeriod', {
      workflowId: workflowIds.rollUpPeriod(period),
      taskQueue: taskQueues.billing,
      args: [{ period, batchSize }],
    }),
  );
}

const rollUpResult = (stack: KillableStack): Promise<RollUpPeriodResult> =>
  stack.withTemporal((client) =>
    client.workflow.result<typeof rollUpPeriod>(workflowIds.rollUpPeriod(period)),
  );

export async function countInvoices(stack: KillableStack): Promise<number> {
  const [row] = await stack.query<{ count: number }>('select count(*)::int as count from tenant_invoices');
  return row?.count ?? -1;
}

export const untilInvoiced = (stack: KillableStack, atLeast: number): Promise<number> =>
  until(`${atLeast} tenants are invoiced`, async () => {
    const count = await countInvoices(stack);
    return count >= atLeast ? count : undefined;
  });

export interface HeldWrite {
  /** Waits until the batch of the held tenant has come to the point, and all the others are done. */
  untilAlone(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Has the batch of one tenant come to a halt: `in_write` after its invoices and before their lines, `in_commit` in COMMIT itself, which
 * goes through once the hold ends, whether or not the client still lives.
 */
export async function holdWrite(stack: KillableStack, point: 'in_write' | 'in_commit'): Promise<HeldWrite> {
  const connection = await stack.connect();
  await connection.query(`select pg_advisory_lock(${WRITE_LOCK})`);
  await connection.query(`create function wait_in_write() returns trigger language plpgsql as
    $$ begin perform pg_advisory_xact_lock_shared(${WRITE_LOCK}); return null; end $$`);
  const when = `when (new.tenant_id = '${heldTenant}') execute function wait_in_write()`;
  await connection.query(
    point === 'in_write'
      ? `create trigger wait_in_write after insert on tenant_invoices for each row ${when}`
      : `create constraint trigger wait_in_write after insert on tenant_invoices deferrable initially deferred for each row ${when}`,
  );
  return {
    async untilAlone() {
      await untilInvoiced(stack, tenants - batchSize);
      await until('the batch waits', async () => {
        const [row] = await stack.query<{ count: number }>(
          `select count(*)::int as count from pg_locks where not granted and locktype = 'advisory' and objid = ${WRITE_LOCK}`,
        );
        return row?.count === 1 ? true : undefined;
      });
    },
    release: () => connection.end(),
  };
}

/** Every tenant has exactly one invoice, whole and to the cent, and the run says so. */
export async function expectWholeRollUp(stack: KillableStack): Promise<void> {
  expect(await rollUpResult(stack)).toMatchObject({ period, tenants, failed: 0, skipped: 0 });
  const stored = await stack.query(
    `select tenant_id, subtotal_cents::int as subtotal, tax_cents::int as tax, total_cents::int as total,
       (select array_agg(type || ' ' || amount_cents order by line_number) from tenant_invoice_lines where invoice_id = invoice.id) as lines,
       (select count(*)::int from tenant_invoice_inputs where invoice_id = invoice.id) as inputs
     from tenant_invoices invoice order by tenant_id`,
  );
  expect(stored).toEqual(
    Array.from({ length: tenants }, (_, index) => {
      const subtotal = 5000 + index;
      const tax = Math.round(subtotal / 10);
      return {
        tenant_id: tenantNamed(index),
        subtotal,
        tax,
        total: subtotal + tax,
        lines: ['plan_base 5000', ...(index === 0 ? [] : [`overage ${index}`]), `tax ${tax}`],
        inputs: 1,
      };
    }),
  );
  expect(
    await stack.query(
      `select state, tenants, invoiced, failed, checked_at is not null as is_checked from period_ledger where state <> 'issued'
       union all select 'rolled_up', tenants, invoiced, failed, checked_at is not null from period_ledger where state = 'issued'`,
    ),
  ).toEqual([{ state: 'rolled_up', tenants, invoiced: tenants, failed: 0, is_checked: true }]);
}
