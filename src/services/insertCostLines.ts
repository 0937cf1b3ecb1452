import type { EntityManager } from '@mikro-orm/postgresql';
import { ArcadiaError } from '../domain/errors.ts';
import { matchLadder } from './matchCostLines.ts';

/** The stage does not hold what was put there: the database was restarted in between. Staging again mends it. */
export class StageLost extends ArcadiaError {
  constructor(stageId: string, expected: number, found: number) {
    super(
      'stage_lost',
      `the stage ${stageId} holds ${found} rows, not ${expected}; the invoice has to be staged again`,
      {
        context: { stageId, expected, found },
      },
    );
  }
}

/** A whole stage, and where its lines go. */
export interface InsertCostLines {
  readonly stageId: string;
  readonly lines: number;
  readonly items: number;
  readonly provider: string;
  readonly invoiceId: string;
  readonly versionId: string;
  readonly periodStart: string;
}

/**
 * Matches the staged lines and stores them under a version, in one statement.
 * @throws StageLost where the stage is not whole
 */
export async function insertCostLines(em: EntityManager, input: InsertCostLines): Promise<void> {
  await requireRows(em, 'cloud_cost_line_stage', input.stageId, input.lines);
  await requireRows(em, 'cloud_invoice_item_stage', input.stageId, input.items);
  await planForSets(em);
  await em.execute(...insertStatement(input));
}

/** How PostgreSQL stores a stage, with what takes how long; whatever it stored is undone with the caller's transaction. */
export async function explainCostLines(em: EntityManager, input: InsertCostLines): Promise<string[]> {
  await planForSets(em);
  const [text, parameters] = insertStatement(input);
  const rows = await em.execute<{ 'QUERY PLAN': string }[]>(
    `explain (analyze, timing off) ${text}`,
    parameters,
  );
  return rows.map((row) => row['QUERY PLAN']);
}

async function requireRows(
  em: EntityManager,
  table: string,
  stageId: string,
  expected: number,
): Promise<void> {
  const [row] = await em.execute<{ found: number }[]>(
    `select count(*)::int as found from ${table} where stage_id = ?`,
    [stageId],
  );
  const found = row?.found ?? 0;
  if (found !== expected) throw new StageLost(stageId, expected, found);
}

/**
 * The planner has no statistics of a stage that was filled a moment ago: it takes a million lines for some thousands and the
 * rows that come of them for one, and would read all items, or (since row level security keeps `lower(name)` from using its
 * index) the whole inventory, once for each line. So everything is joined and grouped by hashing, in memory enough for it.
 */
async function planForSets(em: EntityManager): Promise<void> {
  await em.execute(
    `select set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_sort', 'off', true), set_config('work_mem', '128MB', true)`,
  );
}

function insertStatement(input: InsertCostLines): [string, string[]] {
  const { stageId, provider, invoiceId, versionId, periodStart } = input;
  return [insertMatchedLines, [stageId, stageId, provider, invoiceId, versionId, periodStart]];
}

/**
 * Joins each staged line with its item by (description, amount) and order, since the items have no other key in common with the
 * file: the first line of a description and amount is the first such item. Then matches and stores all lines in one statement.
 *
 * Most items of one description and amount name the same resource (a charge a day); their order is of no matter then, and only
 * the others are sorted to be counted.
 */
const insertMatchedLines = `
  with item as not materialized (
    select position, description, amount, charge_start, nullif(resource_id, '') as resource_id,
      nullif(resource_uuid, '') as resource_uuid
    from cloud_invoice_item_stage where stage_id = ?
  ),
  staged as not materialized (select * from cloud_cost_line_stage where stage_id = ?),
  charge as materialized (
    select said.description, said.amount, said.lines <= named.items and named.is_one as is_alike,
      named.resource_id, named.resource_uuid
    from (
      select description, billed_cost as amount, count(*) as lines from staged group by description, billed_cost
    ) said
    join (
      select description, amount, count(*) as items, min(resource_id) as resource_id, min(resource_uuid) as resource_uuid,
        (count(resource_id) = 0 or count(resource_id) = count(*) and min(resource_id) = max(resource_id))
          and (count(resource_uuid) = 0 or count(resource_uuid) = count(*) and min(resource_uuid) = max(resource_uuid))
          as is_one
      from item group by description, amount
    ) named on named.description = said.description and named.amount = said.amount
  ),
  counted_item as (
    select item.description, item.amount, item.resource_id, item.resource_uuid,
      row_number() over (partition by item.description, item.amount order by charge_start, position) as ordinal
    from item
    join charge on charge.description = item.description and charge.amount = item.amount
    where not charge.is_alike
  ),
  counted_line as (
    select staged.line_number, staged.description, charge.amount,
      row_number() over (partition by staged.description, charge.amount order by charge_start, line_number) as ordinal
    from staged
    join charge on charge.description = staged.description and charge.amount = staged.billed_cost
    where not charge.is_alike
  ),
  counted as (
    select counted_line.line_number, counted_item.resource_id, counted_item.resource_uuid
    from counted_line join counted_item using (description, amount, ordinal)
  ),
  line as materialized (
    select staged.line_number as key, ?::text as provider, staged.line_class, staged.kind, staged.resource_name,
      coalesce(charge.resource_id, counted.resource_id) as provider_resource_id,
      coalesce(charge.resource_uuid, counted.resource_uuid) as provider_resource_uuid,
      staged.charge_start, staged.charge_end
    from staged
    left join charge on charge.description = staged.description and charge.amount = staged.billed_cost and charge.is_alike
    left join counted on counted.line_number = staged.line_number
  ),
  ${matchLadder}
  insert into cloud_cost_lines (invoice_id, version_id, line_number, period_start, product, group_description, description,
    hours, charge_start, charge_end, billed_cost, currency, project_name, category, line_class, kind, resource_name,
    provider_resource_id, provider_resource_uuid, resource_id, match_outcome, match_reason, match_candidates, extra)
  select ?::uuid, ?::uuid, staged.line_number, ?::date, staged.product, staged.group_description, staged.description,
    staged.hours, staged.charge_start, staged.charge_end, staged.billed_cost, staged.currency, staged.project_name,
    staged.category, staged.line_class, staged.kind, staged.resource_name,
    outcome.provider_resource_id, outcome.provider_resource_uuid,
    outcome.resource_id, outcome.match_outcome, outcome.match_reason, outcome.match_candidates, staged.extra
  from staged
  join outcome on outcome.key = staged.line_number
  order by staged.line_number`;
