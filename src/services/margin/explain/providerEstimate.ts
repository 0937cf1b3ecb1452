import type { EntityManager } from '@mikro-orm/postgresql';
import type { UnattributedReason } from '../costsByOwner.ts';
import { estimatedParts } from '../estimatedParts.ts';
import type { CostScope } from './costScope.ts';
import {
  type FigureNamed,
  inWords,
  money,
  month,
  nameOf,
  numberKey,
  type Part,
  type PartsPage,
  type Step,
} from './step.ts';

interface EstimateRow {
  total: string;
  count: number;
  line_id: string | null;
  estimate_provider: string;
  estimated_at: string;
  amount: string | null;
  reason: UnattributedReason | null;
  position: number | null;
  product: string | null;
  description: string | null;
  provider_resource_id: string | null;
}

/** What a subject has of one estimate, by line. @returns undefined where that is nothing, or another estimate counts */
export async function chargedByEstimate(
  em: EntityManager,
  figure: FigureNamed<'charged_cogs'>,
  estimateId: string,
  scope: CostScope,
  page: PartsPage,
): Promise<Step | undefined> {
  const { period, currency } = figure;
  const rows = await em.execute<EstimateRow[]>(
    `with ${estimatedParts},
     own as (
       select coalesce(part.line_id, 0) as line_id, part.estimate_id, part.amount, part.reason
       from estimated_part part where part.estimate_id = ?::uuid and ${scope.part} and part.currency = ?
     ),
     shown as (select * from own where lpad(line_id::text, 20, '0') collate "C" > ? order by line_id limit ?)
     select total.total, total.count, estimate.provider as estimate_provider, estimate.estimated_at, shown.line_id::text, shown.amount::text,
       shown.reason, line.position, line.product, line.description, line.provider_resource_id
     from (select estimate_id, sum(amount)::text as total, count(*)::int as count from own group by estimate_id) total
     join estimate on estimate.id = total.estimate_id
     left join shown on true
     left join cloud_cost_estimate_lines line on line.id = shown.line_id
     order by shown.line_id`,
    [period, period, estimateId, ...scope.partParameters, currency, page.after ?? '', page.limit + 1],
  );
  const [first] = rows;
  if (first === undefined) return undefined;
  const value = money(first.total, currency);
  return {
    figure,
    what: `Estimate of ${first.estimate_provider} for ${month(period)}: ${nameOf(figure.subject)}`,
    value,
    label: 'estimated',
    asOf: new Date(first.estimated_at),
    how: `${first.count} lines of the provider’s own estimate, by who had the resource when it was made: ${inWords(value)}. As soon as an invoice of the month is known, it counts instead.`,
    row: null,
    resources: [{ type: 'estimate', period }],
    combinedBy: 'sum',
    partsTotal: value,
    parts: rows.flatMap((row): Part[] => {
      if (row.line_id === null) return [];
      const named = row.provider_resource_id === null ? '' : `, resource ${row.provider_resource_id}`;
      const why = row.reason === null ? '' : ` (${row.reason})`;
      return [
        {
          key: numberKey(row.line_id),
          what:
            row.position === null
              ? 'What the estimate states beyond its lines'
              : `Line ${row.position}: ${row.product}, ${row.description}${named}${why}`,
          counts: money(row.amount ?? '0', currency),
          label: 'estimated',
          next: null,
          resources: [],
        },
      ];
    }),
  };
}
