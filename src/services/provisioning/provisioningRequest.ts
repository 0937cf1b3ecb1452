import type { ReasonedRequest } from '../recordChange.ts';

/** Who has resources created or destroyed, when and why, and in which process. */
export interface ProvisioningRequest extends ReasonedRequest {
  readonly workflowId: string;
}
