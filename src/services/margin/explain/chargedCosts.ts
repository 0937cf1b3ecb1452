import type { EntityManager } from '@mikro-orm/postgresql';
import { labelOf } from '../../../domain/margin/figureLabel.ts';
import { Decimal, sum } from '../../../domain/money.ts';
import { CloudInvoice } from '../../../entities/cloudInvoice.ts';
import { ownedParts, type UnattributedReason } from '../costsByOwner.ts';
import { estimatedParts } from '../estimatedParts.ts';
import { type CostScope, costScope, inSnapshot, labelOfCosts, planned } from './costScope.ts';
import { chargedByEstimate } from './providerEstimate.ts';
import { chargedByInvoice, knownSince, linksOf, nameOfInvoice } from './providerInvoice.ts';
import {
  type FigureNamed,
  inWords,
  money,
  month,
  nameOf,
  type Part,
  type PartsPage,
  pageOf,
  type Resource,
  type Step,
} from './step.ts';

type ChargedCogs = FigureNamed<'charged_cogs'>;

/**
 * What providers charge a subject, exact, in their currency: by invoice or estimate, and of one of them by line. Of a deployment or
 * tenant, the lines of its own resources alone are read.
 * @returns undefined where there is nothing of it
 */
export function explainChargedCosts(
  em: EntityManager,
  figure: ChargedCogs,
  page: PartsPage,
): Promise<Step | undefined> {
  return inSnapshot(em, async (transaction) => {
    const scope = await costScope(transaction, figure.subject, figure.period);
    if (figure.invoiceId !== undefined)
      return chargedByInvoice(transaction, figure, figure.invoiceId, scope, page);
    if (figure.estimateId !== undefined) {
      return chargedByEstimate(transaction, figure, figure.estimateId, scope, page);
    }
    return bySource(transaction, figure, scope, page);
  });
}

interface SourceRow {
  source_id: string;
  amount: string;
  reasons: (UnattributedReason | null)[];
}

async function bySource(
  em: EntityManager,
  figure: ChargedCogs,
  scope: CostScope,
  page: PartsPage,
): Promise<Step | undefined> {
  const { period, subject, currency } = figure;
  const grouped = (id: string) =>
    `sum(part.amount)::text as amount, array_agg(distinct part.reason) as reasons, ${id} as source_id`;
  const invoiced = await planned(em, scope, () =>
    em.execute<SourceRow[]>(
      `${ownedParts('invoice.period_start = ?::date', scope.line)}
       select ${grouped('part.invoice_id')} from part where ${scope.part} and part.currency = ? group by part.invoice_id`,
      [period, ...scope.lineParameters, ...scope.partParameters, currency],
    ),
  );
  const invoices = await em.find(CloudInvoice, { id: { $in: invoiced.map((row) => row.source_id) } });
  const estimated = await em.execute<(SourceRow & { provider: string; estimated_at: string })[]>(
    `with ${estimatedParts}
     select ${grouped('part.estimate_id')}, estimate.provider, estimate.estimated_at
     from estimated_part part join estimate on estimate.id = part.estimate_id
     where ${scope.part} and part.currency = ? group by part.estimate_id, estimate.provider, estimate.estimated_at`,
    [period, period, ...scope.partParameters, currency],
  );
  const rows = [...invoiced, ...estimated];
  if (rows.length === 0) return undefined;
  const part = (
    row: SourceRow,
    what: string,
    next: Partial<ChargedCogs>,
    resources: readonly Resource[],
  ): Part => {
    const value = money(row.amount, currency);
    const basis = next.estimateId === undefined ? 'invoice' : 'estimate';
    return {
      key: row.source_id,
      what,
      counts: value,
      label: labelOfCosts(row.reasons.map((reason) => ({ basis, reason }))),
      next: { figure: { ...figure, ...next }, value },
      resources,
    };
  };
  const parts = [
    ...invoiced.flatMap((row) => {
      const invoice = invoices.find(({ id }) => id === row.source_id);
      return invoice === undefined
        ? []
        : [part(row, nameOfInvoice(invoice), { invoiceId: row.source_id }, linksOf(invoice))];
    }),
    ...estimated.map((row) =>
      part(
        row,
        `Estimate of ${row.provider}, made ${new Date(row.estimated_at).toISOString()}`,
        { estimateId: row.source_id },
        [{ type: 'estimate', period }],
      ),
    ),
  ];
  const value = money(sum(rows.map(({ amount }) => new Decimal(amount))), currency);
  const dates = [...invoices.map(knownSince), ...estimated.map(({ estimated_at }) => new Date(estimated_at))];
  return {
    figure,
    what: `COGS charged for ${month(period)}: ${nameOf(subject)}, in ${currency}`,
    value,
    label: labelOf(parts),
    asOf: new Date(Math.max(...dates.map(Number))),
    how: `What ${invoiced.length} invoices and ${estimated.length} estimates of providers charge, exact: ${inWords(value)}. ${charges(figure)}`,
    row: null,
    resources: [],
    combinedBy: 'sum',
    partsTotal: value,
    parts: pageOf(parts, page),
  };
}

/** By what rule a subject has its charges. */
function charges({ subject }: ChargedCogs): string {
  const { tenantId, deploymentId, bucket } = subject;
  if (tenantId !== undefined) {
    return deploymentId == null
      ? 'A line is the tenant’s for the time that its resource was in none of the deployments, by seconds.'
      : 'A line is the deployment’s for the time that its resource belonged to it, by seconds.';
  }
  if (bucket === 'unattributed') return 'Nobody bears it; each line says why.';
  return bucket === undefined ? '' : `No tenant bears what is ${bucket}.`;
}
