import type { Router } from '@koa/router';
import * as z from 'zod';
import { dropletName, takeId } from './actions.ts';
import { centsOf, usdOf } from './cents.ts';
import { addDroplet, buildDroplet, findDroplet, removeDroplet, resizeDroplet } from './droplets.ts';
import { ruleSchema } from './faults.ts';
import { unprocessable } from './problem.ts';
import { restateInvoice } from './restatement.ts';
import { found, integerParameter, type RequestState, type SimulatorState } from './state.ts';

const amount = z.string().regex(/^-?\d+\.\d{2}$/, 'a decimal string with two places, such as "1.25"');
const dropletChange = z.strictObject({
  name: z.string().optional(),
  size: z.string().optional(),
  status: z.enum(['active', 'off']).optional(),
  tags: z.array(z.string()).optional(),
});
const newDroplet = z.strictObject({
  name: z.string(),
  size: z.string(),
  region: z.string().default('syd1'),
  tags: z.array(z.string()).default([]),
  createdAt: z.iso.datetime().optional(),
});
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
 * What a test or a demo does behind the service's back, under `/_control`: faults, restated invoices, droplets that
 * change by hand, the balance, settings, and what was asked so far. No token: it is a local simulator.
 */
export function addControlRoutes(router: Router<RequestState>, state: SimulatorState): void {
  addFaultRoutes(router, state);
  addDropletControl(router, state);
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

function addDropletControl(router: Router<RequestState>, state: SimulatorState): void {
  const { account } = state;
  const sizeOf = (slug: string) => {
    const size = account.sizes.find((candidate) => candidate.slug === slug);
    if (size === undefined) throw unprocessable(`size "${slug}" is not one that /v2/sizes lists.`);
    return size;
  };

  router.post('/_control/droplets', (ctx) => {
    const wanted = parseBody(newDroplet, ctx.request.body);
    const region = account.regions.find((candidate) => candidate.slug === wanted.region);
    const image = account.images[0];
    if (region === undefined || image === undefined) {
      throw unprocessable(`region "${wanted.region}" is not one that /v2/regions lists.`);
    }
    const droplet = buildDroplet({
      id: takeId(state),
      name: dropletName(wanted.name),
      size: sizeOf(wanted.size),
      region,
      image,
      createdAt: wanted.createdAt ?? new Date().toISOString(),
      status: 'active',
      tags: wanted.tags,
    });
    addDroplet(account, droplet);
    ctx.status = 201;
    ctx.body = { droplet };
  });

  router.patch('/_control/droplets/:id', (ctx) => {
    const droplet = found(findDroplet(account, integerParameter(ctx.params['id'])));
    const change = parseBody(dropletChange, ctx.request.body);
    const size = change.size === undefined ? undefined : sizeOf(change.size);
    if (change.name !== undefined) droplet.name = dropletName(change.name);
    if (size !== undefined) resizeDroplet(droplet, size, size.disk > droplet.disk);
    droplet.status = change.status ?? droplet.status;
    droplet.tags = change.tags ?? droplet.tags;
    ctx.body = { droplet };
  });

  router.delete('/_control/droplets/:id', (ctx) => {
    found(removeDroplet(account, integerParameter(ctx.params['id'])) || undefined);
    ctx.status = 204;
  });
}

function parseBody<Output>(schema: z.ZodType<Output>, body: unknown): Output {
  const result = schema.safeParse(body);
  if (!result.success) throw unprocessable(z.prettifyError(result.error));
  return result.data;
}
