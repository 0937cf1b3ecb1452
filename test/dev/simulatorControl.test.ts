import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { centsOf, usdOf } from '../../dev/simulator/cents.ts';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { ask, jsonOf, readAll } from './simulatorClient.ts';

const uuid = '3300d2e3-418b-5175-a533-e6702e941a52';
const march = `/v2/customers/my/invoices/${uuid}`;
let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator();
});
afterEach(() => simulator.close());

async function control(
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; text: string }> {
  const response = await fetch(`${simulator.url}/_control/${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

describe('faults over HTTP', () => {
  it('are added, listed and removed', async () => {
    const added = await control('POST', 'faults', {
      match: { path: '^/v2/account$' },
      fault: { kind: 'rate_limit' },
      times: null,
    });
    expect(added.status).toBe(201);
    const { id }: { id: number } = JSON.parse(added.text);
    expect((await ask(simulator, '/v2/account')).status).toBe(429);
    expect(JSON.parse((await control('GET', 'faults')).text).faults).toMatchObject([{ id, hits: 1 }]);
    expect((await control('DELETE', `faults/${id}`)).status).toBe(204);
    expect((await control('DELETE', `faults/${id}`)).status).toBe(404);
    expect((await ask(simulator, '/v2/account')).status).toBe(200);
    await control('POST', 'faults', { fault: { kind: 'server_error' }, times: null });
    await control('DELETE', 'faults');
    expect((await ask(simulator, '/v2/account')).status).toBe(200);
  });

  it('are refused with the field named where they make no sense', async () => {
    const answer = await control('POST', 'faults', { fault: { kind: 'rate_limit' }, times: 0 });
    expect(answer.status).toBe(422);
    expect(answer.text).toContain('times');
    expect((await control('POST', 'faults', { fault: { kind: 'meteor' } })).status).toBe(422);
  });
});

describe('a restated invoice', () => {
  it('has its new amount in history, list, summary, CSV and items, which still agree', async () => {
    const answer = await control('POST', `invoices/${uuid}/restate`, { delta: '-1.25' });
    expect(JSON.parse(answer.text)).toEqual({ uuid, period: '2026-03', amount: '95.05' });
    const amounts = async (path: string, key: string) => {
      const entries = await readAll<{ invoice_uuid?: string; amount: string }>(simulator, path, key, 200);
      return entries.filter((entry) => entry.invoice_uuid === uuid).map((entry) => entry.amount);
    };
    expect(await amounts('/v2/customers/my/billing_history', 'billing_history')).toEqual(['95.05']);
    expect(await amounts('/v2/customers/my/invoices', 'invoices')).toEqual(['95.05']);
    const summary = jsonOf<Record<string, { amount: string }> & { amount: string }>(
      await ask(simulator, `${march}/summary`),
    );
    expect(summary.amount).toBe('95.05');
    const rows: string[][] = parse((await ask(simulator, `${march}/csv`)).bytes, { from: 2 });
    const items = await readAll<{ amount: string }>(simulator, march, 'invoice_items', 200);
    const total = (cents: number[]) => usdOf(cents.reduce((sum, value) => sum + value, 0));
    expect(total(rows.map((row) => centsOf(row[6]?.replace('$', '') ?? '')))).toBe('95.05');
    expect(total(items.map((item) => centsOf(item.amount)))).toBe('95.05');
  });

  it('must exist, and the difference must be an amount', async () => {
    expect((await control('POST', 'invoices/unknown/restate', { delta: '1.00' })).status).toBe(404);
    expect((await control('POST', `invoices/${uuid}/restate`, { delta: 'much' })).status).toBe(422);
  });
});

describe('behind the service’s back', () => {
  it('droplets are added, changed and removed', async () => {
    const added = await control('POST', 'droplets', {
      name: 'by-hand',
      size: 's-1vcpu-1gb',
      tags: ['manual'],
    });
    expect(added.status).toBe(201);
    const { id }: { id: number } = JSON.parse(added.text).droplet;
    const changed = await control('PATCH', `droplets/${id}`, {
      name: 'by-hand-2',
      size: 's-2vcpu-4gb',
      status: 'off',
      tags: [],
    });
    expect(changed.status).toBe(200);
    const { droplet } = jsonOf<{ droplet: object }>(await ask(simulator, `/v2/droplets/${id}`));
    expect(droplet).toMatchObject({
      name: 'by-hand-2',
      size_slug: 's-2vcpu-4gb',
      disk: 80,
      status: 'off',
      tags: [],
    });
    expect((await control('DELETE', `droplets/${id}`)).status).toBe(204);
    expect((await ask(simulator, `/v2/droplets/${id}`)).status).toBe(404);
    expect((await control('PATCH', `droplets/${id}`, { name: 'x' })).status).toBe(404);
    expect((await control('POST', 'droplets', { name: 'x', size: 'huge' })).status).toBe(422);
  });

  it('a droplet is resized with its disk or without, locked, and its backups and network switched', async () => {
    const path = 'droplets/412000105';
    const change = async (body: object) => JSON.parse((await control('PATCH', path, body)).text).droplet;
    expect(await change({ size: 's-1vcpu-2gb', resize_disk: false })).toMatchObject({
      size_slug: 's-1vcpu-2gb',
      memory: 2048,
      disk: 10,
    });
    expect(await change({ size: 's-1vcpu-1gb' })).toMatchObject({ size_slug: 's-1vcpu-1gb', disk: 25 });
    expect(await change({ backups: false })).toMatchObject({ next_backup_window: null });
    expect(await change({ locked: true, vpc_uuid: 'another' })).toMatchObject({
      locked: true,
      vpc_uuid: 'another',
    });
    const refused = await ask(simulator, `/v2/${path}/actions`, {
      method: 'POST',
      body: { type: 'power_off' },
    });
    expect(refused.status).toBe(422);
  });

  it('volumes change, even in ways that the API refuses, and go', async () => {
    const id = simulator.state.account.volumes[0]?.id;
    await control('PATCH', `volumes/${id}`, {
      name: 'renamed',
      size_gigabytes: 5,
      tags: ['manual'],
      droplet_id: 412000105,
    });
    const volumes = async () => jsonOf<{ volumes: object[] }>(await ask(simulator, '/v2/volumes')).volumes;
    expect(await volumes()).toMatchObject([
      { name: 'renamed', size_gigabytes: 5, tags: ['manual'], droplet_ids: [412000105] },
    ]);
    await control('PATCH', `volumes/${id}`, { droplet_id: null });
    expect(await volumes()).toMatchObject([{ droplet_ids: [] }]);
    expect((await control('PATCH', `volumes/${id}`, { droplet_id: 1 })).status).toBe(404);
    expect((await control('DELETE', `volumes/${id}`)).status).toBe(204);
    expect((await control('DELETE', `volumes/${id}`)).status).toBe(404);
    expect(await volumes()).toEqual([]);
  });

  it('firewalls and load balancers change', async () => {
    const { firewalls, loadBalancers } = simulator.state.account;
    await control('PATCH', `firewalls/${firewalls[0]?.id}`, { droplet_ids: [], tags: ['pilot'] });
    expect(firewalls).toMatchObject([{ name: 'bastion-only-ssh', droplet_ids: [], tags: ['pilot'] }]);
    await control('PATCH', `load_balancers/${loadBalancers[0]?.id}`, { size_unit: 3, droplet_ids: [] });
    expect(loadBalancers).toMatchObject([{ name: 'edge-syd1', size_unit: 3, droplet_ids: [] }]);
    expect((await control('DELETE', `load_balancers/${loadBalancers[0]?.id}`)).status).toBe(204);
    expect(loadBalancers).toEqual([]);
  });

  it('a change by hand comes after what was due before it', async () => {
    simulator.state.settings.actionMilliseconds = 0;
    const body = { type: 'power_off' };
    await ask(simulator, '/v2/droplets/412000105/actions', { method: 'POST', body });
    await control('PATCH', 'droplets/412000105', { status: 'active' });
    const { droplet } = jsonOf<{ droplet: object }>(await ask(simulator, '/v2/droplets/412000105'));
    expect(droplet).toMatchObject({ status: 'active', locked: false });
  });

  it('an action that hangs is ended, once', async () => {
    simulator.faults.add({ fault: { kind: 'action_hangs' } });
    const body = { type: 'power_off' };
    const posted = await ask(simulator, '/v2/droplets/412000105/actions', { method: 'POST', body });
    const { action } = jsonOf<{ action: { id: number } }>(posted);
    const end = () => control('PATCH', `actions/${action.id}`, { status: 'completed' });
    expect(await end()).toMatchObject({ status: 200, text: '{"status":"completed"}' });
    const { droplet } = jsonOf<{ droplet: object }>(await ask(simulator, '/v2/droplets/412000105'));
    expect(droplet).toMatchObject({ status: 'off', locked: false });
    expect((await end()).status).toBe(409);
  });

  it('the balance is set, and still adds up', async () => {
    await control('PUT', 'balance', {
      account_balance: '-10.00',
      month_to_date_usage: '60.05',
      generated_at: '2026-05-29T00:00:00Z',
    });
    expect(jsonOf(await ask(simulator, '/v2/customers/my/balance'))).toEqual({
      month_to_date_balance: '50.05',
      account_balance: '-10.00',
      month_to_date_usage: '60.05',
      generated_at: '2026-05-29T00:00:00Z',
    });
  });

  it('every answer is slowed by the configured time', async () => {
    await control('PUT', 'settings', { delayMilliseconds: 80 });
    const before = Date.now();
    await ask(simulator, '/v2/account');
    expect(Date.now() - before).toBeGreaterThanOrEqual(75);
  });

  it('holds readings of metrics back for a while', async () => {
    const now = Math.floor(Date.now() / 1000);
    const path =
      '/v2/monitoring/metrics/droplet/bandwidth?host_id=412000105&interface=public&direction=outbound' +
      `&start=${now - 7200}&end=${now}`;
    const lastReading = async () => {
      const answer = jsonOf<{ data: { result: { values: [number, string][] }[] } }>(
        await ask(simulator, path),
      );
      return answer.data.result[0]?.values.at(-1)?.[0] ?? 0;
    };
    expect(now - (await lastReading())).toBeLessThanOrEqual(300);
    await control('PUT', 'settings', { metricLagSeconds: 3600 });
    expect(now - (await lastReading())).toBeGreaterThanOrEqual(3595);
  });
});

describe('the request log', () => {
  it('counts what was asked by method and path, not the controls themselves', async () => {
    await ask(simulator, '/v2/droplets?page=1');
    await ask(simulator, '/v2/droplets?page=2');
    await ask(simulator, '/v2/unknown');
    const { counts, log } = JSON.parse((await control('GET', 'requests')).text);
    expect(counts).toEqual({ 'GET /v2/droplets': 2, 'GET /v2/unknown': 1 });
    expect(log.map((entry: { query: string; status: number }) => [entry.query, entry.status])).toEqual([
      ['page=1', 200],
      ['page=2', 200],
      ['', 404],
    ]);
    expect(simulator.state.requests.count('GET /v2/droplets')).toBe(2);
    await control('DELETE', 'requests');
    expect(JSON.parse((await control('GET', 'requests')).text)).toEqual({ counts: {}, log: [] });
  });
});
