import type { EntityManager } from '@mikro-orm/postgresql';
import { chargedKinds, listedIdForms, resourceKinds } from '../domain/resourceKind.ts';

/** When the resource of a row of `cloud_resource_names` began to have that name; null where nobody knows. */
export const nameHeldSince = 'greatest(named.valid_from, resource.created_at)';
/** When it ceased to have it; null where it still has it. */
export const nameHeldUntil = 'least(named.valid_to, resource.gone_at)';

/**
 * The matching ladder (src/domain/matching.ts) as common table expressions, evaluated in sets. They read a relation
 * `line (key, provider, line_class, kind, resource_name, provider_resource_id, provider_resource_uuid, charge_start, charge_end)`
 * and end in `outcome (key, provider_resource_id, provider_resource_uuid, resource_id, match_outcome, match_reason,
 * match_candidates)` with one row a line.
 *
 * A big invoice says the same of a resource on many lines (a line a day, a line a price), so resources are looked for once for
 * each `reference`, in equality joins alone, and only the time of a namesake is compared line by line.
 */
export const matchLadder = `
  charged_kind (line_kind, resource_kind) as (values ${chargedKindRows()}),
  listed_id_form (kind, form) as (values ${listedIdFormRows()}),
  reference as materialized (
    select row_number() over () as number, said.*
    from (
      select distinct provider, coalesce(kind, '') as kind, coalesce(resource_name, '') as name, coalesce(provider_resource_id, '') as id,
        coalesce(provider_resource_uuid, '') as uuid
      from line
      where line_class = 'resource' and (kind is not null or provider_resource_id is not null)
    ) said
  ),
  by_id as (
    select number, array_agg(resource_id order by resource_id) as ids
    from (${['id', 'uuid'].map(resourcesByExternalId).join(' union ')}) found
    group by number
  ),
  known as materialized (
    select reference.*, by_id.ids as id_ids from reference left join by_id on by_id.number = reference.number
  ),
  namesake as (
    select known.number, resource.id,
      coalesce(form.form is not null and (known.id ~ form.form or known.uuid ~ form.form), false)
        and resource.kind = known.kind as has_other_id,
      ${nameHeldSince} as since, ${nameHeldUntil} as until
    from known
    join charged_kind on charged_kind.line_kind = known.kind
    join cloud_resource_names named on lower(named.name) = lower(known.name)
    join cloud_resources resource
      on resource.id = named.resource_id and resource.provider = known.provider
      and resource.kind = charged_kind.resource_kind
    left join listed_id_form form on form.kind = known.kind
    where known.id_ids is null and known.name <> '' and known.kind <> ''
  ),
  referring as materialized (
    select line.*, known.number, known.id_ids
    from line
    left join known on known.provider = line.provider and known.kind = coalesce(line.kind, '')
      and known.name = coalesce(line.resource_name, '') and known.id = coalesce(line.provider_resource_id, '')
      and known.uuid = coalesce(line.provider_resource_uuid, '') and line.line_class = 'resource'
  ),
  by_name as (
    select referring.key,
      coalesce(array_agg(distinct namesake.id) filter (where not namesake.has_other_id), '{}') as ids,
      bool_or(namesake.has_other_id) as any_has_other_id
    from referring
    join namesake on namesake.number = referring.number
    where (namesake.since is null or namesake.since < referring.charge_end)
      and (namesake.until is null or namesake.until > referring.charge_start)
    group by referring.key
  ),
  rung as (
    select referring.*, coalesce(by_name.ids, '{}') as name_ids,
      coalesce(by_name.any_has_other_id, false) as any_has_other_id,
      provider_resource_id is not null or provider_resource_uuid is not null as has_id
    from referring
    left join by_name on by_name.key = referring.key
  ),
  outcome as materialized (
    select key, provider_resource_id, provider_resource_uuid,
      case
        when line_class <> 'resource' then null
        when cardinality(id_ids) = 1 then id_ids[1]
        when id_ids is null and cardinality(name_ids) = 1 then name_ids[1]
      end as resource_id,
      case
        when line_class <> 'resource' then line_class
        when cardinality(id_ids) = 1 then 'matched_by_id'
        when id_ids is not null then 'ambiguous'
        when cardinality(name_ids) = 1 then 'matched_by_name'
        when cardinality(name_ids) > 1 then 'ambiguous'
        else 'unmatched'
      end as match_outcome,
      case
        when line_class = 'tax' then 'a tax'
        when line_class = 'credit' then 'a credit'
        when line_class = 'shared' then 'charged to the project or the account, not to one resource'
        when line_class = 'unexplained' then 'the difference that an operator accepted'
        when cardinality(id_ids) = 1 then 'the invoice names the id of this resource'
        when id_ids is not null then 'the invoice names an id that ' || cardinality(id_ids) || ' resources have'
        when cardinality(name_ids) = 1 then 'the one ' || kind || ' of this name at that time'
        when cardinality(name_ids) > 1 then cardinality(name_ids) || ' resources had this name at that time'
        when kind is null and has_id then 'no resource with the id that the invoice names is known'
        when kind is null then 'no listed kind of resource stands behind this product'
        when any_has_other_id then 'a ' || kind || ' of this name is known, but the invoice names another id'
        when has_id then 'no ' || kind || ' with the id that the invoice names, or of this name at that time, is known'
        when resource_name is null then 'the line names no resource'
        else 'no ' || kind || ' of this name at that time is known'
      end as match_reason,
      case
        when line_class = 'resource' and cardinality(id_ids) > 1 then to_jsonb(id_ids)
        when line_class = 'resource' and id_ids is null and cardinality(name_ids) > 1 then to_jsonb(name_ids)
      end as match_candidates
    from rung
  )`;

/**
 * Matching and storing of lines run side by side; re-attribution waits for them and they for it. Without this, a resource found
 * while an invoice is being stored could be missed by both.
 */
export async function lockAttribution(em: EntityManager, how: 'shared' | 'exclusive'): Promise<void> {
  const lock = how === 'shared' ? 'pg_advisory_xact_lock_shared' : 'pg_advisory_xact_lock';
  await em.execute(`select ${lock}(hashtext('cost-line-attribution'))`);
}

/** How many events are looked at together: enough for sets, and few enough to find their lines by index. */
const eventsInABatch = 1_000;

/**
 * Matches again the stored lines that resources with events not yet looked at may concern: those that name such a resource's id or
 * one of its names, and those that are attributed to it. Every line whose outcome or resource changes leaves a row in
 * `cloud_attribution_changes`. The events are ticked off in the same transaction, so that nothing is forgotten whichever run is cut
 * short, and matching depends only on what is stored, so running it again changes nothing.
 * @returns how many lines changed
 */
export async function reattributeCostLines(em: EntityManager, input: Reattribution): Promise<number> {
  return em.transactional(async (transaction) => {
    await lockAttribution(transaction, 'exclusive');
    await planForSets(transaction);
    let changed = 0;
    for (;;) {
      const batch = await reattributeBatch(transaction, input);
      changed += batch.changed;
      if (batch.events < eventsInABatch) return changed;
    }
  });
}

export interface Reattribution {
  readonly provider: string;
  readonly now: Date;
  readonly cause: string;
}

/**
 * Lines are found by arrays, not by joins: that way an index serves for each column, in however many lines it looks, while all
 * else is joined by hashing.
 */
async function reattributeBatch(
  em: EntityManager,
  { provider, now, cause }: Reattribution,
): Promise<{ events: number; changed: number }> {
  const [row] = await em.execute<{ events: number; changed: number }[]>(
    `with pending as (
       update cloud_resource_events event set attributed_at = ?
       where id in (
         select event.id from cloud_resource_events event
         join cloud_resources resource on resource.id = event.resource_id and resource.provider = ?
         where event.attributed_at is null
         order by event.id limit ?
       )
       returning event.resource_id, event.type
     ),
     changed_resource as materialized (
       select distinct resource.id, resource.external_id
       from pending join cloud_resources resource on resource.id = pending.resource_id
       where pending.type <> 'moved'
     ),
     concerned as materialized (
       select cost.*, invoice.provider
       from cloud_cost_lines cost
       join cloud_invoices invoice on invoice.id = cost.invoice_id and invoice.provider = ?
       where cost.resource_id = any(array(select id from changed_resource))
         or cost.provider_resource_id = any(array(select external_id from changed_resource))
         or cost.provider_resource_uuid = any(array(select external_id from changed_resource))
         or cost.resource_name_lower = any(array(
           select lower(named.name) from cloud_resource_names named join changed_resource on changed_resource.id = named.resource_id
         ))
     ),
     line as (
       select id as key, provider, line_class, kind, resource_name, provider_resource_id, provider_resource_uuid, charge_start,
         charge_end
       from concerned
     ),
     ${matchLadder},
     moved as (
       update cloud_cost_lines cost
       set resource_id = outcome.resource_id, match_outcome = outcome.match_outcome,
         match_reason = outcome.match_reason, match_candidates = outcome.match_candidates
       from outcome
       where cost.id = any(array(select id from concerned)) and cost.id = outcome.key
         and (cost.resource_id, cost.match_outcome, cost.match_reason, cost.match_candidates)
           is distinct from (outcome.resource_id, outcome.match_outcome, outcome.match_reason, outcome.match_candidates)
       returning cost.id, cost.match_outcome, cost.resource_id, cost.match_candidates, cost.billed_cost, cost.currency
     ),
     logged as (
       insert into cloud_attribution_changes
         (cost_line_id, from_outcome, from_resource_id, to_outcome, to_resource_id, billed_cost, currency, changed_at, cause)
       select moved.id, before.match_outcome, before.resource_id, moved.match_outcome, moved.resource_id,
         moved.billed_cost, moved.currency, ?, ?
       from moved join concerned before on before.id = moved.id
       where (moved.resource_id, moved.match_outcome, moved.match_candidates)
         is distinct from (before.resource_id, before.match_outcome, before.match_candidates)
       returning 1
     )
     select (select count(*)::int from pending) as events, (select count(*)::int from logged) as changed`,
    [now, provider, eventsInABatch, provider, now, cause],
  );
  if (row === undefined) throw new Error('a select of two counts gave no row');
  return row;
}

/**
 * The planner has no statistics of a stage that was filled a moment ago, nor of what comes of matching: it takes a million lines
 * for some thousands and the rows that come of them for one, and would read all items or the whole inventory once for each line.
 * So in the rest of the transaction everything is joined and grouped by hashing, in memory enough for it.
 */
export async function planForSets(em: EntityManager): Promise<void> {
  await em.execute(
    `select set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_sort', 'off', true), set_config('work_mem', '128MB', true)`,
  );
}

function resourcesByExternalId(column: string): string {
  return `
      select reference.number, resource.id as resource_id
      from reference
      join charged_kind on charged_kind.line_kind = reference.kind
      join cloud_resources resource
        on resource.provider = reference.provider and resource.kind = charged_kind.resource_kind
        and resource.external_id = reference.${column}`;
}

function chargedKindRows(): string {
  // A line whose kind nobody says may name the id of a resource of any kind; its name alone says nothing.
  const ofAnyKind = resourceKinds.map((kind) => `('', '${kind}')`);
  const ofItsKind = resourceKinds.flatMap((kind) =>
    chargedKinds(kind).map((charged) => `('${kind}', '${charged}')`),
  );
  return [...ofAnyKind, ...ofItsKind].join(', ');
}

function listedIdFormRows(): string {
  return Object.entries(listedIdForms)
    .map(([kind, form]) => `('${kind}', '${form}')`)
    .join(', ');
}
