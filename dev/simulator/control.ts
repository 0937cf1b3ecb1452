import type { Router } from '@koa/router';
import * as z from 'zod';
import { centsOf, usdOf } from './cents.ts';
import { parseBody } from './controlBody.ts';
import { ruleSchema } from './faults.ts';
import { settleBefore } from './middleware.ts';
import { addResourceControls } from './resourceControls.ts';
import { restateInvoice } from './restatement.ts';
import { found, integerParameter, type RequestState, type SimulatorState } from './state.ts';

const amount = z.string().regex(/^-?\d+\.\d{2}$/, 'a decimal string with two places, such as "1.25"');
const balanceChange = z.strictObject({
  account_balance: amount,
  month_to_date_usage: amount,
  generated_at: z.iso.datetime().optional(),
});
const settingsChange = z.strictObject({
  actionMilliseconds: z.int().min(0).optional(),
  delayMilliseconds: z.int().min(0).optional(),
  metricLagSeconds: z.int().min(0).optional(),
});

/**
 * What a test or a demo does behind the service's back, under `/_control`: faults, restated invoices, resources that
 * change by hand, the balance, settings, and what was asked so far. No token: it is a local simulator.
 */
export function addControlRoutes(router: Router<RequestState>, state: SimulatorState): void {
  // What is due happens before a hand changes anything, not after.
  router.use(settleBefore(state));
  addFaultRoutes(router, state);
  addResourceControls(router, state);
  const { account, requests, settings } = state;

  router.get('/_control/requests', (ctx) => {
    ctx.body = { counts: requests.counts(), log: requests.entries };
  });

  router.delete('/_control/requests', (ctx) => {
    requests.clear();
    ctx.status = 204;
  });

  router.post('/_control/invoices/:uuid/restate', (ctx) => {
    const { delta } = parseBody(z.strictObject({ delta: amount }), ctx.request.body);
    const invoice = found(restateInvoice(account, ctx.params['uuid'] ?? '', centsOf(delta)));
    ctx.body = { uuid: invoice.uuid, period: invoice.period, amount: usdOf(invoice.amountCents) };
  });

  router.put('/_control/balance', (ctx) => {
    const change = parseBody(balanceChange, ctx.request.body);
    const sum = centsOf(change.account_balance) + centsOf(change.month_to_date_usage);
    account.balance = {
      month_to_date_balance: usdOf(sum),
      account_balance: change.account_balance,
      month_to_date_usage: change.month_to_date_usage,
      generated_at: change.generated_at ?? new Date().toISOString(),
    };
    ctx.body = account.balance;
  });

  router.put('/_control/settings', (ctx) => {
    const change = parseBody(settingsChange, ctx.request.body);
    settings.actionMilliseconds = change.actionMilliseconds ?? settings.actionMilliseconds;
    settings.delayMilliseconds = change.delayMilliseconds ?? settings.delayMilliseconds;
    settings.metricLagSeconds = change.metricLagSeconds ?? settings.metricLagSeconds;
    ctx.body = settings;
  });
}

function addFaultRoutes(router: Router<RequestState>, { faults }: SimulatorState): void {
  router.get('/_control/faults', (ctx) => {
    ctx.body = { faults: faults.list() };
  });

  router.post('/_control/faults', (ctx) => {
    ctx.status = 201;
    ctx.body = faults.add(parseBody(ruleSchema, ctx.request.body));
  });

  router.delete('/_control/faults', (ctx) => {
    faults.clear();
    ctx.status = 204;
  });

  router.delete('/_control/faults/:id', (ctx) => {
    found(faults.remove(integerParameter(ctx.params['id'])) || undefined);
    ctx.status = 204;
  });
}
