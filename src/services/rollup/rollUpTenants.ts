import { randomUUID } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Period } from '../../domain/period.ts';
import { priceInvoice } from '../../domain/tenantInvoice.ts';
import { arrayLiteral } from '../arrayLiteral.ts';
import { executeBound } from '../boundStatement.ts';
import { loadInvoiceInputs, type TenantInputs } from './loadInvoiceInputs.ts';
import { isFault, orFault, type TenantFault } from './tenantFault.ts';
import { type Draft, writeDrafts } from './writeDrafts.ts';

/** Which tenants of the frozen worklist: those of `[from, until)`, or those that are named. */
export type WorklistPart =
  | { readonly from: number; readonly until: number }
  | { readonly tenantIds: readonly string[] };

export interface RollUpTenants {
  readonly period: Period;
  readonly part: WorklistPart;
  /** Computes drafts anew that are there; else what is there stays as it is. */
  readonly force: boolean;
  readonly now: Date;
}

/** What became of the tenants of a part that were still to do. */
export interface RollUpCounts {
  /** Got their invoice, or had their draft computed anew. */
  readonly invoiced: number;
  /** Had one that stays, be it void. */
  readonly existing: number;
  readonly failed: number;
}

interface WorkRow {
  tenant_id: string;
  /** Of the invoice that is there; a void one only where there is no other. */
  invoice_id: string | null;
}

interface Outcome {
  readonly tenantId: string;
  readonly state: 'done' | 'existing' | 'failed';
  readonly invoiceId: string | null;
  readonly fault: TenantFault | null;
}

/**
 * Prices and writes the invoices of some tenants in one transaction: drafts with their lines and inputs, and what became of each in the
 * worklist. Tenants that are not pending any more are left alone, so that doing it again changes nothing. A tenant that can't be priced
 * is set aside as failed, with the reason; what the database refuses is thrown, and nothing is kept.
 */
export async function rollUpTenants(em: EntityManager, input: RollUpTenants): Promise<RollUpCounts> {
  return em.transactional(async (transaction) => {
    const work = await lockWork(transaction, input);
    if (work.length === 0) return { invoiced: 0, existing: 0, failed: 0 };
    const drafts = input.force ? await lockDrafts(transaction, work) : new Set<string>();
    const [kept, open] = partition(work, ({ invoice_id: id }) => id !== null && !drafts.has(id));
    const loaded = await loadInvoiceInputs(transaction, {
      period: input.period,
      requests: open.map((row) => ({ tenantId: row.tenant_id, inPlaceOf: row.invoice_id })),
      lock: true,
    });
    const priced = open.map((row) => ({ row, draft: toDraft(row, loaded.get(row.tenant_id)) }));
    const written = priced.flatMap(({ draft }) => (isFault(draft) ? [] : [draft]));
    await writeDrafts(transaction, { period: input.period, drafts: written, now: input.now });
    const outcomes: Outcome[] = [
      ...kept.map((row) => ({
        tenantId: row.tenant_id,
        state: 'existing' as const,
        invoiceId: row.invoice_id,
        fault: null,
      })),
      ...priced.map(({ row, draft }) =>
        isFault(draft)
          ? { tenantId: row.tenant_id, state: 'failed' as const, invoiceId: row.invoice_id, fault: draft }
          : { tenantId: row.tenant_id, state: 'done' as const, invoiceId: draft.id, fault: null },
      ),
    ];
    await recordOutcomes(transaction, input, outcomes);
    return { invoiced: written.length, existing: kept.length, failed: open.length - written.length };
  });
}

/** Locked in one order, so that a second attempt waits for the first and then finds nothing to do. */
function lockWork(
  em: EntityManager,
  { period, part }: Pick<RollUpTenants, 'period' | 'part'>,
): Promise<WorkRow[]> {
  const [condition, parameters] =
    'tenantIds' in part
      ? [`work.tenant_id = any(?::text[])`, [arrayLiteral(part.tenantIds)]]
      : ['work.position >= ? and work.position < ?', [part.from, part.until]];
  return em.execute<WorkRow[]>(
    `with work as materialized (
       select tenant_id, position from rollup_worklist work
       where work.period_start = ?::date and ${condition} and work.state = 'pending' order by work.position for update
     )
     select work.tenant_id, invoice.id as invoice_id from work
     left join lateral (
       select id from tenant_invoices
       where tenant_id = work.tenant_id and period_start = ?::date
       order by (status = 'void'), created_at desc limit 1
     ) invoice on true
     order by work.position`,
    [period, ...parameters, period],
  );
}

/** Which of the invoices are drafts; they stay drafts until the transaction ends. */
async function lockDrafts(em: EntityManager, work: readonly WorkRow[]): Promise<ReadonlySet<string>> {
  const rows = await em.execute<{ id: string }[]>(
    `select id from tenant_invoices where id = any(?::uuid[]) and status = 'draft'
     order by id for update`,
    [arrayLiteral(work.flatMap(({ invoice_id: id }) => id ?? []))],
  );
  return new Set(rows.map(({ id }) => id));
}

function toDraft(row: WorkRow, loaded: TenantInputs | TenantFault | undefined): Draft | TenantFault {
  if (loaded === undefined) throw new Error(`tenant ${row.tenant_id} was not loaded`);
  if (isFault(loaded)) return loaded;
  return orFault(() => ({
    ...loaded,
    id: row.invoice_id ?? randomUUID(),
    priced: priceInvoice(loaded.inputs),
    isThere: row.invoice_id !== null,
    replaces: null,
  }));
}

/**
 * By an array of tenants instead of a join: the policies' conditions have PostgreSQL expect a row at most, and it would compare each
 * tenant of the month with each outcome.
 */
async function recordOutcomes(
  em: EntityManager,
  { period, now }: Pick<RollUpTenants, 'period' | 'now'>,
  outcomes: readonly Outcome[],
): Promise<void> {
  const byTenant = outcomes.map(({ tenantId, state, invoiceId, fault }) => [
    tenantId,
    { state, problem: fault?.code ?? null, message: fault?.message ?? null, invoice_id: invoiceId },
  ]);
  await executeBound(
    em,
    `with batch as materialized (select $1::jsonb as outcomes)
     update rollup_worklist work set state = outcomes -> work.tenant_id ->> 'state', problem = outcomes -> work.tenant_id ->> 'problem',
       message = outcomes -> work.tenant_id ->> 'message', invoice_id = (outcomes -> work.tenant_id ->> 'invoice_id')::uuid,
       attempts = work.attempts + 1, updated_at = $2
     from batch
     where work.period_start = $3::date and work.tenant_id = any($4::text[])`,
    [
      JSON.stringify(Object.fromEntries(byTenant)),
      now,
      period,
      arrayLiteral(outcomes.map(({ tenantId }) => tenantId)),
    ],
  );
}

function partition<Item>(items: readonly Item[], isFirst: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
