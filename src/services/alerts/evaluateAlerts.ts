import type { EntityManager } from '@mikro-orm/postgresql';
import {
  type AccrualFigure,
  type AlertFinding,
  type AlertType,
  accrualsAbove,
  marginsBelow,
  spendAbove,
  unattributedAbove,
} from '../../domain/alerts.ts';
import { ArcadiaError } from '../../domain/errors.ts';
import { Decimal } from '../../domain/money.ts';
import type { Period } from '../../domain/period.ts';
import { costsByOwner } from '../margin/costsByOwner.ts';
import { liveAccrual, subscribedTenants } from '../margin/liveAccrual.ts';
import { type MarginSummary, marginSummary } from '../margin/marginSummary.ts';
import { missingPeriods } from '../rollup/periodLedger.ts';
import { disabledEndpoints } from '../webhooks/webhookEndpoints.ts';
import { type AlertingRule, writeAlerts } from './writeAlerts.ts';

export interface EvaluatedAlerts {
  readonly rules: number;
  readonly opened: number;
  readonly resolved: number;
  /** Rules that could not be looked at, and why; their alerts stay as they are. */
  readonly unevaluated: readonly {
    readonly ruleId: string;
    readonly code: string;
    readonly message: string;
  }[];
}

interface EnabledRule extends AlertingRule {
  readonly tenantId: string | null;
}

/** A rollup begins at three on the first; a month is missed when it has not begun some hours later. */
const rollUpGraceMs = 6 * 3_600_000;
/** Tenants that are priced at a time. */
const tenantsAtOnce = 200;

/**
 * Looks at the books by every enabled rule, and opens, keeps or resolves its alerts: each rule in a transaction of its own. Doing it again
 * changes nothing but when they were last seen. A rule whose side is unavailable, or that lacks an exchange rate, is named and left.
 */
export async function evaluateAlerts(
  em: EntityManager,
  { now, reportingCurrency }: { readonly now: Date; readonly reportingCurrency: string },
): Promise<EvaluatedAlerts> {
  const rules = await em.execute<EnabledRule[]>(
    `select id, type, tenant_id as "tenantId", trim_scale(threshold)::text as threshold, currency from alert_rules
     where enabled and deleted_at is null order by created_at, id`,
  );
  const books = readOnce(em, rules, now, reportingCurrency);
  let [opened, resolved] = [0, 0];
  const unevaluated: { ruleId: string; code: string; message: string }[] = [];
  for (const rule of rules) {
    try {
      const finding = await findings[rule.type](rule, books);
      const written = await em.transactional((transaction) => writeAlerts(transaction, rule, finding, now));
      opened += written.opened;
      resolved += written.resolved;
    } catch (error) {
      // What a retry may mend is for Temporal to try again.
      if (!(error instanceof ArcadiaError) || error.retryable) throw error;
      unevaluated.push({ ruleId: rule.id, code: error.code, message: error.message });
    }
  }
  return { rules: rules.length, opened, resolved, unevaluated };
}

/** Everything that rules look at, each read once however many rules there are. */
function readOnce(em: EntityManager, rules: readonly EnabledRule[], now: Date, reportingCurrency: string) {
  const month: Period = `${now.toISOString().slice(0, 7)}-01`;
  return {
    month,
    margin: once(() => lastMargin(em, reportingCurrency)),
    accruals: once(() => accruals(em, rules, now)),
    unattributed: once(() => unattributed(em, month)),
    spend: once(() =>
      em.execute<{ provider: string; currency: string; amount: string }[]>(
        `select distinct on (provider) provider, currency, trim_scale(amount)::text as amount from cloud_cost_estimates
         where period_start = ?::date and complete_at is not null order by provider, estimated_at desc`,
        [month],
      ),
    ),
    held: once(() =>
      em.execute<
        {
          id: string;
          provider: string;
          period: string;
          amount: string;
          currency: string;
          why: string | null;
        }[]
      >(
        `select id, provider, to_char(period_start, 'YYYY-MM') as period, trim_scale(amount)::text as amount, currency,
           error ->> 'message' as why
         from cloud_invoices where ingest_status = 'held' order by id`,
      ),
    ),
    missed: once(() => missingPeriods(em, new Date(now.getTime() - rollUpGraceMs))),
    disabledEndpoints: once(() => disabledEndpoints(em)),
  };
}
type Books = ReturnType<typeof readOnce>;

/** What each type of rule finds. */
const findings: Readonly<Record<AlertType, (rule: EnabledRule, books: Books) => Promise<AlertFinding>>> = {
  async tenant_margin_below(rule, books) {
    const summary = await books.margin();
    if (summary === null) return nothingKnown;
    const tenants = summary.tenants.map(({ tenantId, revenue, marginCents, percentage }) => ({
      tenantId,
      revenueCents: revenue.cents,
      marginCents,
      percentage,
    }));
    const { period } = summary;
    return known(
      marginsBelow(tenants, { threshold: rule.threshold ?? '0', tenantId: rule.tenantId, period }),
    );
  },
  async accrual_above(rule, books) {
    return accrualsAbove(await books.accruals(), {
      threshold: rule.threshold ?? '0',
      currency: rule.currency ?? '',
      tenantId: rule.tenantId,
    });
  },
  async unattributed_above(rule, books) {
    const found = await books.unattributed();
    if (found === null) return nothingKnown;
    return known(
      unattributedAbove(found.figures, { threshold: rule.threshold ?? '0', period: found.period }),
    );
  },
  async provider_spend_above(rule, books) {
    const figures = await books.spend();
    // Early in a month the provider has not said anything of it yet.
    if (figures.length === 0) return nothingKnown;
    return known(
      spendAbove(figures, {
        threshold: rule.threshold ?? '0',
        currency: rule.currency ?? '',
        period: books.month,
      }),
    );
  },
  async invoice_held(_, books) {
    return known(
      (await books.held()).map(({ id, provider, period, amount, currency, why }) => ({
        subject: id,
        tenantId: null,
        value: null,
        message: `the ${provider} invoice of ${period} over ${amount} ${currency} is held: ${why ?? 'no reason is noted'}`,
      })),
    );
  },
  async period_missed(_, books) {
    return known(
      (await books.missed()).map((period) => ({
        subject: period,
        tenantId: null,
        value: null,
        message: `${period.slice(0, 7)} is over and was not rolled up`,
      })),
    );
  },
  async webhook_disabled(_, books) {
    return known(
      (await books.disabledEndpoints()).map(({ id, host, reason }) => ({
        subject: id,
        tenantId: null,
        value: null,
        message: `webhooks to ${host} are disabled: it ${reason === 'gone' ? 'answered that it is gone' : 'takes nothing'}`,
      })),
    );
  },
};

const known = (conditions: AlertFinding['conditions']): AlertFinding => ({ conditions, unknown: 'nothing' });
const nothingKnown: AlertFinding = { conditions: [], unknown: 'everything' };

function once<Result>(read: () => Promise<Result>): () => Promise<Result> {
  let result: Promise<Result> | undefined;
  return () => {
    result ??= read();
    return result;
  };
}

/** The margin of the last period that was rolled up; null where none was. @throws SideUnavailable, MissingExchangeRate */
async function lastMargin(em: EntityManager, reportingCurrency: string): Promise<MarginSummary | null> {
  const [row] = await em.execute<{ period: Period | null }[]>(
    `select to_char(max(period_start), 'YYYY-MM-DD') as period from period_ledger where rolled_up_at is not null`,
  );
  return row?.period == null ? null : marginSummary(em, row.period, reportingCurrency);
}

/** The accrual of the tenants that some rule looks at, a page of them at a time. */
async function accruals(
  em: EntityManager,
  rules: readonly EnabledRule[],
  now: Date,
): Promise<AccrualFigure[]> {
  const wanted = rules.filter(({ type }) => type === 'accrual_above').map(({ tenantId }) => tenantId);
  const named = wanted.filter((tenantId) => tenantId !== null);
  if (named.length === wanted.length) return accrualsOf(em, [...new Set(named)], now);
  const figures: AccrualFigure[] = [];
  let after: string | undefined;
  do {
    const tenantIds = await subscribedTenants(em, { after, limit: tenantsAtOnce });
    figures.push(...(await accrualsOf(em, tenantIds, now)));
    after = tenantIds.length < tenantsAtOnce ? undefined : tenantIds.at(-1);
  } while (after !== undefined);
  return figures;
}

async function accrualsOf(
  em: EntityManager,
  tenantIds: readonly string[],
  now: Date,
): Promise<AccrualFigure[]> {
  if (tenantIds.length === 0) return [];
  const { tenants } = await liveAccrual(em, { tenantIds, now });
  return tenants.map(({ tenantId, currency, totalCents, problem }) => ({
    tenantId,
    currency,
    totalCents,
    isKnown: problem === null,
  }));
}

/** Who bears what of the last month before this one that a provider invoiced; null where there is none. */
async function unattributed(em: EntityManager, month: Period) {
  const [row] = await em.execute<{ period: Period | null }[]>(
    `select to_char(max(period_start), 'YYYY-MM-DD') as period from cloud_invoices where period_start < ?::date`,
    [month],
  );
  if (row?.period == null) return null;
  const { period } = row;
  const costs = await costsByOwner(em, { first: period, last: period }, 'buckets');
  const figures = [
    ...Map.groupBy(costs, ({ provider, currency }) => JSON.stringify([provider, currency])).values(),
  ].flatMap((rows) => {
    const [first] = rows;
    if (first === undefined) return [];
    const total = (some: typeof rows) =>
      some.reduce((sum, { amount }) => sum.plus(amount), new Decimal(0)).toFixed();
    return [
      {
        provider: first.provider,
        currency: first.currency,
        total: total(rows),
        unattributed: total(rows.filter(({ bucket }) => bucket === 'unattributed')),
      },
    ];
  });
  return { period, figures };
}
