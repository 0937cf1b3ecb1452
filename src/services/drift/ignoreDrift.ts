import type { EntityManager } from '@mikro-orm/postgresql';
import type { ReasonedRequest } from '../recordChange.ts';
import { closeIgnored } from './closeIgnored.ts';
import { addIgnoreRule } from './driftIgnoreRules.ts';
import { lockOpenDrifts } from './lockDrift.ts';

/** `resource`: this difference of this resource. `kind`: this difference of every resource of its provider's kind. */
export const ignoreScopes = ['resource', 'kind'] as const;
export type IgnoreScope = (typeof ignoreScopes)[number];

/**
 * Closes an open drift as ignored, by a rule that keeps it closed until it expires, and whatever else is open and matches that rule.
 * @returns false where there is no such drift
 * @throws DriftNotOpen, RevertInProgress; Unprocessable `invalid_expiry`
 */
export function ignoreDrift(
  em: EntityManager,
  id: string,
  wanted: { readonly scope: IgnoreScope; readonly expiresAt: Date },
  request: ReasonedRequest,
): Promise<boolean> {
  return em.transactional(async (transaction) => {
    const [drift] = await lockOpenDrifts(transaction, [id]);
    if (drift === undefined) return false;
    const rule = await addIgnoreRule(
      transaction,
      {
        ...(wanted.scope === 'resource'
          ? { resourceId: drift.resourceId }
          : { provider: drift.provider, kind: drift.kind }),
        field: drift.field ?? drift.type,
        owner: request.actor.subject,
        expiresAt: wanted.expiresAt,
      },
      request,
    );
    await closeIgnored(transaction, rule, request);
    return true;
  });
}
