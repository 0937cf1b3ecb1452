import type { EntityManager } from '@mikro-orm/postgresql';
import type { Day } from '../domain/calendar.ts';
import { isInForce, subscribersOf } from './planMigrationSubscribers.ts';
import { type PlannedMigration, planMigration, type WantedMigration } from './planMigrationTerms.ts';
import { type ReasonedRequest, recordChange } from './recordChange.ts';

/** A move of all subscribers of one version of a plan to another. */
export interface PlanMigrationRow {
  readonly id: string;
  readonly from_version: number;
  readonly to_version: number;
  readonly effective_on: Day;
  /** How many subscriptions it moved. */
  readonly subscribers: number;
  readonly requested_by: string;
  readonly reason: string;
  readonly created_at: Date;
}

/**
 * Moves everybody who would be on the old version on a day to the new one from that day on, and those who begin later from their
 * first day on, with an event for each deployment and one audit row. A change of plan that is dated on or after that day wins. Asked
 * for again, it moves those who came in between. The move back is a move too.
 * @throws Unprocessable as `planMigration`
 */
export function migrateSubscribers(
  em: EntityManager,
  wanted: WantedMigration,
  request: ReasonedRequest,
): Promise<PlanMigrationRow> {
  return em.transactional(async (transaction) => {
    const migration = await planMigration(transaction, wanted, request.now);
    let moved = 0;
    const old = { versionId: migration.from.id, day: migration.effectiveOn };
    for await (const batch of subscribersOf(transaction, old)) {
      const ids = batch.map((subscriber) => subscriber.subscription_id);
      await lockDeployments(
        transaction,
        batch.map((subscriber) => subscriber.deployment_id),
      );
      moved += await moveSubscribers(transaction, migration, ids, request);
    }
    const row = await recordMigration(transaction, migration, moved, request);
    await recordChange(transaction, request, {
      action: 'plan_migration.apply',
      subjectId: row.id,
      after: {
        plan_code: migration.planCode,
        from_version: migration.from.terms.version,
        to_version: migration.to.terms.version,
        effective_on: migration.effectiveOn,
        subscribers: moved,
      },
    });
    return row;
  });
}

/**
 * Whoever changes a plan locks the deployment first: what they do before us is seen by what follows. Each is looked up by itself, in
 * one order for everybody.
 */
async function lockDeployments(em: EntityManager, deploymentIds: readonly string[]): Promise<void> {
  await em.execute(
    `select locked.id
     from (select id::uuid from jsonb_array_elements_text(?::jsonb) as chosen (id) order by 1) chosen,
     lateral (select deployment.id from cloud_deployments deployment where deployment.id = chosen.id for no key update) locked`,
    [JSON.stringify(deploymentIds)],
  );
}

/**
 * A row that says what the day before says already would cut a month's invoice in two for nothing: none is left on the day, nor as
 * the next change. `offset 0` keeps the order of the look-ups: from the chosen subscriptions on, never from all rows of the version.
 */
const move = `
  with wanted as (
    select * from jsonb_to_record(?::jsonb) as wanted (from_id uuid, to_id uuid, effective_on date, at timestamptz, actor text, role text,
      reason text, details jsonb, subscriptions jsonb)
  ), moving as (
    select subscription.id, subscription.tenant_id, subscription.deployment_id, day.starts_on,
      (select earlier.plan_version_id from subscription_versions earlier
       where earlier.subscription_id = subscription.id and earlier.starts_on < day.starts_on
       order by earlier.starts_on desc limit 1) is not distinct from wanted.to_id as is_back,
      (select next.id from (
         select id, plan_version_id from subscription_versions
         where subscription_id = subscription.id and starts_on > day.starts_on order by starts_on limit 1
       ) next where next.plan_version_id = wanted.to_id) as same_next
    from wanted
    cross join lateral jsonb_array_elements_text(wanted.subscriptions) as chosen (id)
    cross join lateral (select * from subscriptions where id = chosen.id::uuid offset 0) subscription
    cross join lateral (
      select * from subscription_versions
      where subscription_id = subscription.id and tenant_id = subscription.tenant_id and plan_version_id = wanted.from_id offset 0
    ) version
    cross join lateral (select greatest(wanted.effective_on, subscription.starts_on) as starts_on) day
    where ${isInForce}
  ), removed as (
    delete from subscription_versions version using moving
    where version.subscription_id = moving.id
      and (version.id = moving.same_next or moving.is_back and version.starts_on = moving.starts_on)
  ), placed as (
    insert into subscription_versions (subscription_id, tenant_id, plan_version_id, starts_on, created_at)
    select moving.id, moving.tenant_id, wanted.to_id, moving.starts_on, wanted.at
    from moving, wanted where not moving.is_back
    on conflict (subscription_id, starts_on)
    do update set plan_version_id = excluded.plan_version_id, created_at = excluded.created_at
  ), told as (
    insert into cloud_deployment_events (deployment_id, tenant_id, type, actor, role, reason, details, occurred_at)
    select moving.deployment_id, moving.tenant_id, 'plan_changed', wanted.actor, wanted.role, wanted.reason,
      wanted.details || jsonb_build_object('starts_on', moving.starts_on), wanted.at
    from moving, wanted
  )
  select count(*)::int as moved from moving`;

async function moveSubscribers(
  em: EntityManager,
  { planCode, from, to, effectiveOn }: PlannedMigration,
  subscriptionIds: readonly string[],
  { actor, now, reason }: ReasonedRequest,
): Promise<number> {
  const [row] = await em.execute<{ moved: number }[]>(move, [
    JSON.stringify({
      from_id: from.id,
      to_id: to.id,
      effective_on: effectiveOn,
      at: now,
      actor: actor.subject,
      role: actor.role,
      reason,
      details: { plan_code: planCode, version: to.terms.version, from_version: from.terms.version },
      subscriptions: subscriptionIds,
    }),
    effectiveOn,
    effectiveOn,
  ]);
  return row?.moved ?? 0;
}

async function recordMigration(
  em: EntityManager,
  { from, to, effectiveOn }: PlannedMigration,
  moved: number,
  { actor, now, reason }: ReasonedRequest,
): Promise<PlanMigrationRow> {
  const [row] = await em.execute<Omit<PlanMigrationRow, 'from_version' | 'to_version'>[]>(
    `insert into plan_migrations as known (from_version_id, to_version_id, effective_on, subscribers, requested_by, reason, created_at)
     values (?, ?, ?, ?, ?, ?, ?)
     on conflict (from_version_id, to_version_id, effective_on)
     do update set subscribers = known.subscribers + excluded.subscribers
     returning id, effective_on::text, subscribers, requested_by, reason, created_at`,
    [from.id, to.id, effectiveOn, moved, actor.subject, reason, now],
  );
  if (row === undefined) throw new Error('an upsert returns its row');
  return { ...row, from_version: from.terms.version, to_version: to.terms.version };
}

/** Every move of a plan's subscribers, the latest day first. */
export function listPlanMigrations(em: EntityManager, planCode: string): Promise<PlanMigrationRow[]> {
  return em.execute<PlanMigrationRow[]>(
    `select migration.id, old.version as from_version, new.version as to_version, migration.effective_on::text,
       migration.subscribers, migration.requested_by, migration.reason, migration.created_at
     from plan_migrations migration
     join plan_versions old on old.id = migration.from_version_id
     join plan_versions new on new.id = migration.to_version_id
     join plans plan on plan.id = old.plan_id
     where plan.code = ? order by migration.effective_on desc, migration.created_at desc`,
    [planCode],
  );
}
