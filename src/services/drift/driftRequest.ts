import type { Session } from '../../session.ts';

/** Who changes what is asked for, or what is known to differ, when and why. */
export interface DriftRequest {
  readonly actor: Session;
  readonly now: Date;
  readonly reason: string;
  readonly requestId?: string | undefined;
  /** Where a process does it. */
  readonly workflowId?: string | undefined;
}

/** By whom: the process where it is one, else the operator's subject. */
export const requesterOf = ({ actor, workflowId }: DriftRequest): string => workflowId ?? actor.subject;
