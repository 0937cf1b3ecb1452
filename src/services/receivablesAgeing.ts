import { IsolationLevel } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { addDays, type Day } from '../domain/calendar.ts';
import { safeCents } from '../domain/money.ts';
import type { KeysetPage } from './listInventory.ts';

/** What is outstanding in one currency, by how long it is overdue; integer cents. */
export interface Ageing {
  readonly currency: string;
  /** Invoices of which something is due or owed. */
  readonly invoices: number;
  /** Not yet due, the due day included. */
  readonly currentCents: number;
  readonly overdue1To30Cents: number;
  readonly overdue31To60Cents: number;
  readonly overdue61To90Cents: number;
  readonly overdueOver90Cents: number;
  /** The sum of all that is due. */
  readonly dueCents: number;
  /** What was paid or credited beyond the total, above zero; it is not taken from what is due. */
  readonly owedToTenantCents: number;
}
export interface TenantAgeing extends Ageing {
  readonly tenantId: string;
}

export interface AgeingKey {
  readonly tenant: string;
  readonly currency: string;
}

const sums = [
  'currentCents',
  'overdue1To30Cents',
  'overdue31To60Cents',
  'overdue61To90Cents',
  'overdueOver90Cents',
  'dueCents',
  'owedToTenantCents',
] as const;
type SumName = (typeof sums)[number];
type RowOfSql<Row extends Ageing> = Omit<Row, SumName> & Record<SumName, string>;

/**
 * What an invoice had due at the end of a day: what it has due now, with what was paid, credited or voided since put back.
 * A payment counts from the day on which it was made, or from the one on which we heard of it where that is earlier.
 */
const outstanding = `
  select invoice.tenant_id, invoice.currency, ?::date - invoice.due_on as days,
    case when invoice.status = 'void' then invoice.total_cents else invoice.due_cents end
      + coalesce(payment.later, 0) + coalesce(credit.later, 0) as due
  from tenant_invoices invoice
  left join (
    select invoice_id, sum(amount_cents) as later from payments
    where least(paid_on, (received_at at time zone 'UTC')::date) > ?::date group by invoice_id
  ) payment on payment.invoice_id = invoice.id
  left join (
    select invoice_id, sum(total_cents) as later from credit_notes where issued_at >= ?::timestamptz group by invoice_id
  ) credit on credit.invoice_id = invoice.id
  where invoice.issued_at < ?::timestamptz and (invoice.voided_at is null or invoice.voided_at >= ?::timestamptz)`;

const buckets = `count(*)::int as invoices,
  coalesce(sum(due) filter (where due > 0 and days <= 0), 0)::text as "currentCents",
  coalesce(sum(due) filter (where due > 0 and days between 1 and 30), 0)::text as "overdue1To30Cents",
  coalesce(sum(due) filter (where due > 0 and days between 31 and 60), 0)::text as "overdue31To60Cents",
  coalesce(sum(due) filter (where due > 0 and days between 61 and 90), 0)::text as "overdue61To90Cents",
  coalesce(sum(due) filter (where due > 0 and days > 90), 0)::text as "overdueOver90Cents",
  coalesce(sum(due) filter (where due > 0), 0)::text as "dueCents",
  coalesce(-sum(due) filter (where due < 0), 0)::text as "owedToTenantCents"`;

/**
 * The receivables as they stood at the end of a day (UTC), for each tenant and currency with anything outstanding, by tenant; and the
 * totals of all of them by currency, whichever page is read.
 */
export function receivablesAgeing(
  em: EntityManager,
  asOf: Day,
  page?: KeysetPage<AgeingKey>,
): Promise<{ tenants: TenantAgeing[]; totals: Ageing[] }> {
  const end = `${addDays(asOf, 1)}T00:00:00Z`;
  const moment = [asOf, asOf, end, end, end];
  return em.transactional(
    async (transaction) => {
      const tenants = await transaction.execute<RowOfSql<TenantAgeing>[]>(
        `select tenant_id as "tenantId", currency, ${buckets} from (${outstanding}) as outstanding
         where due <> 0 and (?::text is null or (tenant_id collate "C", currency) > (?, ?))
         group by tenant_id, currency
         order by tenant_id collate "C", currency
         limit ?`,
        [
          ...moment,
          page?.after?.tenant ?? null,
          page?.after?.tenant ?? null,
          page?.after?.currency ?? null,
          page === undefined ? null : page.limit + 1,
        ],
      );
      const totals = await transaction.execute<RowOfSql<Ageing>[]>(
        `select currency, ${buckets} from (${outstanding}) as outstanding
         where due <> 0 group by currency order by currency`,
        moment,
      );
      return {
        tenants: tenants.map((row) => ({ ...row, ...readSums(row) })),
        totals: totals.map((row) => ({ ...row, ...readSums(row) })),
      };
    },
    { isolationLevel: IsolationLevel.REPEATABLE_READ, readOnly: true },
  );
}

function readSums(row: Record<SumName, string>): Record<SumName, number> {
  return Object.fromEntries(sums.map((name) => [name, safeCents(row[name])])) as Record<SumName, number>;
}
