import { z } from 'zod';
import { matchOutcomes } from '../domain/matching.ts';
import { resourceKinds } from '../domain/resourceKind.ts';
import type { CloudCostLine } from '../entities/cloudCostLine.ts';
import { type CostLines, listCostLines, totalsOf } from '../services/listCostLines.ts';
import { countingId, cursorOf, toPage } from './pages.ts';
import { defineRoute, type Route } from './route.ts';
import {
  amount,
  count,
  currency,
  instant,
  invoiceId,
  json,
  limit,
  pageOf,
  period,
  toAmount,
  toInstant,
  uuid,
} from './schemas.ts';

const costLine = z
  .strictObject({
    id: z.string(),
    invoice_uuid: z.string(),
    version: z.int(),
    line_number: z.int(),
    period,
    product: z.string(),
    group_description: z.string(),
    description: z.string(),
    hours: z.string().nullable(),
    charge_start: instant,
    charge_end: instant,
    billed_cost: amount,
    currency,
    project_name: z.string().nullable(),
    category: z.string().nullable(),
    line_class: z.enum(['resource', 'shared', 'tax', 'credit', 'unexplained']),
    kind: z.enum(resourceKinds).nullable(),
    resource_name: z.string().nullable(),
    provider_resource_id: z.string().nullable(),
    resource_id: uuid.nullable(),
    match_outcome: z.enum(matchOutcomes),
    match_reason: z.string(),
    match_candidates: z.array(z.string()).nullable(),
    extra: z.record(z.string(), json),
  })
  .meta({ id: 'CostLine' });

const total = z.strictObject({ currency, count: z.int(), total: amount });
const costLinePage = z
  .strictObject({
    ...pageOf(costLine).shape,
    count: z.int().meta({ description: 'Lines under the filter, on all pages.' }),
    totals: z.array(total).meta({ description: 'Their exact sum, by currency.' }),
    by_outcome: z.array(z.strictObject({ outcome: z.enum(matchOutcomes), ...total.shape })),
  })
  .meta({ id: 'CostLinePage' });

const query = z
  .strictObject({
    period,
    kind: z.enum(resourceKinds, { error: `expected one of ${resourceKinds.join(', ')}` }).optional(),
    outcome: z.enum(matchOutcomes, { error: `expected one of ${matchOutcomes.join(', ')}` }).optional(),
    invoice: invoiceId.optional(),
    version: count(1_000_000),
    limit,
    cursor: cursorOf('cost-lines', countingId),
  })
  .refine((value) => value.version === undefined || value.invoice !== undefined, {
    path: ['version'],
    error: 'needs the parameter invoice: versions are counted for each invoice',
  });

export const costLineRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/billing/cost-lines',
    tag: 'Billing',
    summary:
      "A period's provider charges, of the current version of each invoice, with what they add up to. `invoice` and `version` read an older version.",
    roles: ['platform_admin', 'platform_viewer'],
    query,
    answer: {
      status: 200,
      description: 'A page of cost lines, in the order in which they were stored.',
      schema: costLinePage,
    },
    async handle({ em, query }) {
      const found = await listCostLines(
        em,
        {
          period: query.period,
          kind: query.kind,
          outcome: query.outcome,
          invoiceUuid: query.invoice,
          version: query.version,
        },
        { after: query.cursor, limit: query.limit },
      );
      const totals = totalsOf(found.byOutcome);
      return {
        status: 200,
        body: {
          ...toPage('cost-lines', found.lines, query.limit, (line) => String(line.id), toCostLine(found)),
          count: totals.reduce((lines, entry) => lines + entry.count, 0),
          totals: totals.map((entry) => ({ ...entry, total: toAmount(entry.total) })),
          by_outcome: found.byOutcome.map((entry) => ({ ...entry, total: toAmount(entry.total) })),
        },
      };
    },
  }),
];

function toCostLine(found: CostLines): (line: CloudCostLine) => z.input<typeof costLine> {
  const uuids = new Map(found.invoices.map((invoice) => [invoice.id, invoice.invoiceUuid]));
  const numbers = new Map(found.versions.map((version) => [version.id, version.version]));
  return (line) => ({
    id: String(line.id),
    invoice_uuid: uuids.get(line.invoice) ?? '',
    version: numbers.get(line.version) ?? 0,
    line_number: line.lineNumber,
    period: line.periodStart,
    product: line.product,
    group_description: line.groupDescription,
    description: line.description,
    hours: line.hours ?? null,
    charge_start: toInstant(line.chargeStart),
    charge_end: toInstant(line.chargeEnd),
    billed_cost: toAmount(line.billedCost),
    currency: line.currency,
    project_name: line.projectName ?? null,
    category: line.category ?? null,
    line_class: line.lineClass,
    kind: line.kind ?? null,
    resource_name: line.resourceName ?? null,
    provider_resource_id: line.providerResourceId ?? null,
    resource_id: line.resource ?? null,
    match_outcome: line.matchOutcome,
    match_reason: line.matchReason,
    match_candidates: line.matchCandidates ?? null,
    extra: line.extra,
  });
}
