import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { workflowIds } from '../workflows/ids.ts';
import type {
  DecommissionDeploymentInput,
  ProvisionDeploymentInput,
} from '../workflows/provisioningMessages.ts';
import { searchAttributes } from '../workflows/searchAttributes.ts';
import { taskQueues } from '../workflows/taskQueues.ts';
import type { StartedWorkflow } from './startWorkflow.ts';

/** Starts the provisioning of a deployment. @returns undefined where one runs already */
export function startProvisioning(
  client: Client,
  tenantId: string,
  input: ProvisionDeploymentInput,
): Promise<StartedWorkflow | undefined> {
  return start(client, 'provisionDeployment', {
    workflowId: workflowIds.provisionDeployment(input.deploymentId),
    input,
    tenantId,
    summary: `Create a deployment's resources by ${input.template.code} ${input.template.version}`,
  });
}

/** Starts taking a cancelled deployment apart. @returns undefined where that runs already */
export function startDecommission(
  client: Client,
  tenantId: string,
  input: DecommissionDeploymentInput,
): Promise<StartedWorkflow | undefined> {
  return start(client, 'decommissionDeployment', {
    workflowId: workflowIds.decommissionDeployment(input.deploymentId),
    input,
    tenantId,
    summary: "Destroy a cancelled deployment's resources",
  });
}

async function start(
  client: Client,
  workflow: 'provisionDeployment' | 'decommissionDeployment',
  options: {
    readonly workflowId: string;
    readonly input: ProvisionDeploymentInput | DecommissionDeploymentInput;
    readonly tenantId: string;
    readonly summary: string;
  },
): Promise<StartedWorkflow | undefined> {
  try {
    const handle = await client.workflow.start(workflow, {
      workflowId: options.workflowId,
      taskQueue: taskQueues.provisioning,
      args: [options.input],
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: options.summary,
      typedSearchAttributes: [
        { key: searchAttributes.deployment, value: options.input.deploymentId },
        { key: searchAttributes.tenant, value: options.tenantId },
      ],
    });
    return { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}
