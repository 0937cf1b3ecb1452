import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../../dev/simulator/simulator.ts';
import { type ResourceKind, resourceKinds } from '../../../src/domain/resourceKind.ts';
import type { ActionTarget, Provider, ProviderOperations } from '../../../src/providers/provider.ts';
import { type Prism, startPrism } from '../../support/prism.ts';
import { providerAt } from './answeringServer.ts';
import { bastion, ended, newDroplet, newLoadBalancer, newRecord, newVolume } from './operationsWorld.ts';

let simulator: Simulator;
let prism: Prism;
/** The client through the judge, and the same client without it. */
let judged: Provider;
let direct: Provider;
const violations: string[] = [];
let judgedAnswers = 0;

beforeAll(async () => {
  simulator = await startSimulator({ actionMilliseconds: 20 });
  prism = await startPrism(simulator.url);
  const { token } = simulator;
  const limits = { token, timeoutMs: 30_000, maxAnswerBytes: 10_000_000 };
  judged = providerAt(prism.url, {
    ...limits,
    fetch: async (input, init) => {
      const answer = await fetch(input, init);
      judgedAnswers += 1;
      const violation = answer.headers.get('sl-violations');
      if (violation !== null) violations.push(violation);
      return answer;
    },
  });
  direct = providerAt(simulator.url, limits);
}, 60_000);

afterAll(async () => {
  await prism?.stop();
  await simulator?.close();
});

/** The answer through the judge, after the same answer came without it: a violation would be an error here. */
async function bothWays<T>(ask: (provider: Provider) => Promise<T>): Promise<T> {
  const through = await ask(judged);
  expect(through).toEqual(await ask(direct));
  return through;
}

function operationsOf({ operations }: Provider): ProviderOperations {
  if (operations === undefined) throw new TypeError('the provider has no operations');
  return operations;
}

/** The newest action of a resource, once it has ended. */
async function endOf(operations: ProviderOperations, target: ActionTarget) {
  const [newest] = await operations.actions(target);
  if (newest === undefined) throw new RangeError('it has no action');
  return ended(operations, newest);
}

describe('the client against the published contract', () => {
  it('keeps it for the balance', async () => {
    const balance = await bothWays((provider) => provider.balance());
    expect(balance.generatedAt).toBeInstanceOf(Date);
  });

  it('keeps it for the billing history: 240 entries, 137 of them invoices', async () => {
    const entries = await bothWays((provider) => Array.fromAsync(provider.billingHistory()));
    expect(entries).toHaveLength(240);
    expect(entries.filter((entry) => entry.type === 'invoice')).toHaveLength(137);
    expect(entries.filter((entry) => entry.type === 'unknown')).toEqual([]);
  });

  it('keeps it for the invoice list: 137 months back to December 2014', async () => {
    const invoices = await bothWays((provider) => Array.fromAsync(provider.invoicePeriods()));
    expect(invoices).toHaveLength(137);
    expect(invoices.map((invoice) => invoice.period).toSorted()[0]).toBe('2014-12-01');
  });

  it('keeps it for summary, lines and items of April 2026, which agree on $86.92', async () => {
    const invoices = await Array.fromAsync(direct.invoicePeriods());
    const uuid = invoices.find((invoice) => invoice.period === '2026-04-01')?.invoiceUuid ?? '';
    const summary = await bothWays((provider) => provider.invoiceSummary(uuid));
    const lines = await bothWays(async (provider) =>
      (await Array.fromAsync(provider.invoiceLines(uuid))).flat(),
    );
    const items = await bothWays(async (provider) =>
      (await Array.fromAsync(provider.invoiceItems(uuid))).flat(),
    );
    expect(summary.amount.toFixed(2)).toBe('86.92');
    expect(lines).toHaveLength(33);
    expect(items).toHaveLength(33);
    expect(items.filter((item) => item.resourceId !== null).length).toBeGreaterThan(0);
  });

  it('keeps it for the projects and what they hold', async () => {
    const projects = await bothWays((provider) => provider.projects());
    expect(projects.map((project) => project.name)).toEqual(expect.arrayContaining(['Pilot', 'Operations']));
    expect(projects.flatMap((project) => project.members).length).toBeGreaterThan(0);
  });

  it.each(
    resourceKinds.filter((kind): kind is Exclude<ResourceKind, 'spaces_bucket'> => kind !== 'spaces_bucket'),
  )('keeps it for resources of kind %s', async (kind) => {
    const resources = await bothWays((provider) => provider.resources(kind));
    expect(resources.length).toBeGreaterThan(0);
    expect(resources.every((resource) => resource.kind === kind)).toBe(true);
  });

  it('keeps it for the month-to-date invoice and its lines', async () => {
    const estimate = await bothWays(async (provider) => {
      const found = await provider.monthToDate?.();
      const lines = (await Array.fromAsync(found?.lines() ?? [])).flat();
      return { period: found?.period, amount: found?.amount.toFixed(2), lines };
    });
    expect(estimate.period).toBe('2026-05-01');
    expect(estimate.lines).toHaveLength(11);
  });

  it('keeps it for the bandwidth of a droplet', async () => {
    const range = { from: new Date('2026-05-20T10:00:00Z'), until: new Date('2026-05-20T16:00:00Z') };
    const series = await bothWays(async (provider) => provider.outboundBandwidth?.('412000105', range));
    expect(series?.map((samples) => samples.length)).toEqual([73]);
  });

  it('keeps it for every single resource and the sizes', async () => {
    expect((await bothWays((provider) => operationsOf(provider).sizes())).length).toBeGreaterThan(20);
    for (const kind of resourceKinds.filter((one) => one !== 'spaces_bucket')) {
      const [first] = await direct.resources(kind);
      const read = await bothWays((provider) => operationsOf(provider).read(kind, first?.externalId ?? ''));
      expect(read).toEqual(first);
    }
  });

  it('keeps it for what it asks to be made, found, and destroyed', async () => {
    const operations = operationsOf(judged);
    for (const wanted of [
      { ...newDroplet, backups: true, userData: '#cloud-config', sshKeys: ['512189'] },
      { ...newVolume, description: 'of a contract' },
      newLoadBalancer,
      newRecord,
      { ...newRecord, type: 'CNAME', data: 'www.arcadia.example' } as const,
      { ...newRecord, type: 'TXT', data: 'arcadia=1' } as const,
    ]) {
      const made = await operations.create(wanted);
      expect(await operations.find(wanted)).toEqual([made]);
      if (wanted.kind === 'droplet') await endOf(operations, { kind: 'droplet', ...made });
      await operations.destroy(wanted.kind, made.externalId);
      expect(await operations.find(wanted)).toEqual([]);
    }
  });

  it('keeps it for actions, tags and firewalls', async () => {
    const operations = operationsOf(judged);
    const volume = await operations.create(newVolume);
    const target = { kind: 'volume', ...volume } as const;
    const membership = { droplet_id: bastion.externalId, region: 'syd1' } as const;
    for (const request of [
      { type: 'resize', size_gigabytes: 30, region: 'syd1' },
      { type: 'attach', ...membership },
      { type: 'detach', ...membership },
    ] as const) {
      await operations.startAction(target, request);
      expect(await endOf(operations, target)).toMatchObject({ type: request.type, status: 'completed' });
    }
    for (const request of [
      { type: 'power_off' },
      { type: 'resize', size: 's-1vcpu-2gb', disk: false },
      { type: 'power_on' },
      { type: 'rename', name: 'ops-bastion-2' },
      { type: 'disable_backups' },
      { type: 'enable_backups' },
      { type: 'shutdown' },
    ] as const) {
      await operations.startAction(bastion, request);
      expect(await endOf(operations, bastion)).toMatchObject({ type: request.type, status: 'completed' });
    }
    for (const tagged of [bastion, target]) {
      await operations.tag(tagged, ['contract:made']);
      await operations.untag(tagged, ['contract:made']);
    }
    const firewallId = simulator.state.account.firewalls[0]?.id ?? '';
    await operations.addToFirewall(firewallId, ['412000100']);
    await operations.removeFromFirewall(firewallId, ['412000100']);
  });

  it('keeps it for errors: an unknown token, an unknown invoice', async () => {
    const stranger = providerAt(prism.url, { token: 'another-token' });
    await expect(stranger.balance()).rejects.toMatchObject({ code: 'provider_unauthorized' });
    await expect(judged.invoiceSummary('00000000-0000-4000-8000-000000000000')).rejects.toMatchObject({
      code: 'provider_not_found',
    });
  });

  it('broke it in none of all these answers', () => {
    expect(judgedAnswers).toBeGreaterThan(20);
    expect(violations).toEqual([]);
  });
});
