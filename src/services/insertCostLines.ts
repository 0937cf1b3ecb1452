import type { EntityManager } from '@mikro-orm/postgresql';
import { ArcadiaError } from '../domain/errors.ts';
import { matchLadder, nameHeldSince, nameHeldUntil, planForSets } from './matchCostLines.ts';

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

function insertStatement(input: InsertCostLines): [string, string[]] {
  const { stageId, provider, invoiceId, versionId, periodStart } = input;
  return [insertMatchedLines, [stageId, stageId, provider, invoiceId, versionId, periodStart]];
}

/** Which claim a staged line makes. */
const isOfClaim = `claim.description = staged.description and claim.amount = staged.billed_cost and claim.line_class = staged.line_class
      and claim.kind = coalesce(staged.kind, '') and claim.name = coalesce(staged.resource_name, '')`;

/**
 * Joins each staged line with its item by (description, amount) and order, since the items have no other key in common with the
 * file: the first line of a description and amount is the first such item. Then matches and stores all lines in one statement.
 *
 * Most lines say what others say too (a charge a day), and most items of one description and amount name the same resource. What
 * such lines say, a `claim`, is matched once and stands for all of them under its first line's number. Only lines whose items
 * differ, which have to be sorted and counted, and lines whose time decides between namesakes are matched one by one.
 */
const insertMatchedLines = `
  with item as not materialized (
    select position, description, amount, charge_start, nullif(resource_id, '') as resource_id,
      nullif(resource_uuid, '') as resource_uuid
    from cloud_invoice_item_stage where stage_id = ?
  ),
  staged as not materialized (select * from cloud_cost_line_stage where stage_id = ?),
  source as (select ?::text as provider),
  said as materialized (
    select description, billed_cost as amount, line_class, coalesce(kind, '') as kind, coalesce(resource_name, '') as name,
      count(*) as lines, min(line_number) as first_line, min(charge_start) as first_start, max(charge_start) as last_start,
      min(charge_end) as first_end, max(charge_end) as last_end
    from staged
    group by description, billed_cost, line_class, coalesce(kind, ''), coalesce(resource_name, '')
  ),
  charge as materialized (
    select said.description, said.amount, said.lines <= named.items and named.is_one as is_alike,
      named.resource_id, named.resource_uuid
    from (select description, amount, sum(lines) as lines from said group by description, amount) said
    join (
      select description, amount, sum(items) as items, count(*) = 1 as is_one, min(resource_id) as resource_id,
        min(resource_uuid) as resource_uuid
      from (
        select description, amount, resource_id, resource_uuid, count(*) as items
        from item group by description, amount, resource_id, resource_uuid
      ) distinct_item
      group by description, amount
    ) named on named.description = said.description and named.amount = said.amount
  ),
  timed_name as (
    select lower(name) as name
    from (
      select named.name, ${nameHeldSince} as since, ${nameHeldUntil} as until
      from cloud_resource_names named
      join cloud_resources resource on resource.id = named.resource_id
      where resource.provider = (select provider from source)
    ) named
    where (since >= (select min(first_end) from said) or until <= (select max(last_start) from said))
      and (since is null or since < (select max(last_end) from said))
      and (until is null or until > (select min(first_start) from said))
    group by lower(name)
  ),
  claim as materialized (
    select said.*, charge.resource_id, charge.resource_uuid,
      charge.is_alike is not false and timed_name.name is null as is_whole, coalesce(charge.is_alike, true) as is_alike
    from said
    left join charge on charge.description = said.description and charge.amount = said.amount
    left join timed_name on timed_name.name = lower(said.name)
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
  single as (
    select staged.line_number, claim.line_class, claim.kind, claim.name,
      coalesce(counted.resource_id, case when claim.is_alike then claim.resource_id end) as resource_id,
      coalesce(counted.resource_uuid, case when claim.is_alike then claim.resource_uuid end) as resource_uuid,
      staged.charge_start, staged.charge_end
    from staged
    join claim on ${isOfClaim} and not claim.is_whole
    left join counted on counted.line_number = staged.line_number
  ),
  line as materialized (
    select key, source.provider, line_class, nullif(kind, '') as kind, nullif(name, '') as resource_name,
      resource_id as provider_resource_id, resource_uuid as provider_resource_uuid, charge_start, charge_end
    from (
      select first_line, line_class, kind, name, resource_id, resource_uuid, first_start, last_end from claim where is_whole
      union all
      select line_number, line_class, kind, name, resource_id, resource_uuid, charge_start, charge_end from single
    ) matched (key, line_class, kind, name, resource_id, resource_uuid, charge_start, charge_end), source
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
  join claim on ${isOfClaim}
  join outcome on outcome.key = case when claim.is_whole then claim.first_line else staged.line_number end
  order by staged.line_number`;
