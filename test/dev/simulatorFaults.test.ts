import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import type { FaultRuleInput } from '../../dev/simulator/faults.ts';
import { invoiceCsv } from '../../dev/simulator/invoice.ts';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { ask, jsonOf, readAll } from './simulatorClient.ts';

const april = '/v2/customers/my/invoices/51b1cfdf-c111-5299-b335-61d3481261aa';
const history = '/v2/customers/my/billing_history';
let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator({ actionMilliseconds: 0 });
});
afterEach(() => simulator.close());

async function statuses(path: string, count: number): Promise<number[]> {
  const seen: number[] = [];
  for (let index = 0; index < count; index += 1) seen.push((await ask(simulator, path)).status);
  return seen;
}

describe('a rule', () => {
  it('applies to the method and path that it matches, as often as it says, and then no more', async () => {
    const rule = simulator.faults.add({
      match: { method: 'get', path: '^/v2/account$' },
      fault: { kind: 'server_error', status: 503 },
      times: 2,
    });
    expect(await statuses('/v2/regions', 1)).toEqual([200]);
    expect(await statuses('/v2/account', 3)).toEqual([503, 503, 200]);
    expect(rule.hits).toBe(2);
  });

  it('lets requests pass first where it says skip, and lasts until removed where times is null', async () => {
    const rule = simulator.faults.add({ fault: { kind: 'server_error' }, skip: 2, times: null });
    expect(await statuses('/v2/account', 5)).toEqual([200, 200, 500, 500, 500]);
    expect(simulator.faults.remove(rule.id)).toBe(true);
    expect(simulator.faults.remove(rule.id)).toBe(false);
    expect(await statuses('/v2/account', 1)).toEqual([200]);
  });

  it('waits for the one before it to be used up', async () => {
    simulator.faults.add({ fault: { kind: 'server_error', status: 500 } });
    simulator.faults.add({ fault: { kind: 'server_error', status: 502 } });
    expect(await statuses('/v2/account', 3)).toEqual([500, 502, 200]);
  });

  it('applies to the body that it matches', async () => {
    const rule = simulator.faults.add({
      match: { method: 'POST', path: '^/v2/volumes$', body: '"name":"second"' },
      fault: { kind: 'server_error', status: 503 },
    });
    const create = async (name: string) => {
      const body = { name, size_gigabytes: 10, region: 'syd1' };
      return (await ask(simulator, '/v2/volumes', { method: 'POST', body })).status;
    };
    expect([await create('first'), await create('second'), await create('third')]).toEqual([201, 503, 201]);
    expect(rule.hits).toBe(1);
  });

  it('is refused where it makes no sense', () => {
    const wrong: FaultRuleInput[] = [
      { fault: { kind: 'server_error', status: 404 } },
      { fault: { kind: 'reset' }, times: 0 },
      { fault: { kind: 'reset' }, match: { path: '(' } },
      { fault: { kind: 'reset' }, match: { body: '(' } },
      { fault: { kind: 'items_disagree', delta: '0.1' } },
    ];
    for (const rule of wrong) expect(() => simulator.faults.add(rule)).toThrow();
    expect(simulator.faults.list()).toEqual([]);
  });
});

describe('faults instead of an answer', () => {
  it('rate_limit is a 429 with retry-after', async () => {
    simulator.faults.add({ fault: { kind: 'rate_limit', retryAfterSeconds: 7 } });
    const answer = await ask(simulator, '/v2/account');
    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe('7');
    expect(jsonOf<{ id: string }>(answer).id).toBe('too_many_requests');
  });

  it('server_error has the provider’s error body', async () => {
    simulator.faults.add({ fault: { kind: 'server_error', status: 503 } });
    expect(jsonOf<{ id: string }>(await ask(simulator, '/v2/account')).id).toBe('server_error');
  });

  it('stall answers late, or never', async () => {
    simulator.faults.add({ fault: { kind: 'stall', ms: 80 } });
    const before = Date.now();
    expect((await ask(simulator, '/v2/account')).status).toBe(200);
    expect(Date.now() - before).toBeGreaterThanOrEqual(75);
    simulator.faults.add({ fault: { kind: 'stall' } });
    const request = fetch(`${simulator.url}/v2/account`, { signal: AbortSignal.timeout(150) });
    await expect(request).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('hold answers once the rule is removed, by itself or with all', async () => {
    for (const remove of [(id: number) => simulator.faults.remove(id), () => simulator.faults.clear()]) {
      const rule = simulator.faults.add({ match: { path: '/account$' }, fault: { kind: 'hold' } });
      let isAnswered = false;
      const answer = ask(simulator, '/v2/account').finally(() => {
        isAnswered = true;
      });
      while (rule.hits === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      expect((await ask(simulator, '/v2/regions')).status).toBe(200);
      expect(isAnswered).toBe(false);
      remove(rule.id);
      expect((await answer).status).toBe(200);
    }
  });

  it('stall does not keep the simulator from closing', async () => {
    simulator.faults.add({ fault: { kind: 'stall' } });
    const stalled = fetch(`${simulator.url}/v2/account`);
    const failed = expect(stalled).rejects.toThrow();
    while (simulator.state.requests.count('GET /v2/account') === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await simulator.close();
    await failed;
    simulator = await startSimulator();
  });

  it('reset cuts the connection before the work is done, lost_answer after', async () => {
    const path = '/v2/droplets/412000105';
    simulator.faults.add({ match: { method: 'DELETE' }, fault: { kind: 'reset' } });
    await expect(ask(simulator, path, { method: 'DELETE' })).rejects.toThrow();
    expect((await ask(simulator, path)).status).toBe(200);
    simulator.faults.add({ match: { method: 'DELETE' }, fault: { kind: 'lost_answer' } });
    await expect(ask(simulator, path, { method: 'DELETE' })).rejects.toThrow();
    expect((await ask(simulator, path)).status).toBe(404);
  });

  it('html_page is a 200 with a page', async () => {
    simulator.faults.add({ match: { path: '/csv$' }, fault: { kind: 'html_page' } });
    const answer = await ask(simulator, `${april}/csv`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('text/html');
    expect(answer.bytes.toString()).toContain('<!DOCTYPE html>');
  });
});

describe('faults in the answer', () => {
  it('truncated_csv ends every invoice in the middle of a row', async () => {
    simulator.faults.add({ fault: { kind: 'truncated_csv' }, times: null });
    for (const invoice of simulator.state.account.invoices) {
      const answer = await ask(simulator, `/v2/customers/my/invoices/${invoice.uuid}/csv`);
      const whole = invoiceCsv(invoice);
      expect(answer.headers.get('content-type')).toContain('text/csv');
      expect(whole.startsWith(answer.bytes.toString())).toBe(true);
      expect(answer.bytes.length).toBeLessThan(Buffer.byteLength(whole));
      expect(() => parse(answer.bytes, { bom: true, columns: true })).toThrow();
    }
  });

  it('truncated_csv ends after so many bytes where told', async () => {
    simulator.faults.add({ fault: { kind: 'truncated_csv', keepBytes: 300 } });
    expect((await ask(simulator, `${april}/csv`)).bytes).toHaveLength(300);
  });

  it('truncated_json is no JSON', async () => {
    simulator.faults.add({ fault: { kind: 'truncated_json' } });
    const answer = await ask(simulator, '/v2/droplets');
    expect(answer.headers.get('content-type')).toContain('application/json');
    expect(() => jsonOf(answer)).toThrow(SyntaxError);
  });

  it('empty has the right type and no byte', async () => {
    simulator.faults.add({ fault: { kind: 'empty' }, times: 2 });
    const csv = await ask(simulator, `${april}/csv`);
    expect([csv.status, csv.bytes.length]).toEqual([200, 0]);
    expect(csv.headers.get('content-type')).toContain('text/csv');
    const json = await ask(simulator, '/v2/droplets');
    expect([json.status, json.bytes.length]).toEqual([200, 0]);
    expect(json.headers.get('content-type')).toContain('application/json');
  });

  it('items_disagree changes one item and not the CSV', async () => {
    const csv = (await ask(simulator, `${april}/csv`)).bytes;
    simulator.faults.add({ fault: { kind: 'items_disagree', delta: '-0.50' } });
    expect((await ask(simulator, `${april}/csv`)).bytes).toEqual(csv);
    const path = `${april}?per_page=200`;
    const wrong = jsonOf<{ invoice_items: { amount: string }[] }>(await ask(simulator, path));
    const right = jsonOf<{ invoice_items: { amount: string }[] }>(await ask(simulator, path));
    expect([wrong.invoice_items[0]?.amount, right.invoice_items[0]?.amount]).toEqual(['5.50', '6.00']);
    expect(wrong.invoice_items.slice(1)).toEqual(right.invoice_items.slice(1));
  });

  it('summary_disagrees changes the summary alone', async () => {
    simulator.faults.add({ fault: { kind: 'summary_disagrees' } });
    const amount = async () => jsonOf<{ amount: string }>(await ask(simulator, `${april}/summary`)).amount;
    expect([await amount(), await amount()]).toEqual(['86.93', '86.92']);
  });

  it('action_errors ends an action as errored, without effect', async () => {
    simulator.faults.add({ fault: { kind: 'action_errors' } });
    const path = '/v2/droplets/412000105';
    const body = { type: 'power_off' };
    const posted = await ask(simulator, `${path}/actions`, { method: 'POST', body });
    const { action } = jsonOf<{ action: { id: number } }>(posted);
    const ended = jsonOf<{ action: { status: string } }>(await ask(simulator, `/v2/actions/${action.id}`));
    expect(ended.action.status).toBe('errored');
    const { droplet } = jsonOf<{ droplet: object }>(await ask(simulator, path));
    expect(droplet).toMatchObject({ status: 'active', locked: false });
  });
});

describe('faults of one type of request', () => {
  const actions = '/v2/droplets/412000105/actions';
  const act = (type: string) => ask(simulator, actions, { method: 'POST', body: { type } });
  const statusOf = async (path: string) =>
    jsonOf<{ action: { status: string } }>(await ask(simulator, path)).action.status;
  const bastion = async () =>
    jsonOf<{ droplet: { status: string; locked: boolean } }>(await ask(simulator, '/v2/droplets/412000105'))
      .droplet;

  it('leave requests of other types, and those without one, as they are', async () => {
    simulator.faults.add({ match: { type: 'power_off' }, fault: { kind: 'server_error' } });
    expect((await ask(simulator, '/v2/droplets')).status).toBe(200);
    expect((await act('disable_backups')).status).toBe(201);
    expect((await act('power_off')).status).toBe(500);
  });

  it('refuse quotes what it is told, and does nothing', async () => {
    simulator.faults.add({ match: { type: 'power_off' }, fault: { kind: 'refuse', message: 'Not today.' } });
    const refused = await act('power_off');
    expect(refused.status).toBe(422);
    expect(jsonOf(refused)).toMatchObject({ id: 'unprocessable_entity', message: 'Not today.' });
    expect(simulator.state.actions).toEqual([]);
    simulator.faults.add({ fault: { kind: 'refuse', status: 409 } });
    expect(jsonOf(await act('power_off'))).toMatchObject({ id: 'conflict' });
  });

  it('action_lies completes an action without effect', async () => {
    simulator.faults.add({ fault: { kind: 'action_lies' } });
    const { action } = jsonOf<{ action: { id: number } }>(await act('power_off'));
    expect(await statusOf(`/v2/actions/${action.id}`)).toBe('completed');
    expect(await bastion()).toMatchObject({ status: 'active', locked: false });
  });

  it('action_hangs never ends an action, or ends it late, and keeps the droplet locked till then', async () => {
    simulator.faults.add({ fault: { kind: 'action_hangs' } });
    const { action } = jsonOf<{ action: { id: number } }>(await act('power_off'));
    expect(await statusOf(`/v2/actions/${action.id}`)).toBe('in-progress');
    expect(await bastion()).toMatchObject({ status: 'active', locked: true });
    const late = { match: { path: '^/v2/droplets$' }, fault: { kind: 'action_hangs', ms: 60_000 } } as const;
    simulator.faults.add(late);
    const body = { name: 'late', size: 's-1vcpu-1gb', region: 'syd1', image: 'ubuntu-24-04-x64' };
    await ask(simulator, '/v2/droplets', { method: 'POST', body });
    const creation = simulator.state.actions.at(-1);
    expect(await statusOf(`/v2/actions/${creation?.id}`)).toBe('in-progress');
    creation?.dueAt?.setTime(Date.now());
    expect(await statusOf(`/v2/actions/${creation?.id}`)).toBe('completed');
  });
});

describe('lists that are not whole', () => {
  it('shifting_pages with remove loses the entry at the page edge, once', async () => {
    const whole = await readAll<object>(simulator, history, 'billing_history', 100);
    simulator.faults.add({ match: { path: history }, fault: { kind: 'shifting_pages', change: 'remove' } });
    const shifted = await readAll<object>(simulator, history, 'billing_history', 100);
    expect(shifted).toEqual(whole.filter((_entry, index) => index !== 100));
    expect(await readAll(simulator, history, 'billing_history', 100)).toEqual(whole.slice(1));
  });

  it('shifting_pages with insert repeats the entry at the page edge, once', async () => {
    const whole = await readAll<object>(simulator, history, 'billing_history', 100);
    simulator.faults.add({ match: { path: history }, fault: { kind: 'shifting_pages', change: 'insert' } });
    const shifted = await readAll<object>(simulator, history, 'billing_history', 100);
    expect(shifted).toEqual([...whole.slice(1, 101), ...whole.slice(100)]);
    expect(await readAll(simulator, history, 'billing_history', 100)).toEqual(whole);
  });

  it('partial_listing promises more than it shows', async () => {
    simulator.faults.add({
      match: { path: '^/v2/droplets$' },
      fault: { kind: 'partial_listing', missing: 3 },
    });
    const list = async () =>
      jsonOf<{ droplets: unknown[]; meta: { total: number } }>(await ask(simulator, '/v2/droplets'));
    const partial = await list();
    expect([partial.droplets.length, partial.meta.total]).toEqual([7, 10]);
    expect((await list()).droplets).toHaveLength(10);
  });
});
