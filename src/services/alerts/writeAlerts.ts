import type { EntityManager } from '@mikro-orm/postgresql';
import type { AlertFinding, AlertType } from '../../domain/alerts.ts';
import { type WebhookEvent, writeDeliveries } from '../webhooks/writeDeliveries.ts';

/** What of a rule its alerts are written with. */
export interface AlertingRule {
  readonly id: string;
  readonly type: AlertType;
  readonly threshold: string | null;
  readonly currency: string | null;
}

interface AlertRow {
  id: string;
  subject: string;
  tenant_id: string | null;
  value: string | null;
  threshold: string | null;
  currency: string | null;
  message: string;
  opened_at: string;
  resolved_at: string | null;
}

const returned = `id, subject, tenant_id, trim_scale(value)::text as value, trim_scale(threshold)::text as threshold, currency, message,
  to_char(opened_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as opened_at,
  to_char(resolved_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as resolved_at`;

/**
 * Writes what a look at the books found for one rule, in the transaction of `em`: what is new opens an alert, what is still so is seen
 * again, what is gone is resolved, and what could not be measured stays. Each change writes its webhooks. Of a rule that was changed
 * since it was read, nothing is written.
 */
export async function writeAlerts(
  em: EntityManager,
  rule: AlertingRule,
  finding: AlertFinding,
  now: Date,
): Promise<{ readonly opened: number; readonly resolved: number }> {
  const [same] = await em.execute<object[]>(
    `select 1 from alert_rules where id = ? and enabled and deleted_at is null and threshold is not distinct from ?::numeric for update`,
    [rule.id, rule.threshold],
  );
  if (same === undefined) return { opened: 0, resolved: 0 };
  const found = JSON.stringify(
    finding.conditions.map(({ subject, tenantId, value, message }) => ({
      subject,
      tenant_id: tenantId,
      value,
      message,
    })),
  );
  await em.execute(
    `update alerts alert set value = met.value, threshold = ?::numeric, message = met.message, last_seen_at = ?
     from jsonb_to_recordset(?::jsonb) as met (subject text, value numeric, message text)
     where alert.rule_id = ? and alert.subject = met.subject and alert.state <> 'resolved'`,
    [rule.threshold, now, found, rule.id],
  );
  const opened = await em.execute<AlertRow[]>(
    `insert into alerts (rule_id, subject, tenant_id, state, value, threshold, currency, message, opened_at, last_seen_at)
     select ?::uuid, met.subject, met.tenant_id, 'open', met.value, ?::numeric, ?::text, met.message, ?, ?
     from jsonb_to_recordset(?::jsonb) as met (subject text, tenant_id text, value numeric, message text)
     on conflict (rule_id, subject) where state <> 'resolved' do nothing
     returning ${returned}`,
    [rule.id, rule.threshold, rule.currency, now, now, found],
  );
  const kept = finding.unknown === 'everything' ? null : finding.unknown === 'nothing' ? [] : finding.unknown;
  const resolved = kept === null ? [] : await resolve(em, rule.id, now, { found, kept });
  await announce(em, rule, { opened, resolved }, now);
  return { opened: opened.length, resolved: resolved.length };
}

/** Resolves all alerts of a rule that looks no more, in the transaction of `em`. */
export async function resolveAlerts(em: EntityManager, rule: AlertingRule, now: Date): Promise<void> {
  const resolved = await resolve(em, rule.id, now, { found: '[]', kept: [] });
  await announce(em, rule, { opened: [], resolved }, now);
}

function resolve(
  em: EntityManager,
  ruleId: string,
  now: Date,
  { found, kept }: { readonly found: string; readonly kept: readonly string[] },
): Promise<AlertRow[]> {
  return em.execute<AlertRow[]>(
    `update alerts set state = 'resolved', resolved_at = ?
     where rule_id = ? and state <> 'resolved'
       and subject not in (select met.subject from jsonb_to_recordset(?::jsonb) as met (subject text))
       and subject not in (select jsonb_array_elements_text(?::jsonb))
     returning ${returned}`,
    [now, ruleId, found, JSON.stringify(kept)],
  );
}

function announce(
  em: EntityManager,
  rule: AlertingRule,
  changed: { readonly opened: readonly AlertRow[]; readonly resolved: readonly AlertRow[] },
  now: Date,
): Promise<void> {
  const told = (type: WebhookEvent['type'], { id, ...alert }: AlertRow): WebhookEvent => ({
    type,
    data: { alert_id: id, rule_id: rule.id, rule_type: rule.type, ...alert },
  });
  const events = [
    ...changed.opened.map((alert) => told('alert.opened', alert)),
    ...changed.resolved.map((alert) => told('alert.resolved', alert)),
  ];
  return writeDeliveries(em, events, now);
}
