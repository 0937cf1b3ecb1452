import { ApplicationFailure } from '@temporalio/workflow';
import type { OperatorRequest } from './rollUpMessages.ts';

/** Of an update: nobody decides without saying why. @throws ApplicationFailure `reason_required` */
export function refuseWithoutReason({ request }: { readonly request: OperatorRequest }): void {
  if (request.reason.trim() !== '') return;
  throw ApplicationFailure.nonRetryable('reason is empty: say why', 'reason_required');
}
