import { type Session, sessionRoles } from '../session.ts';
import type { OperatorRequest } from '../workflows/rollUpMessages.ts';

/** Who decided, and why, as the audit log keeps it. @throws Error where the role is none */
export function toDecision(request: OperatorRequest): {
  actor: Session;
  reason: string;
  requestId: string | undefined;
} {
  const role = sessionRoles.find((known) => known === request.role);
  if (role === undefined) throw new Error(`"${request.role}" is no role`);
  return {
    actor: { role, tenantId: '', subject: request.subject },
    reason: request.reason,
    requestId: request.requestId,
  };
}
