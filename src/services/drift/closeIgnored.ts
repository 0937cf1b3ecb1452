import type { EntityManager } from '@mikro-orm/postgresql';
import type { DriftIgnoreRule } from '../../entities/driftIgnoreRule.ts';
import type { ReasonedRequest } from '../recordChange.ts';
import { ignoreRuleMatches } from './ignoreRuleMatch.ts';
import { isReverting } from './isReverting.ts';

/**
 * Closes every open drift that a rule matches, with an audit row each. What a revert is at work on, and what somebody else decides
 * about at this very moment, stays as it is: the next sweep closes it where it is still open.
 * @returns how many
 */
export async function closeIgnored(
  em: EntityManager,
  rule: DriftIgnoreRule,
  request: ReasonedRequest,
): Promise<number> {
  const [row] = await em.execute<{ closed: number }[]>(closeMatching, [
    rule.id,
    request.now,
    request.actor.subject,
    request.reason,
    request.now,
    request.actor.subject,
    request.actor.role,
    request.actor.tenantId,
    request.reason,
    rule.id,
    request.requestId ?? null,
  ]);
  return row?.closed ?? 0;
}

const closeMatching = `
  with matched as (
    select drift.id, drift.resource_id, rule.id as rule_id from cloud_drift drift
    join drift_ignore_rules rule on rule.id = ? and ${ignoreRuleMatches('rule', 'drift')}
    where drift.state = 'open'
    for update of drift skip locked
  ),
  closed as (
    update cloud_drift drift set state = 'ignored', resolved_at = ?, resolved_by = ?, reason = ?, ignore_rule_id = matched.rule_id
    from matched
    where drift.id = matched.id and not ${isReverting('matched.resource_id')}
    returning drift.id, drift.resource_id, drift.type, drift.field, drift.desired, drift.actual
  ),
  audited as (
    insert into audit_log (occurred_at, actor, role, tenant_id, action, subject_type, subject_id, reason, before, after, request_id)
    select ?, ?, ?, nullif(?, ''), 'cloud_drift.ignore', 'cloud_drift', id::text, ?,
      jsonb_build_object('state', 'open', 'desired', desired, 'actual', actual),
      jsonb_build_object('state', 'ignored', 'resource_id', resource_id, 'type', type, 'field', field, 'ignore_rule_id', ?::text),
      ?
    from closed order by id
  )
  select count(*)::int as closed from closed`;
