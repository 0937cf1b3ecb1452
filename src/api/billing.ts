import { z } from 'zod';
import type { CloudBalanceSnapshot } from '../entities/cloudBalanceSnapshot.ts';
import { readBalanceTrend, readLatestBalance } from '../services/readBalance.ts';
import { recordAudit } from '../services/recordAudit.ts';
import { workflowIds } from '../workflows/ids.ts';
import { costLineRoutes } from './costLines.ts';
import { invoiceRoutes } from './invoices.ts';
import { defineRoute, type Route } from './route.ts';
import { amount, countOr, currency, instant, toAmount, toInstant } from './schemas.ts';
import { started, startedReply } from './startedWorkflow.ts';
import { startDiscovery } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

const dayMilliseconds = 24 * 60 * 60 * 1000;

const balance = z
  .strictObject({
    provider: z.string(),
    generated_at: instant,
    month_to_date_balance: amount,
    account_balance: amount,
    month_to_date_usage: amount,
    currency,
  })
  .meta({ id: 'Balance' });

const toBalance = (row: CloudBalanceSnapshot): z.input<typeof balance> => ({
  provider: row.provider,
  generated_at: toInstant(row.generatedAt),
  month_to_date_balance: toAmount(row.monthToDateBalance),
  account_balance: toAmount(row.accountBalance),
  month_to_date_usage: toAmount(row.monthToDateUsage),
  currency: row.currency,
});

export const billingRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/billing/balance',
    tag: 'Billing',
    summary: "The account's latest balance at the provider, and the last one of each day before.",
    roles: ['platform_admin', 'platform_viewer'],
    query: z.strictObject({ days: countOr(30, 366) }),
    answer: {
      status: 200,
      description: 'The latest is null before the first snapshot.',
      schema: z.strictObject({ latest: balance.nullable(), trend: z.array(balance) }),
    },
    async handle({ em, query, now }) {
      const latest = await readLatestBalance(em);
      const trend = await readBalanceTrend(em, new Date(now.getTime() - query.days * dayMilliseconds));
      return {
        status: 200,
        body: { latest: latest === null ? null : toBalance(latest), trend: trend.map(toBalance) },
      };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/billing/discover',
    tag: 'Billing',
    summary:
      'Looks for new and restated invoices at the provider; meets the discovery that runs, if one does.',
    roles: ['platform_admin'],
    answer: started,
    problems: { 503: "Temporal can't be reached." },
    async handle({ em, api, caller, now, requestId }) {
      await recordAudit(em, caller, {
        occurredAt: now,
        action: 'provider.discover_invoices',
        subjectType: 'provider',
        subjectId: 'digitalocean',
        requestId,
        workflowId: workflowIds.discoverInvoices(),
      });
      return startedReply(
        api.config,
        await callTemporal(api, (client) => startDiscovery(client, caller.subject)),
      );
    },
  }),
  ...invoiceRoutes,
  ...costLineRoutes,
];
