import type { EntityManager } from '@mikro-orm/postgresql';
import type { ProviderProject } from '../providers/provider.ts';
import { recordingOwnerChanges } from './margin/ownerChanges.ts';

/**
 * Gives each live resource the project that the provider's project listing puts it in, and, where it stands alone, that project's
 * tenant. A resource of a deployment keeps the deployment's. Runs after either listing, so their order does not matter. What that moves
 * of their cost is kept.
 */
export async function applyProjects(em: EntityManager, provider: string, at: Date): Promise<void> {
  const moving = await em.execute<{ id: string }[]>(
    `select resource.id from cloud_resources resource
     left join cloud_project_members member on member.provider = resource.provider and member.kind = resource.kind
       and member.external_id = resource.external_id
     where resource.provider = ? and resource.gone_at is null and resource.project_id is distinct from member.project_id`,
    [provider],
  );
  const change = { resourceIds: moving.map(({ id }) => id), now: at, cause: `projects of ${provider}` };
  await recordingOwnerChanges(em, change, () => moveToProjects(em, provider, at));
}

async function moveToProjects(em: EntityManager, provider: string, at: Date): Promise<void> {
  await em.execute(
    `with target as (
       select resource.id, resource.project_id as earlier_project_id, project.id as project_id,
         case when resource.deployment_id is null then project.tenant_id else coalesce(deployment.tenant_id, resource.tenant_id) end
           as tenant_id
       from cloud_resources resource
       left join cloud_deployments deployment on deployment.id = resource.deployment_id
       left join cloud_project_members member on member.provider = resource.provider and member.kind = resource.kind
         and member.external_id = resource.external_id
       left join cloud_projects project on project.id = member.project_id
       where resource.provider = ? and resource.gone_at is null
     ),
     moved as (
       update cloud_resources resource set project_id = target.project_id, tenant_id = target.tenant_id
       from target
       where resource.id = target.id
         and (resource.project_id, resource.tenant_id) is distinct from (target.project_id, target.tenant_id)
       returning resource.id, target.earlier_project_id, resource.project_id
     )
     insert into cloud_resource_events (resource_id, type, occurred_at, changes)
     select id, 'moved', ?, jsonb_build_object('project_id', jsonb_build_object('from', earlier_project_id, 'to', project_id))
     from moved where earlier_project_id is distinct from project_id`,
    [provider, at],
  );
}

/** Takes the whole project listing with its members, in one transaction. A project that is gone is kept with `gone_at`. */
export async function recordProjects(
  em: EntityManager,
  listing: {
    readonly provider: string;
    readonly listedAt: Date;
    readonly projects: readonly ProviderProject[];
  },
): Promise<{ live: number; gone: number }> {
  const { provider, listedAt, projects } = listing;
  return em.transactional(async (transaction) => {
    await transaction.execute(`select pg_advisory_xact_lock(hashtext(?))`, [`inventory:${provider}:project`]);
    await transaction.execute(
      `insert into cloud_projects (provider, external_id, name, is_default, first_seen_at, last_seen_at)
       select ?, external_id, name, is_default, ?, ?
       from jsonb_to_recordset(?::jsonb) as listed (external_id text, name text, is_default boolean)
       on conflict (provider, external_id) do update set name = excluded.name, is_default = excluded.is_default,
         last_seen_at = excluded.last_seen_at, gone_at = null`,
      [
        provider,
        listedAt,
        listedAt,
        JSON.stringify(
          projects.map((project) => ({
            external_id: project.externalId,
            name: project.name,
            is_default: project.isDefault,
          })),
        ),
      ],
    );
    const [gone] = await transaction.execute<{ gone: number }[]>(
      `with gone as (
         update cloud_projects set gone_at = ? where provider = ? and gone_at is null and last_seen_at < ? returning 1
       ) select count(*)::int as gone from gone`,
      [listedAt, provider, listedAt],
    );
    await transaction.execute(`delete from cloud_project_members where provider = ?`, [provider]);
    await transaction.execute(
      `insert into cloud_project_members (provider, kind, external_id, project_id)
       select distinct on (listed.kind, listed.external_id) ?, listed.kind, listed.external_id, project.id
       from jsonb_to_recordset(?::jsonb) as listed (kind text, external_id text, project text)
       join cloud_projects project on project.provider = ? and project.external_id = listed.project
       order by listed.kind, listed.external_id, project.external_id`,
      [
        provider,
        JSON.stringify(
          projects.flatMap((project) =>
            project.members.map((member) => ({
              kind: member.kind,
              external_id: member.externalId,
              project: project.externalId,
            })),
          ),
        ),
        provider,
      ],
    );
    await applyProjects(transaction, provider, listedAt);
    await transaction.execute(
      `insert into cloud_inventory_listings (provider, kind, state, attempted_at, complete_at, live)
       values (?, 'project', 'fresh', ?, ?, ?)
       on conflict (provider, kind) do update set state = 'fresh', attempted_at = excluded.attempted_at,
         complete_at = excluded.complete_at, live = excluded.live, error_code = null, error_message = null`,
      [provider, listedAt, listedAt, projects.length],
    );
    return { live: projects.length, gone: gone?.gone ?? 0 };
  });
}
