import type { EntityManager } from '@mikro-orm/postgresql';
import type { RevertedDrift } from '../../domain/drift/revertPlan.ts';
import type { JsonValue } from '../../domain/errors.ts';
import type { ResourceKind } from '../../domain/resourceKind.ts';

/** A drift with its resource, as far as a revert needs them. */
export interface DriftOfResource extends RevertedDrift {
  readonly id: string;
  readonly resourceId: string;
  readonly provider: string;
  readonly kind: ResourceKind;
  readonly externalId: string;
  /** The resource's name. */
  readonly name: string;
  readonly deploymentId: string | null;
  readonly currency: string;
  /** What the spec asks of the field now; undefined where it asks nothing of it any more. */
  readonly asked: JsonValue | undefined;
}

/** Plain SQL: the ORM would take a desired text of digits for a number. @returns null where there is no such drift */
export async function readDriftOfResource(em: EntityManager, id: string): Promise<DriftOfResource | null> {
  const [row] = await em.execute<(DriftOfResource & { readonly isAsked: boolean })[]>(
    `select drift.id, drift.resource_id as "resourceId", drift.provider, drift.kind, drift.type, drift.field, drift.desired,
       drift.currency, resource.external_id as "externalId", resource.name, resource.deployment_id as "deploymentId",
       provisioned.spec -> drift.field as asked, coalesce(jsonb_exists(provisioned.spec, drift.field), false) as "isAsked"
     from cloud_drift drift
     join cloud_resources resource on resource.id = drift.resource_id
     left join cloud_provisioned provisioned
       on provisioned.resource_id = drift.resource_id and provisioned.withdrawn_at is null
     where drift.id = ?`,
    [id],
  );
  if (row === undefined) return null;
  const { isAsked, ...drift } = row;
  return { ...drift, asked: isAsked ? row.asked : undefined };
}
