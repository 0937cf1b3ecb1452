import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { centsOf, usdOf } from '../../dev/simulator/cents.ts';
import { goldenAccount } from '../../dev/simulator/goldenAccount.ts';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { ask, jsonOf, readAll } from './simulatorClient.ts';

interface Item {
  resource_id: string;
  resource_uuid: string;
  product: string;
  description: string;
  amount: string;
  start_time: string;
}

const aprilUuid = '51b1cfdf-c111-5299-b335-61d3481261aa';
const goldenFolder = new URL('../../dev/golden/', import.meta.url);
const cases = JSON.parse(readFileSync(new URL('cases.json', goldenFolder), 'utf8'));
let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator();
});
afterAll(() => simulator.close());

function invoicePath(uuid: string): string {
  return `/v2/customers/my/invoices/${uuid}`;
}

async function readCsv(uuid: string): Promise<{ bytes: Buffer; rows: Record<string, string>[] }> {
  const { bytes } = await ask(simulator, `${invoicePath(uuid)}/csv`);
  const columns = (header: string[]) => header.map((name) => name.toLowerCase().replaceAll(' ', '_'));
  return { bytes, rows: parse(bytes, { bom: true, columns }) };
}

function usdCents(row: Record<string, string>): number {
  return centsOf((row['usd'] ?? '').replace('$', ''));
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

describe('the golden account', () => {
  it('has 240 history entries, 137 of them invoices back to December 2014', async () => {
    const history = await readAll<{ type: string; invoice_uuid?: string; amount: string }>(
      simulator,
      '/v2/customers/my/billing_history',
      'billing_history',
      50,
    );
    const file = JSON.parse(readFileSync(new URL('digitalocean/billing_history.json', goldenFolder), 'utf8'));
    expect(history).toEqual(file.billing_history);
    const invoices = await readAll<{ invoice_uuid: string; invoice_period: string; amount: string }>(
      simulator,
      '/v2/customers/my/invoices',
      'invoices',
      100,
    );
    expect(invoices).toHaveLength(cases.discovery.invoices);
    expect(`${invoices.at(-1)?.invoice_period}-01`).toBe(cases.discovery.oldest_period);
    expect(new Set(invoices.map((invoice) => invoice.invoice_period)).size).toBe(137);
    const fromHistory = history.filter((entry) => entry.type === 'Invoice');
    expect(invoices.map(({ invoice_uuid, amount }) => ({ invoice_uuid, amount }))).toEqual(
      fromHistory.map(({ invoice_uuid, amount }) => ({ invoice_uuid, amount })),
    );
  });

  it('serves the April 2026 CSV byte for byte: 33 lines, $86.92', async () => {
    const { bytes, rows } = await readCsv(aprilUuid);
    expect(bytes.equals(readFileSync(new URL('digitalocean/invoice-2026-04.csv', goldenFolder)))).toBe(true);
    expect(rows).toHaveLength(cases.ingest.lines);
    expect(usdOf(sum(rows.map(usdCents)))).toBe(cases.ingest.total_usd);
  });

  it('splits April into four parts that add up to 86.92', async () => {
    const summary = jsonOf<Record<string, { amount: string }> & { amount: string }>(
      await ask(simulator, `${invoicePath(aprilUuid)}/summary`),
    );
    expect(summary.amount).toBe('86.92');
    expect(summary['product_charges']?.amount).toBe('80.52');
    expect(summary['overages']?.amount).toBe('0.00');
    expect(summary['taxes']?.amount).toBe('7.90');
    expect(summary['credits_and_adjustments']?.amount).toBe('-1.50');
  });

  it('names a listed resource on exactly 6 of the 33 April items, by id and by name alike', async () => {
    const items = await readAll<Item>(simulator, invoicePath(aprilUuid), 'invoice_items', 20);
    const { account } = simulator.state;
    const listed = [
      ...account.droplets,
      ...account.volumes,
      ...account.loadBalancers,
      ...account.snapshots,
      ...account.images,
      ...account.databases,
      ...account.kubernetesClusters,
      ...account.buckets.map(({ name }) => ({ id: `bucket ${name}`, name })),
      ...account.domains.map(({ name }) => ({ id: `domain ${name}`, name })),
      ...account.reservedIps.map(({ ip }) => ({ id: ip, name: ip })),
      ...account.reservedIpv6s.map(({ ip }) => ({ id: ip, name: ip })),
      ...account.apps.map(({ id, spec }) => ({ id, name: spec.name })),
      ...account.registries.map(({ name }) => ({ id: name, name })),
      ...account.functionsNamespaces.map(({ namespace, label }) => ({ id: namespace, name: label })),
      ...account.firewalls,
      ...account.vpcs,
    ];
    const ids = new Set(listed.map(({ id }) => String(id)));
    const names = new Set(listed.map(({ name }) => String(name).toLowerCase()));
    const byId = items.filter((item) => ids.has(item.resource_id) || ids.has(item.resource_uuid));
    const byName = items.filter((item) =>
      names.has(item.description.replace(/ \([^()]*\)$/, '').toLowerCase()),
    );
    expect(items).toHaveLength(33);
    expect(byId).toHaveLength(cases.ingest.matched);
    expect(byName).toEqual(byId);
    expect(usdOf(sum(byId.map((item) => centsOf(item.amount))))).toBe('34.53');
  });

  it('gives ids to lines of resources that are gone, and none to tax, credit and the Spaces subscription', async () => {
    const items = await readAll<Item>(simulator, invoicePath(aprilUuid), 'invoice_items', 200);
    const without = items.filter((item) => item.resource_id === '' && item.resource_uuid === '');
    expect(without.map((item) => item.product)).toEqual(['Spaces', 'GST', 'Credits']);
  });

  it('lists something of every kind, and assigns it to one of four projects', async () => {
    const { account } = simulator.state;
    expect(account.droplets).toHaveLength(10);
    expect(account.projects.map(({ name }) => name)).toEqual(['Pilot', 'Operations', 'Staging', 'Studio']);
    const {
      volumes,
      reservedIps,
      loadBalancers,
      snapshots,
      domains,
      databases,
      kubernetesClusters,
      buckets,
    } = account;
    const { apps, registries, functionsNamespaces, reservedIpv6s, firewalls, vpcs } = account;
    for (const kind of [
      apps,
      registries,
      functionsNamespaces,
      reservedIpv6s,
      firewalls,
      vpcs,
      volumes,
      reservedIps,
      loadBalancers,
      domains,
      databases,
      kubernetesClusters,
      buckets,
    ]) {
      expect(kind.length).toBeGreaterThan(0);
    }
    expect(snapshots.map(({ resource_type }) => resource_type)).toEqual(['droplet', 'volume']);
    const types = new Set(account.projectResources.map(({ urn }) => urn.split(':')[1]));
    expect([...types].toSorted()).toEqual([
      'dbaas',
      'domain',
      'droplet',
      'floatingip',
      'kubernetes',
      'loadbalancer',
      'space',
      'volume',
      'vpc',
    ]);
  });

  it('is the same each time it is built', () => {
    expect(goldenAccount()).toEqual(goldenAccount());
  });
});

describe('all 137 invoices', () => {
  it('have CSV lines, JSON items and summary parts that add up to the history amount, line by line', async () => {
    for (const invoice of simulator.state.account.invoices) {
      const { rows } = await readCsv(invoice.uuid);
      const items = await readAll<Item>(simulator, invoicePath(invoice.uuid), 'invoice_items', 200);
      const summary = jsonOf<Record<string, { amount: string }>>(
        await ask(simulator, `${invoicePath(invoice.uuid)}/summary`),
      );
      const entry = simulator.state.account.billingHistory.find(
        (candidate) => candidate.invoice_uuid === invoice.uuid,
      );
      const parts = ['product_charges', 'overages', 'taxes', 'credits_and_adjustments'];
      const partCents = sum(parts.map((part) => centsOf(summary[part]?.amount ?? '')));
      expect({ period: invoice.period, rows: usdOf(sum(rows.map(usdCents))) }).toEqual({
        period: invoice.period,
        rows: entry?.amount,
      });
      expect(usdOf(partCents)).toBe(entry?.amount);
      expect(summary['amount']).toBe(entry?.amount);
      expect(items.map(({ product, description, amount }) => [product, description, amount])).toEqual(
        rows.map((row) => [row['product'], row['description'], usdOf(usdCents(row))]),
      );
      expect(items.map((item) => item.start_time)).toEqual(
        rows.map((row) => row['start']?.replace(' ', 'T').replace(' +0000', 'Z')),
      );
      const [year, month] = invoice.period.split('-').map(Number);
      const start = `${invoice.period}-01 00:00:00 +0000`;
      const next = new Date(Date.UTC(year ?? 0, month ?? 0)).toISOString().slice(0, 10);
      const end = `${next} 00:00:00 +0000`;
      for (const row of rows) {
        expect((row['start'] ?? '') >= start && (row['end'] ?? '') <= end).toBe(true);
        expect((row['start'] ?? '') < (row['end'] ?? '')).toBe(true);
      }
    }
  });

  it('come in every form of file that the provider has sent', async () => {
    const files = new Map<string, string>();
    for (const invoice of simulator.state.account.invoices) {
      const { bytes } = await readCsv(invoice.uuid);
      files.set(invoice.period, bytes.toString());
    }
    const headerOf = (period: string) => (files.get(period) ?? '').split(/\r?\n/)[0] ?? '';
    expect(headerOf('2015-12')).toBe('product,group_description,description,hours,start,end,USD');
    expect(headerOf('2016-01')).toBe(`${headerOf('2015-12')},project_name`);
    expect(headerOf('2020-07')).toBe(`${headerOf('2016-01')},category`);
    expect(headerOf('2016-06')).toBe(headerOf('2016-01').toUpperCase());
    expect(headerOf('2018-11')).toContain('group description');
    expect(headerOf('2022-09').startsWith('category,project_name,USD')).toBe(true);
    expect(files.get('2015-03')?.charCodeAt(0)).toBe(0xfeff);
    expect(files.get('2017-10')).toContain('\r\n');
    const all = [...files.values()].join('');
    for (const part of [
      'Unused Floating IP - 1.1.1.1',
      'Kubernetes Clusters,cluster-',
      'Bandwidth overage',
      '(sfo2) 100GB',
      '東京-web',
      '"shop, old',
      '""green""',
      '$-',
      '-$',
      'STATE SALES TAX (6.25%)',
      'Backups for ',
      ' (weekly),,',
    ]) {
      expect(all).toContain(part);
    }
  });

  it('bill the bastion from June 2024 and the pilot droplets from March 2026 under their real ids, and nobody else by their names', async () => {
    const { droplets, invoices } = simulator.state.account;
    const periods = (name: string, id: number) =>
      invoices
        .filter((invoice) =>
          invoice.lines.some((line) => {
            const bearsName = line.description.toLowerCase().startsWith(`${name} (`);
            expect(bearsName).toBe(line.product === 'Droplets' && line.resourceId === String(id));
            return bearsName;
          }),
        )
        .map((invoice) => invoice.period)
        .toSorted();
    const byName = new Map(droplets.map(({ name, id }) => [name, periods(name, id)]));
    expect(byName.get('ops-bastion')).toHaveLength(23);
    expect(byName.get('ops-bastion')?.[0]).toBe('2024-06');
    expect(byName.get('pilot-app-1')).toEqual(['2026-03', '2026-04']);
    expect(byName.get('pilot-worker-1')).toEqual(['2026-04']);
    expect(byName.get('new-since-may')).toEqual([]);
  });
});

describe('the running month', () => {
  it('is served as preview, and the balance adds up with it', async () => {
    const items = await readAll<Item>(simulator, invoicePath('preview'), 'invoice_items', 200);
    const list = jsonOf<{ invoice_preview: { amount: string; invoice_uuid: string; updated_at: string } }>(
      await ask(simulator, '/v2/customers/my/invoices'),
    );
    const balance = jsonOf<Record<string, string>>(await ask(simulator, '/v2/customers/my/balance'));
    const { rows } = await readCsv('preview');
    const cents = sum(items.map((item) => centsOf(item.amount)));
    expect(list.invoice_preview.amount).toBe(usdOf(cents));
    expect(sum(rows.map(usdCents))).toBe(cents);
    expect(balance['month_to_date_usage']).toBe(usdOf(cents));
    expect(balance['month_to_date_balance']).toBe(usdOf(centsOf(balance['account_balance'] ?? '') + cents));
  });
});
