import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { CloudProject } from '../entities/cloudProject.ts';
import { CloudResource } from '../entities/cloudResource.ts';
import type { Session } from '../session.ts';
import { recordingOwnerChanges } from './margin/ownerChanges.ts';
import { recordAudit } from './recordAudit.ts';

export interface ProjectAssignment {
  readonly projectId: string;
  /** Null takes the project from its tenant. */
  readonly tenantId: string | null;
  readonly reason: string;
  readonly actor: Session;
  readonly at: Date;
  readonly requestId: string;
}

/**
 * Gives a project and its standalone resources (those without a deployment, gone ones too) to a tenant, with an audit row and what that
 * moves of their cost, in one transaction.
 * @returns the project and how many resources it took along; undefined where there is no such project
 */
export function assignProjectTenant(
  em: EntityManager,
  assignment: ProjectAssignment,
): Promise<{ project: CloudProject; resources: number } | undefined> {
  const { projectId, tenantId } = assignment;
  return em.transactional(async (transaction) => {
    const project = await transaction.findOne(
      CloudProject,
      { id: projectId },
      { lockMode: LockMode.PESSIMISTIC_WRITE },
    );
    if (project === null) return undefined;
    const before = { tenant_id: project.tenantId ?? null };
    const resources = await recordingOwnerChanges(
      transaction,
      {
        resourceIds: await resourcesOf(transaction, projectId),
        now: assignment.at,
        cause: assignment.requestId,
      },
      async () => {
        project.tenantId = tenantId;
        await transaction.flush();
        return transaction.nativeUpdate(
          CloudResource,
          { project: projectId, deploymentId: null },
          { tenantId },
        );
      },
    );
    await recordAudit(transaction, assignment.actor, {
      occurredAt: assignment.at,
      action: 'cloud_project.assign_tenant',
      subjectType: 'cloud_project',
      subjectId: projectId,
      reason: assignment.reason,
      before,
      after: { tenant_id: tenantId, resources },
      requestId: assignment.requestId,
    });
    return { project, resources };
  });
}

/** All of the project's resources: of one with a deployment, too, the time without is the project's. */
async function resourcesOf(em: EntityManager, projectId: string): Promise<string[]> {
  const rows = await em.execute<{ id: string }[]>('select id from cloud_resources where project_id = ?', [
    projectId,
  ]);
  return rows.map((row) => row.id);
}
