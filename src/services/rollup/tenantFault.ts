import { ArcadiaError } from '../../domain/errors.ts';

/** Why a tenant can't be invoiced, in words for an operator. */
export interface TenantFault {
  readonly code: string;
  readonly message: string;
}

/** More than a screen of text helps nobody. */
const longestMessage = 1_000;

export function isFault<Value extends object>(value: Value | TenantFault): value is TenantFault {
  return 'code' in value && 'message' in value;
}

/**
 * Does something that touches this one tenant alone and no database: whatever goes wrong there is the tenant's fault, since trying the
 * batch again would end the same way.
 */
export function orFault<Value extends object>(work: () => Value): Value | TenantFault {
  try {
    return work();
  } catch (error) {
    const code = error instanceof ArcadiaError ? error.code : 'pricing_failed';
    const message = error instanceof Error ? error.message : String(error);
    return { code, message: message.slice(0, longestMessage) };
  }
}
