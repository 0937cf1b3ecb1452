import type { ChangeRequest } from '../services/recordChange.ts';
import type { OperatorRequest } from '../workflows/rollUpMessages.ts';
import type { CallerRequest } from './route.ts';

type Asked = Pick<CallerRequest<unknown, unknown, unknown>, 'caller' | 'now' | 'requestId'>;

/** Who asks for a change, when and why, as a service is told. */
export const toChangeRequest = <Reason extends string | undefined>(
  { caller, now, requestId }: Asked,
  reason: Reason,
): ChangeRequest & { readonly reason: Reason } => ({ actor: caller, now, requestId, reason });

/** Who asks and why, as a process is told. */
export const toOperatorRequest = (
  { caller, requestId }: Omit<Asked, 'now'>,
  reason: string,
): OperatorRequest => ({ subject: caller.subject, role: caller.role, reason, requestId });
