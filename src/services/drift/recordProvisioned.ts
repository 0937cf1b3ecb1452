import type { EntityManager } from '@mikro-orm/postgresql';
import type { Spec } from '../../domain/drift/liveValues.ts';
import { CloudProvisioned } from '../../entities/cloudProvisioned.ts';
import type { ReasonedRequest } from '../recordChange.ts';
import { recordChange } from '../recordChange.ts';
import { lockDecisions, refuseLiveRevert } from './lockDrift.ts';
import { withdrawSpecs, writeSpecs } from './writeSpecs.ts';

/**
 * Says what a resource is to be, as a whole: a field that the spec lacks may be anything. A spec that differs, or one after a
 * withdrawal, is a new version; the same one again changes nothing, so that a retry does no harm.
 * @returns the version in force; null where there is no such resource
 * @throws RevertInProgress where a revert changes the resource back to the spec in force
 */
export function recordProvisioned(
  em: EntityManager,
  wanted: { readonly resourceId: string; readonly spec: Spec },
  request: ReasonedRequest,
): Promise<number | null> {
  return em.transactional(async (transaction) => {
    const { resourceId } = wanted;
    await lockDecisions(transaction, [resourceId]);
    const [written] = await writeSpecs(transaction, [wanted], 'provisioned', request);
    if (written === undefined) {
      return (await readProvisioned(transaction, resourceId))?.specVersion ?? null;
    }
    await refuseLiveRevert(transaction, [resourceId]);
    await recordChange(transaction, request, {
      subjectType: 'cloud_resource',
      subjectId: resourceId,
      action: 'cloud_provisioned.record',
      before: { spec: written.earlierSpec, spec_version: written.earlierVersion },
      after: { spec: wanted.spec, spec_version: written.specVersion },
    });
    return written.specVersion;
  });
}

/**
 * Asks nothing of a resource any more: that it is gone, or is as it is, is no drift then.
 * @returns false where nothing was asked of it
 * @throws RevertInProgress
 */
export function withdrawProvisioned(
  em: EntityManager,
  resourceId: string,
  request: ReasonedRequest,
): Promise<boolean> {
  return em.transactional(async (transaction) => {
    await lockDecisions(transaction, [resourceId]);
    const [withdrawn] = await withdrawSpecs(transaction, [resourceId], 'provisioned', request);
    if (withdrawn === undefined) return false;
    await refuseLiveRevert(transaction, [resourceId]);
    await recordChange(transaction, request, {
      subjectType: 'cloud_resource',
      subjectId: resourceId,
      action: 'cloud_provisioned.withdraw',
      before: { spec: withdrawn.spec, spec_version: withdrawn.specVersion },
      after: { spec: null, spec_version: withdrawn.specVersion },
    });
    return true;
  });
}

/** What is asked of a resource, a withdrawn spec too; null where nothing ever was. */
export function readProvisioned(em: EntityManager, resourceId: string): Promise<CloudProvisioned | null> {
  return em.findOne(CloudProvisioned, { resource: resourceId }, { disableIdentityMap: true });
}
