import type { EntityManager } from '@mikro-orm/postgresql';
import type { FigureLabel } from '../../../domain/margin/figureLabel.ts';
import type { InvoiceInputs, InvoiceLine } from '../../../domain/tenantInvoice.ts';
import { accruedRevenue } from '../accruedRevenue.ts';
import { liveAccrual, runningPeriod } from '../liveAccrual.ts';
import { repriceMonth } from './lateMonth.ts';
import { explainLine } from './pricedLine.ts';
import {
  centsOf,
  type Figure,
  type FigureNamed,
  inWords,
  month,
  nameOf,
  numberKey,
  type Part,
  type PartsPage,
  pageOf,
  type Step,
  totalOf,
} from './step.ts';

/** Lines that no invoice has: they are priced when they are asked for. */
interface PricedLines {
  readonly tenantId: string;
  readonly currency: string;
  readonly inputs: InvoiceInputs | null;
  readonly lines: readonly InvoiceLine[];
}

/** What the running month accrues to a deployment. @returns undefined where it accrues nothing, or can't be priced */
async function accrued(
  em: EntityManager,
  subject: { readonly tenantId: string; readonly deploymentId: string },
  now: Date,
): Promise<PricedLines | undefined> {
  const { tenantId, deploymentId } = subject;
  const { tenants } = await liveAccrual(em, { tenantIds: [tenantId], now });
  const [tenant] = tenants;
  const deployment = tenant?.deployments.find((one) => one.deploymentId === deploymentId);
  if (tenant === undefined || deployment === undefined || tenant.currency === null) return undefined;
  return { tenantId, currency: tenant.currency, inputs: tenant.inputs, lines: deployment.lines };
}

/**
 * The revenue that the running month accrues: of a deployment its lines, of a kind the deployments that it is charged to.
 * @returns undefined for another month, or where nothing accrues
 */
export async function explainAccruedRevenue(
  em: EntityManager,
  figure: FigureNamed<'accrued_revenue'>,
  page: PartsPage,
  now: Date,
): Promise<Step | undefined> {
  const { period, subject, currency } = figure;
  if (period !== runningPeriod(now)) return undefined;
  const parts = await accruedParts(em, figure, now);
  if (parts === undefined) return undefined;
  const value = totalOf(parts, centsOf(0, currency));
  return {
    figure,
    what: `Revenue that ${month(period)} accrues: ${nameOf(subject)}, in ${currency}`,
    value,
    label: 'estimated',
    asOf: now,
    how: `What the month would be invoiced at if nothing more was used or changed, before tax: ${inWords(value)}.`,
    row: null,
    resources: subject.deploymentId == null ? [] : [{ type: 'deployment', id: subject.deploymentId }],
    combinedBy: 'sum',
    partsTotal: value,
    parts: pageOf(parts, page),
  };
}

async function accruedParts(
  em: EntityManager,
  { period, subject, currency }: FigureNamed<'accrued_revenue'>,
  now: Date,
): Promise<Part[] | undefined> {
  const { tenantId, deploymentId, kind } = subject;
  if (tenantId !== undefined && deploymentId != null) {
    const found = await accrued(em, { tenantId, deploymentId }, now);
    if (found === undefined || found.currency !== currency) return undefined;
    return found.lines.flatMap((line, index): Part[] =>
      kind === undefined || kind === (line.resourceKind ?? line.type)
        ? [
            linePart(
              { name: 'accrued_line', period, tenantId, deploymentId, line: index + 1 },
              line,
              currency,
              'estimated',
            ),
          ]
        : [],
    );
  }
  const rows = (await accruedRevenue(em, now)).filter(
    (row) => row.kind === kind && row.currency === currency,
  );
  if (rows.length === 0) return undefined;
  return rows.map(
    (row): Part => ({
      key: `${row.tenantId} ${row.deploymentId ?? ''}`,
      what: `${nameOf({ tenantId: row.tenantId, deploymentId: row.deploymentId })}`,
      counts: centsOf(row.cents, currency),
      label: row.label,
      next: {
        figure: {
          name: 'accrued_revenue',
          period,
          subject: { tenantId: row.tenantId, deploymentId: row.deploymentId, kind: row.kind },
          currency,
        },
        value: centsOf(row.cents, currency),
      },
      resources: [],
    }),
  );
}

/** A month that was priced again for late usage. @returns undefined where nothing of it is billed */
export async function explainLateMonth(
  em: EntityManager,
  figure: FigureNamed<'late_month'>,
  page: PartsPage,
  now: Date,
): Promise<Step | undefined> {
  const { deploymentId, period } = figure;
  const found = await repriceMonth(em, figure);
  if (found === undefined) return undefined;
  const value = centsOf(found.cents, found.currency);
  const parts = found.lines.map((line, index) =>
    linePart({ name: 'late_line', deploymentId, period, line: index + 1 }, line, found.currency, 'adjusted'),
  );
  return {
    figure,
    what: `${month(period)} of deployment ${deploymentId}, priced again`,
    value,
    label: 'adjusted',
    asOf: now,
    how: `The terms that the month was invoiced by, with its usage as it is known now: ${inWords(value)}, gateway charges apart.`,
    row: null,
    resources: [{ type: 'deployment', id: deploymentId }],
    combinedBy: 'sum',
    partsTotal: value,
    parts: pageOf(parts, page),
  };
}

function linePart(
  figure: Figure & { line: number },
  line: InvoiceLine,
  currency: string,
  label: FigureLabel,
): Part {
  const value = centsOf(line.amountCents, currency);
  return {
    key: numberKey(figure.line),
    what: line.description,
    counts: value,
    label,
    next: { figure, value },
    resources: [],
  };
}

/** How a line of the running month's accrual is priced. @returns undefined where there is no such line */
export async function explainAccruedLine(
  em: EntityManager,
  figure: FigureNamed<'accrued_line'>,
  page: PartsPage,
  now: Date,
): Promise<Step | undefined> {
  if (figure.period !== runningPeriod(now)) return undefined;
  return lineStep(em, figure, await accrued(em, figure, now), 'estimated', page, now);
}

/** How a line of a month that was priced again is priced. @returns undefined where there is no such line */
export async function explainLateLine(
  em: EntityManager,
  figure: FigureNamed<'late_line'>,
  page: PartsPage,
  now: Date,
): Promise<Step | undefined> {
  return lineStep(em, figure, await repriceMonth(em, figure), 'adjusted', page, now);
}

async function lineStep(
  em: EntityManager,
  figure: FigureNamed<'accrued_line' | 'late_line'>,
  found: PricedLines | undefined,
  label: FigureLabel,
  page: PartsPage,
  now: Date,
): Promise<Step | undefined> {
  const line = found?.lines[figure.line - 1];
  if (found === undefined || line === undefined) return undefined;
  const explained = await explainLine(em, { line, currency: found.currency, inputs: found.inputs }, now);
  return {
    figure,
    what: `${line.description}, ${month(figure.period)} of deployment ${figure.deploymentId}`,
    value: centsOf(line.amountCents, found.currency),
    label,
    asOf: now,
    row: null,
    ...explained,
    parts: pageOf(explained.parts, page),
  };
}
