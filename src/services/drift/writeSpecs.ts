import type { EntityManager } from '@mikro-orm/postgresql';
import type { Spec } from '../../domain/drift/liveValues.ts';
import type { driftEventTypes } from '../../entities/cloudResourceEvent.ts';
import { type ReasonedRequest, requesterOf } from '../recordChange.ts';

/** A spec that is in force now, and what was before it; null where there was none. */
export interface WrittenSpec {
  readonly resourceId: string;
  readonly specVersion: number;
  readonly earlierVersion: number | null;
  readonly earlierSpec: Spec | null;
}

/** Which event a change of a spec is. */
type SpecEvent = Extract<(typeof driftEventTypes)[number], 'provisioned' | 'drift_accepted'>;

/**
 * Puts specs in force, one a resource, with an event each that says which fields changed. One that says what is in force already
 * changes nothing. The caller has locked the decisions about the resources.
 * @returns what changed
 */
export async function writeSpecs(
  em: EntityManager,
  specs: readonly { readonly resourceId: string; readonly spec: Spec }[],
  type: SpecEvent,
  request: ReasonedRequest,
): Promise<WrittenSpec[]> {
  const rows = await em.execute<
    {
      resource_id: string;
      spec_version: number;
      earlier_version: number | null;
      earlier_spec: Spec | null;
    }[]
  >(
    `with wanted as (
       select * from jsonb_to_recordset(?::jsonb) as wanted (resource_id uuid, spec jsonb)
     ),
     before as (
       select provisioned.* from cloud_provisioned provisioned join wanted on wanted.resource_id = provisioned.resource_id
     ),
     written as (
       insert into cloud_provisioned as provisioned (resource_id, provider, kind, spec, spec_version, recorded_by, reason, recorded_at)
       select resource.id, resource.provider, resource.kind, wanted.spec, 1, ?, ?, ?
       from wanted join cloud_resources resource on resource.id = wanted.resource_id
       on conflict (resource_id) do update set spec = excluded.spec, spec_version = provisioned.spec_version + 1,
         recorded_by = excluded.recorded_by, reason = excluded.reason, recorded_at = excluded.recorded_at, withdrawn_at = null
       where provisioned.spec <> excluded.spec or provisioned.withdrawn_at is not null
       returning resource_id, spec, spec_version
     ),
     difference as (
       select written.resource_id, written.spec_version, before.spec_version as earlier_version,
         case when before.withdrawn_at is null then before.spec end as earlier_spec, written.spec
       from written left join before on before.resource_id = written.resource_id
     ),
     event as (
       insert into cloud_resource_events (resource_id, type, occurred_at, attributed_at, changes)
       select resource_id, ?, ?, ?, jsonb_build_object('spec_version', jsonb_build_object('from', earlier_version, 'to', spec_version)) || (
         select coalesce(jsonb_object_agg(coalesce(was.key, now.key), jsonb_build_object('from', was.value, 'to', now.value)), '{}')
         from jsonb_each(coalesce(earlier_spec, '{}')) was full join jsonb_each(spec) now on now.key = was.key
         where was.value is distinct from now.value)
       from difference
     )
     select resource_id, spec_version, earlier_version, earlier_spec from difference`,
    [
      JSON.stringify(specs.map(({ resourceId, spec }) => ({ resource_id: resourceId, spec }))),
      requesterOf(request),
      request.reason,
      request.now,
      type,
      request.now,
      request.now,
    ],
  );
  return rows.map((row) => ({
    resourceId: row.resource_id,
    specVersion: row.spec_version,
    earlierVersion: row.earlier_version,
    earlierSpec: row.earlier_spec,
  }));
}

/**
 * Asks nothing more of these resources, with an event each. One of which nothing is asked stays as it is. The caller has locked the
 * decisions about the resources.
 * @returns the specs that were in force
 */
export async function withdrawSpecs(
  em: EntityManager,
  resourceIds: readonly string[],
  type: SpecEvent,
  request: ReasonedRequest,
): Promise<{ readonly resourceId: string; readonly specVersion: number; readonly spec: Spec }[]> {
  const rows = await em.execute<{ resource_id: string; spec_version: number; spec: Spec }[]>(
    `with withdrawn as (
       update cloud_provisioned set withdrawn_at = ?, recorded_by = ?, reason = ?
       where resource_id in (select id::uuid from jsonb_array_elements_text(?::jsonb) as wanted (id)) and withdrawn_at is null
       returning resource_id, spec_version, spec
     ),
     event as (
       insert into cloud_resource_events (resource_id, type, occurred_at, attributed_at, changes)
       select resource_id, ?, ?, ?, jsonb_build_object('spec', jsonb_build_object('from', spec, 'to', null)) from withdrawn
     )
     select resource_id, spec_version, spec from withdrawn`,
    [
      request.now,
      requesterOf(request),
      request.reason,
      JSON.stringify(resourceIds),
      type,
      request.now,
      request.now,
    ],
  );
  return rows.map((row) => ({
    resourceId: row.resource_id,
    specVersion: row.spec_version,
    spec: row.spec,
  }));
}
