import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Conflict } from '../../domain/errors.ts';
import { Alert, type AlertState } from '../../entities/alert.ts';
import type { KeysetPage } from '../listInventory.ts';
import { type ReasonedRequest, recordChange } from '../recordChange.ts';

/** Where a page of alerts ends. */
export interface AlertKey {
  readonly openedAt: string;
  readonly id: string;
}

/** Alerts, the newest first. */
export function listAlerts(
  em: EntityManager,
  filter: {
    readonly state?: AlertState | undefined;
    readonly ruleId?: string | undefined;
    readonly tenantId?: string | undefined;
  },
  page: KeysetPage<AlertKey>,
): Promise<Alert[]> {
  const after = page.after && { openedAt: new Date(page.after.openedAt), id: page.after.id };
  return em.find(
    Alert,
    {
      ...(filter.state === undefined ? {} : { state: filter.state }),
      ...(filter.ruleId === undefined ? {} : { rule: filter.ruleId }),
      ...(filter.tenantId === undefined ? {} : { tenantId: filter.tenantId }),
      ...(after === undefined
        ? {}
        : {
            $or: [{ openedAt: { $lt: after.openedAt } }, { openedAt: after.openedAt, id: { $lt: after.id } }],
          }),
    },
    { orderBy: { openedAt: 'desc', id: 'desc' }, limit: page.limit + 1 },
  );
}

/**
 * Notes that somebody knows of an open alert; it stays unresolved for as long as what it tells of is so.
 * @returns null where there is none
 * @throws Conflict `alert_not_open`
 */
export function acknowledgeAlert(
  em: EntityManager,
  id: string,
  request: ReasonedRequest,
): Promise<Alert | null> {
  return em.transactional(async (transaction) => {
    const alert = await transaction.findOne(Alert, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (alert === null) return null;
    if (alert.state !== 'open') {
      throw new Conflict('alert_not_open', `this alert is ${alert.state}: only an open one is acknowledged`, {
        context: { state: alert.state },
      });
    }
    alert.state = 'acknowledged';
    alert.acknowledgedAt = request.now;
    alert.acknowledgedBy = request.actor.subject;
    alert.acknowledgedReason = request.reason;
    await transaction.flush();
    await recordChange(transaction, request, {
      action: 'alert.acknowledge',
      subjectId: id,
      before: { state: 'open' },
      after: { state: 'acknowledged' },
    });
    return alert;
  });
}
