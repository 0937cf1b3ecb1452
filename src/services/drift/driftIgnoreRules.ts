import { randomUUID } from 'node:crypto';
import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Conflict, type JsonValue, Unprocessable } from '../../domain/errors.ts';
import type { ResourceKind } from '../../domain/resourceKind.ts';
import { CloudResource } from '../../entities/cloudResource.ts';
import { DriftIgnoreRule } from '../../entities/driftIgnoreRule.ts';
import type { KeysetPage } from '../listInventory.ts';
import type { ReasonedRequest } from '../recordChange.ts';
import { recordChange } from '../recordChange.ts';
import { closeIgnored } from './closeIgnored.ts';

/** Nobody looks at what is ignored, so no rule is for ever. */
const longestDays = 366;

/** What a rule is to match: what is absent matches everything. */
export interface WantedIgnoreRule {
  readonly provider?: string | undefined;
  readonly kind?: ResourceKind | undefined;
  readonly resourceId?: string | undefined;
  /** A field of the spec, or `missing` or `unmanaged`. */
  readonly field?: string | undefined;
  /** Who answers for it. */
  readonly owner: string;
  readonly expiresAt: Date;
}

/**
 * Makes a rule, and closes as ignored what is open and matches it, but for what a revert is at work on.
 * @returns the rule, and how many drifts it closed
 * @throws Unprocessable `ignore_rule_too_wide`, `invalid_expiry`, `unknown_resource`, `other_kind`
 */
export function createIgnoreRule(
  em: EntityManager,
  wanted: WantedIgnoreRule,
  request: ReasonedRequest,
): Promise<{ readonly rule: DriftIgnoreRule; readonly closed: number }> {
  return em.transactional(async (transaction) => {
    if (wanted.kind === undefined && wanted.resourceId === undefined) {
      throw new Unprocessable(
        'ignore_rule_too_wide',
        'name a kind or a resource_id: a rule never matches everything',
        {
          field: 'kind',
        },
      );
    }
    await refuseOtherResource(transaction, wanted);
    const rule = await addIgnoreRule(transaction, wanted, request);
    const closed = await closeIgnored(transaction, rule, request);
    return { rule, closed };
  });
}

/** Writes a rule with its audit row, and closes nothing. @throws Unprocessable `invalid_expiry` */
export async function addIgnoreRule(
  em: EntityManager,
  wanted: WantedIgnoreRule,
  request: ReasonedRequest,
): Promise<DriftIgnoreRule> {
  refuseExpiry(wanted.expiresAt, request.now);
  const rule = em.create(DriftIgnoreRule, {
    id: randomUUID(),
    provider: wanted.provider ?? null,
    kind: wanted.kind ?? null,
    resource: wanted.resourceId ?? null,
    field: wanted.field ?? null,
    owner: wanted.owner,
    reason: request.reason,
    expiresAt: wanted.expiresAt,
    createdAt: request.now,
    createdBy: request.actor.subject,
    endedAt: null,
  });
  await em.flush();
  await recordChange(em, request, {
    subjectId: rule.id,
    action: 'drift_ignore_rule.create',
    after: contentOf(rule),
  });
  return rule;
}

/**
 * Ends a rule before it expires. What it had closed stays closed; where the difference is still there, the next sweep opens it anew.
 * @returns null where there is no such rule
 * @throws Conflict `ignore_rule_over`
 */
export function endIgnoreRule(
  em: EntityManager,
  id: string,
  request: ReasonedRequest,
): Promise<DriftIgnoreRule | null> {
  return em.transactional(async (transaction) => {
    const rule = await transaction.findOne(DriftIgnoreRule, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (rule === null) return null;
    const overSince = rule.endedAt ?? (rule.expiresAt <= request.now ? rule.expiresAt : null);
    if (overSince !== null) {
      const at = overSince.toISOString();
      throw new Conflict(
        'ignore_rule_over',
        `this rule ${rule.endedAt == null ? 'expired' : 'was ended'} at ${at}`,
        {
          context: { over_since: at },
        },
      );
    }
    rule.endedAt = request.now;
    await transaction.flush();
    await recordChange(transaction, request, {
      subjectId: rule.id,
      action: 'drift_ignore_rule.end',
      before: contentOf(rule),
    });
    return rule;
  });
}

/** Where a page of rules ends. */
export interface IgnoreRuleKey {
  readonly expiresAt: string;
  readonly id: string;
}

/** Rules in force, or those that are over, by their expiry. */
export function listIgnoreRules(
  em: EntityManager,
  filter: { readonly isOver: boolean; readonly now: Date },
  page: KeysetPage<IgnoreRuleKey>,
): Promise<DriftIgnoreRule[]> {
  const { isOver, now } = filter;
  const after = page.after && { expiresAt: new Date(page.after.expiresAt), id: page.after.id };
  return em.find(
    DriftIgnoreRule,
    {
      $and: [
        isOver
          ? { $or: [{ endedAt: { $ne: null } }, { expiresAt: { $lte: now } }] }
          : { endedAt: null, expiresAt: { $gt: now } },
        after === undefined
          ? {}
          : {
              $or: [
                { expiresAt: { $gt: after.expiresAt } },
                { expiresAt: after.expiresAt, id: { $gt: after.id } },
              ],
            },
      ],
    },
    { orderBy: { expiresAt: 'asc', id: 'asc' }, limit: page.limit + 1 },
  );
}

function refuseExpiry(expiresAt: Date, now: Date): void {
  const latest = new Date(now.getTime() + longestDays * 24 * 3_600_000);
  if (expiresAt > now && expiresAt <= latest) return;
  throw new Unprocessable(
    'invalid_expiry',
    `expires_at must lie ahead, by ${longestDays} days at most: up to ${latest.toISOString()}`,
    { field: 'expires_at' },
  );
}

async function refuseOtherResource(em: EntityManager, wanted: WantedIgnoreRule): Promise<void> {
  if (wanted.resourceId === undefined) return;
  const resource = await em.findOne(CloudResource, { id: wanted.resourceId });
  if (resource === null) {
    throw new Unprocessable('unknown_resource', `there is no resource ${wanted.resourceId}`, {
      field: 'resource_id',
    });
  }
  for (const [field, value] of [
    ['kind', wanted.kind],
    ['provider', wanted.provider],
  ] as const) {
    if (value === undefined || value === resource[field]) continue;
    throw new Unprocessable(
      `other_${field}`,
      `the resource's ${field} is ${resource[field]}: the rule would match nothing`,
      {
        field,
      },
    );
  }
}

const contentOf = (rule: DriftIgnoreRule): { [column: string]: JsonValue } => ({
  provider: rule.provider ?? null,
  kind: rule.kind ?? null,
  resource_id: rule.resource ?? null,
  field: rule.field ?? null,
  owner: rule.owner,
  reason: rule.reason,
  expires_at: rule.expiresAt.toISOString(),
});
