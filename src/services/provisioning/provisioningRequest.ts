import type { Session } from '../../session.ts';

/** Who has resources created or destroyed, when and why, and in which process. */
export interface ProvisioningRequest {
  readonly actor: Session;
  readonly now: Date;
  readonly reason: string;
  readonly requestId?: string | undefined;
  readonly workflowId: string;
}

/** What every audit row of a request says. */
export const auditOf = ({ now, reason, requestId, workflowId }: ProvisioningRequest) => ({
  occurredAt: now,
  reason,
  workflowId,
  ...(requestId === undefined ? {} : { requestId }),
});
