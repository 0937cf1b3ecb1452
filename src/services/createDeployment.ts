import { randomUUID } from 'node:crypto';
import { UniqueConstraintViolationException } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Conflict, Forbidden, Unprocessable } from '../domain/errors.ts';
import { CloudDeployment } from '../entities/cloudDeployment.ts';
import { recordDeploymentChange } from './deploymentChange.ts';
import type { ChangeRequest } from './recordChange.ts';

export interface NewDeployment {
  /** A tenant's own where it is absent; admins name it. */
  readonly tenantId?: string | undefined;
  readonly slug: string;
  /** The slug where it is absent. */
  readonly displayName?: string | undefined;
  readonly region?: string | undefined;
  /** Only admins begin a trial. */
  readonly state?: 'trial' | 'active' | undefined;
  readonly llmMode?: string | undefined;
  readonly billingActionSuspended?: boolean | undefined;
  readonly templateCode?: string | undefined;
  readonly templateVersion?: number | undefined;
}

/**
 * Creates a deployment, active unless an admin begins it as a trial, with its first event and an audit row.
 * @throws Forbidden, Unprocessable `tenant_required`, Conflict `slug_taken`
 */
export async function createDeployment(
  em: EntityManager,
  wanted: NewDeployment,
  request: ChangeRequest,
): Promise<CloudDeployment> {
  const tenantId = tenantOf(wanted, request);
  const id = randomUUID();
  try {
    return await em.transactional(async (transaction) => {
      const deployment = transaction.create(CloudDeployment, {
        id,
        tenantId,
        slug: wanted.slug,
        displayName: wanted.displayName ?? wanted.slug,
        region: wanted.region ?? null,
        state: wanted.state ?? 'active',
        llmMode: wanted.llmMode ?? 'gateway',
        billingActionSuspended: wanted.billingActionSuspended ?? false,
        templateCode: wanted.templateCode ?? null,
        templateVersion: wanted.templateVersion ?? null,
        createdAt: request.now,
        updatedAt: request.now,
      });
      await transaction.flush();
      await recordDeploymentChange(transaction, deployment, request, {
        type: 'created',
        toState: deployment.state,
        details: { slug: deployment.slug },
        action: 'cloud_deployment.create',
        subjectId: id,
        after: { tenant_id: tenantId, slug: deployment.slug, state: deployment.state },
      });
      return deployment;
    });
  } catch (error) {
    if (!(error instanceof UniqueConstraintViolationException)) throw error;
    throw new Conflict('slug_taken', `tenant "${tenantId}" has a deployment "${wanted.slug}" already`, {
      context: { slug: wanted.slug },
    });
  }
}

function tenantOf(wanted: NewDeployment, { actor }: ChangeRequest): string {
  if (actor.role === 'tenant') {
    if ((wanted.tenantId ?? actor.tenantId) !== actor.tenantId) {
      throw new Forbidden('only admins create deployments of another tenant');
    }
    if (wanted.state !== undefined && wanted.state !== 'active') {
      throw new Forbidden('only admins begin a trial');
    }
    if (wanted.billingActionSuspended === true) {
      throw new Forbidden('only admins suspend billing actions');
    }
    return actor.tenantId;
  }
  if (wanted.tenantId === undefined) {
    throw new Unprocessable('tenant_required', 'tenant_id is required: whose deployment is it?', {
      field: 'tenant_id',
    });
  }
  return wanted.tenantId;
}
