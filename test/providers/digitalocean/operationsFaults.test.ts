import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Simulator } from '../../../dev/simulator/simulator.ts';
import type { ProviderOperations } from '../../../src/providers/provider.ts';
import { rejectionOf, startAnsweringServer } from './answeringServer.ts';
import {
  bastion,
  countOf,
  ended,
  everyKind,
  newDroplet,
  operationsAt,
  startWorld,
} from './operationsWorld.ts';

const logged: string[] = [];
let simulator: Simulator;
let operations: ProviderOperations;

beforeEach(async () => {
  logged.length = 0;
  const log = { warn: (...entry: unknown[]) => logged.push(JSON.stringify(entry)) };
  ({ simulator, operations } = await startWorld({ log, timeoutMs: 1000 }));
});
afterEach(() => simulator.close());

const unavailable = { code: 'provider_unavailable', retryable: true };

describe('a call whose answer is lost', () => {
  it.each(everyKind.map((wanted) => [wanted.kind, wanted] as const))(
    'has made its %s all the same, which its identity finds: nobody asks twice',
    async (kind, wanted) => {
      const before = countOf(simulator, kind);
      simulator.faults.add({ match: { method: 'POST' }, fault: { kind: 'lost_answer' } });
      expect(await rejectionOf(operations.create(wanted))).toMatchObject(unavailable);
      expect(await operations.find(wanted)).toHaveLength(1);
      expect(countOf(simulator, kind)).toBe(before + 1);
    },
  );

  it('has begun its action all the same, which is the newest of its list', async () => {
    await ended(operations, await operations.startAction(bastion, { type: 'disable_backups' }));
    simulator.faults.add({ match: { type: 'power_off' }, fault: { kind: 'lost_answer' } });
    expect(await rejectionOf(operations.startAction(bastion, { type: 'power_off' }))).toMatchObject(
      unavailable,
    );
    const [newest] = await operations.actions(bastion);
    if (newest === undefined) throw new RangeError('the droplet has no action');
    expect(await ended(operations, newest)).toMatchObject({ type: 'power_off', status: 'completed' });
    expect(await operations.read('droplet', bastion.externalId)).toMatchObject({ status: 'off' });
  });

  it('has destroyed its droplet all the same, and destroying again is done', async () => {
    simulator.faults.add({ match: { method: 'DELETE' }, fault: { kind: 'lost_answer' } });
    const destroy = () => operations.destroy('droplet', bastion.externalId);
    expect(await rejectionOf(destroy())).toMatchObject(unavailable);
    await expect(destroy()).resolves.toBeUndefined();
  });

  it.each(['tag', 'untag'] as const)('%s may be repeated', async (change) => {
    await operations.tag(bastion, ['team:old']);
    simulator.faults.add({ match: { path: '/resources$' }, fault: { kind: 'lost_answer' } });
    expect(await rejectionOf(operations[change](bastion, ['team:old']))).toMatchObject(unavailable);
    await operations[change](bastion, ['team:old']);
    const tags = (await operations.read('droplet', bastion.externalId))?.tags;
    expect(tags?.includes('team:old')).toBe(change === 'tag');
  });
});

describe('a call that fails', () => {
  it('may have an effect later still, after its time is over', async () => {
    const before = countOf(simulator, 'droplet');
    simulator.faults.add({ match: { method: 'POST' }, fault: { kind: 'stall', ms: 2500 } });
    expect(await rejectionOf(operations.create(newDroplet))).toMatchObject(unavailable);
    expect(await operations.find(newDroplet)).toEqual([]);
    while ((await operations.find(newDroplet)).length === 0) await sleep(50);
    expect(countOf(simulator, 'droplet')).toBe(before + 1);
  });

  it('is unavailable after a 5xx, limited after a 429, and has done nothing', async () => {
    const before = countOf(simulator, 'droplet');
    simulator.faults.add({ fault: { kind: 'server_error', status: 503 } });
    expect(await rejectionOf(operations.create(newDroplet))).toMatchObject(unavailable);
    simulator.faults.add({ fault: { kind: 'rate_limit', retryAfterSeconds: 7 } });
    expect(await rejectionOf(operations.create(newDroplet))).toMatchObject({
      code: 'provider_rate_limited',
      retryable: true,
      retryAfterSeconds: 7,
    });
    expect(countOf(simulator, 'droplet')).toBe(before);
  });

  it.each([
    [422, 'provider_rejected'],
    [409, 'provider_rejected'],
    [403, 'provider_unauthorized'],
  ] as const)('for good with a %s quotes the provider', async (status, code) => {
    const message = "Size is too large to fit on your droplet's server";
    simulator.faults.add({ match: { type: 'resize' }, fault: { kind: 'refuse', status, message } });
    const resize = { type: 'resize', size: 's-1vcpu-2gb', disk: false } as const;
    expect(await rejectionOf(operations.startAction(bastion, resize))).toMatchObject({
      code,
      retryable: false,
      message: expect.stringContaining(message),
    });
  });

  it('is a bad answer where the answer lacks what was made', async () => {
    const server = await startAnsweringServer((_request, response) => {
      response.writeHead(202, { 'content-type': 'application/json' });
      response.end('{"droplet":{"name":"nameless"}}');
    });
    const odd = operationsAt(server.url, {});
    expect(await rejectionOf(odd.create(newDroplet))).toMatchObject({
      code: 'provider_bad_answer',
      retryable: false,
    });
    await server.close();
  });
});

describe('a call of which only the success matters', () => {
  it.each([
    ['without a body', () => new Response(null, { status: 204 })],
    ['with a body that nobody reads', () => new Response('{}', { status: 201 })],
  ])('%s leaves no clock running', async (_case, answer) => {
    const odd = operationsAt('http://127.0.0.1:1', { fetch: async () => answer(), timeoutMs: 10_000 });
    const clocks = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
    const before = clocks();
    await odd.destroy('droplet', bastion.externalId);
    await odd.tag(bastion, ['pilot']);
    expect(clocks()).toBeLessThanOrEqual(before);
  });
});

describe('an action', () => {
  it('that fails has errored, and changed nothing', async () => {
    simulator.faults.add({ match: { type: 'power_off' }, fault: { kind: 'action_errors' } });
    const action = await operations.startAction(bastion, { type: 'power_off' });
    expect((await ended(operations, action)).status).toBe('errored');
    expect(await operations.read('droplet', bastion.externalId)).toMatchObject({ status: 'active' });
  });

  it('that says it has completed may have changed nothing: only reading tells', async () => {
    simulator.faults.add({ match: { type: 'power_off' }, fault: { kind: 'action_lies' } });
    const action = await operations.startAction(bastion, { type: 'power_off' });
    expect((await ended(operations, action)).status).toBe('completed');
    expect(await operations.read('droplet', bastion.externalId)).toMatchObject({ status: 'active' });
  });

  it('that hangs keeps its droplet busy', async () => {
    simulator.faults.add({ match: { type: 'power_off' }, fault: { kind: 'action_hangs' } });
    const action = await operations.startAction(bastion, { type: 'power_off' });
    expect((await operations.readAction(action.id)).status).toBe('in_progress');
    expect(await rejectionOf(operations.startAction(bastion, { type: 'power_on' }))).toMatchObject({
      code: 'provider_busy',
      retryable: true,
    });
  });
});

describe('secrets', () => {
  it('of a request stand in no message and in no log line', async () => {
    const secret = 'canary-of-the-first-boot';
    simulator.faults.add({ fault: { kind: 'refuse', message: `not with ${simulator.token}` } });
    const wanted = { ...newDroplet, userData: secret, sshKeys: [secret] };
    const failure = await rejectionOf(operations.create(wanted));
    expect(failure).toMatchObject({ code: 'provider_rejected', message: expect.stringContaining('[token]') });
    const said = `${String(failure)} ${JSON.stringify(failure)} ${logged.join(' ')}`;
    expect(logged.length).toBe(1);
    for (const word of [secret, simulator.token]) expect(said).not.toContain(word);
  });
});
