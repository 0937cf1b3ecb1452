import type { CloudDeployment } from '../entities/cloudDeployment.ts';
import { hasStandingItems } from '../services/provisioning/beginDecommission.ts';
import { forSession, systemSession } from '../session.ts';
import { provisioningMessages } from '../workflows/provisioningMessages.ts';
import type { OperatorRequest } from '../workflows/rollUpMessages.ts';
import { findRunningRun, updateRun } from './liveProvisioning.ts';
import type { ApiDependencies } from './route.ts';
import { startDecommission } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

/**
 * What follows from the cancel of a deployment, which is committed already: what templates made of it is taken apart after the grace
 * time, and a provisioning that still runs is cancelled. Where Temporal can't be reached, the daily sweep does it.
 */
export async function decommissionCancelled(
  api: ApiDependencies,
  deployment: Pick<CloudDeployment, 'id' | 'tenantId'>,
  request: OperatorRequest,
): Promise<void> {
  const { id: deploymentId, tenantId } = deployment;
  // A tenant may not see what its deployment is made of, and may cancel it all the same.
  const em = forSession(api.orm, systemSession);
  try {
    const live = await findRunningRun(api, em, deploymentId);
    if (live?.type === 'provision') {
      await updateRun(api, live, provisioningMessages.cancelUpdate, { request });
    } else if (live === null && (await hasStandingItems(em, deploymentId))) {
      await callTemporal(api, (client) => startDecommission(client, tenantId, { deploymentId, request }));
    }
  } catch (error) {
    api.log.warn(
      { err: error, deployment_id: deploymentId },
      'the decommission of a cancelled deployment was not started; the daily sweep starts it',
    );
  }
}
