import type { EntityManager } from '@mikro-orm/postgresql';
import { addDays, dayOf } from '../domain/calendar.ts';
import type { JsonValue } from '../domain/errors.ts';
import { type Membership, ownerAt } from '../domain/memberships.ts';
import { CloudDeployment } from '../entities/cloudDeployment.ts';
import { CloudProject } from '../entities/cloudProject.ts';
import { CloudResource } from '../entities/cloudResource.ts';
import { CloudResourceEvent } from '../entities/cloudResourceEvent.ts';
import { CloudResourceMembership } from '../entities/cloudResourceMembership.ts';
import { recordDeploymentChange } from './deploymentChange.ts';
import { recordingOwnerChanges } from './margin/ownerChanges.ts';
import { meterResources } from './meterDays.ts';
import type { ChangeRequest } from './recordChange.ts';

/** A resource with its memberships by time, as they stay until the transaction ends. */
export interface LockedResource {
  readonly resource: CloudResource;
  readonly memberships: readonly Membership[];
}

/** @returns null where there is no such resource */
export async function lockResource(em: EntityManager, id: string): Promise<LockedResource | null> {
  // The weaker lock: usage that refers to the resource doesn't wait.
  await em.execute('select from cloud_resources where id = ? for no key update', [id]);
  const resource = await em.findOne(CloudResource, { id });
  if (resource === null) return null;
  const rows = await em.find(CloudResourceMembership, { resource: id }, { orderBy: { startsAt: 'asc' } });
  const memberships = rows.map(({ deploymentId, startsAt, endsAt }) => ({
    deploymentId,
    startsAt,
    endsAt: endsAt ?? null,
  }));
  return { resource, memberships };
}

/**
 * Gives a resource other memberships: its rows, its deployment and tenant of now, a `moved` event, an event for each deployment that
 * won or lost time, an audit row, what each owner bears of its cost lines, and its usage, metered again on the days that are concerned.
 * @param change the deployment that was asked for, and from when on anything differs
 */
export async function moveResource(
  em: EntityManager,
  locked: LockedResource,
  memberships: readonly Membership[],
  change: { readonly action: 'attach' | 'detach'; readonly deploymentId: string; readonly from: Date },
  request: ChangeRequest,
): Promise<void> {
  const { resource, memberships: before } = locked;
  const { now } = request;
  const stays = new Set(before.map(keyOf).filter((key) => memberships.some((row) => keyOf(row) === key)));
  const cause = request.requestId ?? request.actor.subject;
  await recordingOwnerChanges(em, { resourceIds: [resource.id], now, cause }, async () => {
    for (const gone of before.filter((row) => !stays.has(keyOf(row)))) {
      await em.nativeDelete(CloudResourceMembership, { resource: resource.id, startsAt: gone.startsAt });
    }
    await em.insertMany(
      CloudResourceMembership,
      memberships.filter((row) => !stays.has(keyOf(row))).map((row) => ({ ...row, resource: resource.id })),
    );
  });
  const deploymentId = ownerAt(memberships, now);
  const tenantId = await tenantOf(em, resource, deploymentId);
  const owner = { from: resource.deploymentId ?? null, to: deploymentId };
  const tenant = { from: resource.tenantId ?? null, to: tenantId };
  resource.deploymentId = deploymentId;
  resource.tenantId = tenantId;
  const said = { from: before.map(asRow), to: memberships.map(asRow) };
  em.create(CloudResourceEvent, {
    resource: resource.id,
    type: 'moved',
    occurredAt: now,
    changes: {
      memberships: said,
      ...(owner.from === owner.to ? {} : { deployment_id: owner }),
      ...(tenant.from === tenant.to ? {} : { tenant_id: tenant }),
    },
  });
  await em.flush();
  await recordMove(em, locked, memberships, change, request);
  await meterResources(em, {
    resourceIds: [resource.id],
    deploymentIds: [...new Set([...before, ...memberships].map((row) => row.deploymentId))],
    from: dayOf(change.from.toISOString()),
    until: addDays(dayOf(now.toISOString()), 1),
    now,
  });
}

/** A deployment's, else, for what stands alone, its project's. */
async function tenantOf(
  em: EntityManager,
  resource: CloudResource,
  deploymentId: string | null,
): Promise<string | null> {
  if (deploymentId !== null) {
    return (await em.findOneOrFail(CloudDeployment, { id: deploymentId })).tenantId;
  }
  if (resource.project == null) return null;
  return (await em.findOneOrFail(CloudProject, { id: resource.project })).tenantId ?? null;
}

async function recordMove(
  em: EntityManager,
  { resource, memberships: before }: LockedResource,
  after: readonly Membership[],
  change: { readonly action: 'attach' | 'detach'; readonly deploymentId: string },
  request: ChangeRequest,
): Promise<void> {
  const timeOf = (rows: readonly Membership[], id: string) =>
    rows.filter(({ deploymentId }) => deploymentId === id).map(asRow);
  const ids = [...new Set([...before, ...after].map(({ deploymentId }) => deploymentId))].sort();
  for (const id of ids) {
    const had = timeOf(before, id);
    const has = timeOf(after, id);
    if (JSON.stringify(had) === JSON.stringify(has)) continue;
    const deployment = await em.findOne(CloudDeployment, { id });
    if (deployment === null) continue;
    const isWanted = id === change.deploymentId;
    await recordDeploymentChange(em, deployment, request, {
      type: isWanted && change.action === 'attach' ? 'resource_attached' : 'resource_detached',
      details: {
        resource_id: resource.id,
        kind: resource.kind,
        name: resource.name,
        memberships: has,
      },
      action: `cloud_resource.${isWanted ? change.action : 'detach'}`,
      subjectId: resource.id,
      before: { deployment_id: id, memberships: had },
      after: { deployment_id: id, memberships: has },
    });
  }
}

const keyOf = (row: Membership) => JSON.stringify(asRow(row)) + row.deploymentId;

const asRow = ({ deploymentId, startsAt, endsAt }: Membership): { [column: string]: JsonValue } => ({
  deployment_id: deploymentId,
  starts_at: startsAt.toISOString(),
  ends_at: endsAt?.toISOString() ?? null,
});
