import type { OperatorRequest } from '../workflows/rollUpMessages.ts';
import type { Caller } from './requestState.ts';

/** What an operator asks of a rollup, as its process is told. */
export const toRequest = (caller: Caller, why: string, requestId: string): OperatorRequest => ({
  subject: caller.subject,
  role: caller.role,
  reason: why,
  requestId,
});
