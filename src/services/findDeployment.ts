import type { EntityManager } from '@mikro-orm/postgresql';
import { CloudDeployment } from '../entities/cloudDeployment.ts';
import type { Session } from '../session.ts';

/** A deployment that the actor may see, null where there is none. */
export function findDeployment(
  em: EntityManager,
  id: string,
  actor: Session,
): Promise<CloudDeployment | null> {
  return em.findOne(CloudDeployment, {
    id,
    ...(actor.role === 'tenant' ? { tenantId: actor.tenantId } : {}),
  });
}

/**
 * The same, locked: changes of one deployment and its subscription are made one after the other. The weaker lock, so that rows that
 * only refer to the deployment (usage, events) don't wait.
 */
export async function lockDeployment(
  em: EntityManager,
  id: string,
  actor: Session,
): Promise<CloudDeployment | null> {
  await em.execute('select from cloud_deployments where id = ? for no key update', [id]);
  return findDeployment(em, id, actor);
}
