import type { EntityManager } from '@mikro-orm/postgresql';
import { systemSession } from '../session.ts';
import type { SweepBatch } from './dunning.ts';
import { setDeploymentState } from './setDeploymentState.ts';

/** Makes the next deployments active whose trial has ended. @returns how many; none are left where it is zero */
export function endTrials(em: EntityManager, batch: SweepBatch): Promise<number> {
  return em.transactional(async (transaction) => {
    const found = await transaction.execute<{ id: string; ended_at: Date }[]>(
      `select deployment.id, subscription.trial_ends_at as ended_at
       from cloud_deployments deployment
       join subscriptions subscription on subscription.deployment_id = deployment.id
       where deployment.state = 'trial' and subscription.trial_ends_at <= ?
       order by deployment.id limit ? for no key update of deployment`,
      [batch.now, batch.limit],
    );
    return setDeploymentState(transaction, {
      deployments: found.map(({ id, ended_at }) => ({
        id,
        from: 'trial',
        details: { trial_ended_at: new Date(ended_at).toISOString() },
      })),
      to: 'active',
      at: batch.now,
      actor: systemSession,
      reason: 'the trial has ended',
      workflowId: batch.workflowId,
    });
  });
}
