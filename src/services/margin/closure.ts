import { IsolationLevel } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Decimal, sum } from '../../domain/money.ts';
import type { Period } from '../../domain/period.ts';
import { type CostBucket, costBuckets, costsByOwner, type OwnerCost } from './costsByOwner.ts';
import { readEstimatesInForce } from './estimatedParts.ts';

/** What a provider states that a period costs, and who bears it; decimal strings. */
export interface CogsClosure {
  readonly provider: string;
  readonly currency: string;
  /** What states it: the provider's invoices or, without any, its estimate. */
  readonly basis: OwnerCost['basis'];
  /** The sum of the invoices, or the amount of the estimate, as the provider states it. */
  readonly invoiced: string;
  readonly buckets: Readonly<Record<CostBucket, string>>;
  /** Invoiced − the buckets; anything but zero is a fault. */
  readonly difference: string;
}

/** What the invoices of a period to tenants come to, and their lines; cents. A void invoice counts for nothing. */
export interface RevenueClosure {
  readonly currency: string;
  readonly invoices: number;
  /** Before tax, as the invoices say, and as their lines do. */
  readonly subtotalCents: string;
  readonly lineCents: string;
  readonly taxCents: string;
  readonly taxLineCents: string;
}

/** A row that keeps the books from closing. */
export interface ClosureFault {
  readonly code: 'costs_differ' | 'invoice_differs' | 'tenant_without_invoice';
  /** The provider, invoice or tenant. */
  readonly subject: string;
  readonly message: string;
}

export interface Closure {
  readonly period: Period;
  readonly cogs: readonly CogsClosure[];
  readonly revenue: readonly RevenueClosure[];
  /** At most 100. */
  readonly faults: readonly ClosureFault[];
}

/**
 * Whether the books of a period close: every cent of the provider's invoices is somebody's or in a bucket, every invoice to a tenant
 * is the sum of its lines, and every tenant that the rollup counted as invoiced has an invoice. All of one moment.
 */
export function closureOf(em: EntityManager, period: Period): Promise<Closure> {
  return em.transactional(
    async (transaction) => {
      const cogs = await cogsClosures(transaction, period);
      const revenue = await revenueClosures(transaction, period);
      return {
        period,
        cogs,
        revenue: revenue.map(({ differing: _, ...side }) => side),
        faults: [
          ...cogs.filter(({ difference }) => !new Decimal(difference).isZero()).map(costFault),
          ...revenue.flatMap(({ differing }) => differing.map(invoiceFault)),
          ...(await worklistFaults(transaction, period)),
        ].slice(0, mostFaults),
      };
    },
    { isolationLevel: IsolationLevel.REPEATABLE_READ },
  );
}

const mostFaults = 100;

async function cogsClosures(em: EntityManager, period: Period): Promise<CogsClosure[]> {
  const invoiced = await em.execute<{ provider: string; currency: string; amount: string }[]>(
    `select provider, currency, trim_scale(sum(amount))::text as amount from cloud_invoices where period_start = ?
     group by provider, currency order by provider, currency`,
    [period],
  );
  const estimated = await readEstimatesInForce(em, { first: period, last: period });
  const stated = [
    ...invoiced.map((one) => ({ ...one, basis: 'invoice' as const })),
    ...estimated.map((one) => ({ ...one, basis: 'estimate' as const })),
  ];
  const costs = await costsByOwner(em, { first: period, last: period }, 'buckets');
  // A cost in a currency that nothing the provider stated is in would be lost here, so each is asked for.
  const keys = new Map(
    [...stated, ...costs].map(({ provider, currency, basis }) => [
      JSON.stringify([provider, currency, basis]),
      { provider, currency, basis },
    ]),
  );
  return [...keys.values()].map(({ provider, currency, basis }) => {
    const isHere = (row: { provider: string; currency: string; basis: string }) =>
      row.provider === provider && row.currency === currency && row.basis === basis;
    const amount = new Decimal(stated.find(isHere)?.amount ?? 0);
    const own = costs.filter(isHere);
    const totalOf = (rows: readonly OwnerCost[]) => sum(rows.map((cost) => new Decimal(cost.amount)));
    const inBucket = (bucket: CostBucket) => own.filter((cost) => cost.bucket === bucket);
    return {
      provider,
      currency,
      basis,
      invoiced: amount.toFixed(),
      buckets: Object.fromEntries(
        costBuckets.map((bucket) => [bucket, totalOf(inBucket(bucket)).toFixed()]),
      ) as Record<CostBucket, string>,
      difference: amount.minus(totalOf(own)).toFixed(),
    };
  });
}

const costFault = ({ provider, currency, basis, invoiced, difference }: CogsClosure): ClosureFault => ({
  code: 'costs_differ',
  subject: provider,
  message: `${provider} ${basis === 'invoice' ? 'invoiced' : 'estimates'} ${invoiced} ${currency}, of which ${difference} is in no bucket`,
});

interface DifferingInvoice {
  readonly id: string;
  readonly tenant_id: string;
  readonly subtotal: string;
  readonly lines: string;
  readonly tax: string;
  readonly tax_lines: string;
}

/** By currency, with the invoices that are not the sum of their lines. */
function revenueClosures(
  em: EntityManager,
  period: Period,
): Promise<(RevenueClosure & { readonly differing: readonly DifferingInvoice[] })[]> {
  return em.execute(
    `with invoice as materialized (
       select id, tenant_id, currency, subtotal_cents, tax_cents from tenant_invoices where period_start = ? and status <> 'void'
     ),
     summed as materialized (
       select invoice.*, coalesce(sum(line.amount_cents) filter (where line.type <> 'tax'), 0) as line_cents,
         coalesce(sum(line.amount_cents) filter (where line.type = 'tax'), 0) as tax_line_cents
       from invoice left join tenant_invoice_lines line on line.invoice_id = invoice.id
       group by invoice.id, invoice.tenant_id, invoice.currency, invoice.subtotal_cents, invoice.tax_cents
     ),
     differing as (
       select id, tenant_id, currency, subtotal_cents::text as subtotal, line_cents::text as lines, tax_cents::text as tax,
         tax_line_cents::text as tax_lines
       from summed where subtotal_cents <> line_cents or tax_cents <> tax_line_cents order by tenant_id limit ${mostFaults}
     )
     select currency, count(*)::int as invoices, sum(subtotal_cents)::text as "subtotalCents", sum(line_cents)::text as "lineCents",
       sum(tax_cents)::text as "taxCents", sum(tax_line_cents)::text as "taxLineCents",
       (select coalesce(jsonb_agg(to_jsonb(differing) order by tenant_id), '[]') from differing where differing.currency = summed.currency)
         as differing
     from summed group by currency order by currency`,
    [period],
  );
}

const invoiceFault = (invoice: DifferingInvoice): ClosureFault => ({
  code: 'invoice_differs',
  subject: invoice.id,
  message: `the invoice of tenant "${invoice.tenant_id}" says ${invoice.subtotal} and ${invoice.tax} cents of tax, its lines ${invoice.lines} and ${invoice.tax_lines}`,
});

async function worklistFaults(em: EntityManager, period: Period): Promise<ClosureFault[]> {
  const rows = await em.execute<{ tenant_id: string }[]>(
    `select tenant_id from rollup_worklist worklist
     where period_start = ? and state in ('done', 'existing') and not exists (
       select from tenant_invoices invoice where invoice.tenant_id = worklist.tenant_id and invoice.period_start = worklist.period_start)
     order by tenant_id limit ${mostFaults}`,
    [period],
  );
  return rows.map(({ tenant_id }) => ({
    code: 'tenant_without_invoice',
    subject: tenant_id,
    message: `the rollup counts tenant "${tenant_id}" as invoiced, but there is no invoice`,
  }));
}
