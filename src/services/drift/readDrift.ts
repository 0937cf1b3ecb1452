import type { EntityManager } from '@mikro-orm/postgresql';
import { CloudDriftRevert } from '../../entities/cloudDriftRevert.ts';
import { findDrifts, type ListedDrift } from './listDrift.ts';

/** One drift with its reverts, the latest first; null where there is none of that id. */
export async function readDrift(
  em: EntityManager,
  id: string,
): Promise<{ readonly drift: ListedDrift; readonly reverts: CloudDriftRevert[] } | null> {
  const [drift] = await findDrifts(em, [id]);
  if (drift === undefined) return null;
  const reverts = await em.find(
    CloudDriftRevert,
    { drift: id },
    { orderBy: { createdAt: 'desc', id: 'desc' }, disableIdentityMap: true },
  );
  return { drift, reverts };
}
