import { randomUUID } from 'node:crypto';
import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { type AlertThreshold, alertRuleFault } from '../../domain/alerts.ts';
import { type JsonValue, Unprocessable } from '../../domain/errors.ts';
import { AlertRule } from '../../entities/alertRule.ts';
import type { KeysetPage } from '../listInventory.ts';
import { type ChangeRequest, recordChange } from '../recordChange.ts';
import { resolveAlerts } from './writeAlerts.ts';

/** @throws Unprocessable `invalid_alert_rule` */
export function createAlertRule(
  em: EntityManager,
  wanted: AlertThreshold & { readonly enabled: boolean },
  request: ChangeRequest,
): Promise<AlertRule> {
  refuseFault(wanted);
  return em.transactional(async (transaction) => {
    const rule = transaction.create(AlertRule, {
      id: randomUUID(),
      type: wanted.type,
      tenantId: wanted.tenantId,
      threshold: wanted.threshold,
      currency: wanted.currency,
      enabled: wanted.enabled,
      createdAt: request.now,
      createdBy: request.actor.subject,
      updatedAt: request.now,
      updatedBy: request.actor.subject,
      deletedAt: null,
    });
    await transaction.flush();
    await recordChange(transaction, request, {
      action: 'alert_rule.create',
      subjectId: rule.id,
      after: contentOf(rule),
    });
    return rule;
  });
}

/**
 * Changes the threshold, or whether the rule looks. The next evaluation goes by it; where it looks no more, its alerts are resolved.
 * @returns null where there is none
 * @throws Unprocessable `invalid_alert_rule`
 */
export function changeAlertRule(
  em: EntityManager,
  id: string,
  changes: { readonly threshold?: string | undefined; readonly enabled?: boolean | undefined },
  request: ChangeRequest,
): Promise<AlertRule | null> {
  return em.transactional(async (transaction) => {
    const rule = await locked(transaction, id);
    if (rule === null) return null;
    const before = contentOf(rule);
    rule.threshold = changes.threshold ?? rule.threshold;
    rule.enabled = changes.enabled ?? rule.enabled;
    refuseFault(thresholdOf(rule));
    touch(rule, request);
    await transaction.flush();
    if (!rule.enabled) await resolveAlerts(transaction, alerting(rule), request.now);
    await recordChange(transaction, request, {
      action: 'alert_rule.change',
      subjectId: rule.id,
      before,
      after: contentOf(rule),
    });
    return rule;
  });
}

/** Deletes a rule and resolves its alerts, which stay to be read. @returns null where there is none */
export function deleteAlertRule(
  em: EntityManager,
  id: string,
  request: ChangeRequest,
): Promise<AlertRule | null> {
  return em.transactional(async (transaction) => {
    const rule = await locked(transaction, id);
    if (rule === null) return null;
    rule.enabled = false;
    rule.deletedAt = request.now;
    touch(rule, request);
    await transaction.flush();
    await resolveAlerts(transaction, alerting(rule), request.now);
    await recordChange(transaction, request, {
      action: 'alert_rule.delete',
      subjectId: rule.id,
      before: contentOf(rule),
    });
    return rule;
  });
}

/** Rules by id, but for deleted ones. */
export function listAlertRules(em: EntityManager, page: KeysetPage<string>): Promise<AlertRule[]> {
  return em.find(
    AlertRule,
    { deletedAt: null, ...(page.after === undefined ? {} : { id: { $gt: page.after } }) },
    { orderBy: { id: 'asc' }, limit: page.limit + 1 },
  );
}

function refuseFault(rule: AlertThreshold): void {
  const fault = alertRuleFault(rule);
  if (fault !== null) throw new Unprocessable('invalid_alert_rule', fault.message, { field: fault.field });
}

const locked = (em: EntityManager, id: string) =>
  em.findOne(AlertRule, { id, deletedAt: null }, { lockMode: LockMode.PESSIMISTIC_WRITE });

function touch(rule: AlertRule, { actor, now }: ChangeRequest): void {
  rule.updatedAt = now;
  rule.updatedBy = actor.subject;
}

const thresholdOf = (rule: AlertRule): AlertThreshold => ({
  type: rule.type,
  tenantId: rule.tenantId ?? null,
  threshold: rule.threshold ?? null,
  currency: rule.currency ?? null,
});
const alerting = (rule: AlertRule) => ({ id: rule.id, ...thresholdOf(rule) });

const contentOf = (rule: AlertRule): { [column: string]: JsonValue } => ({
  type: rule.type,
  tenant_id: rule.tenantId ?? null,
  threshold: rule.threshold ?? null,
  currency: rule.currency ?? null,
  enabled: rule.enabled,
});
