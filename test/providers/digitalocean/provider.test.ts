import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../../dev/simulator/simulator.ts';
import type { DigitalOceanOptions } from '../../../src/providers/digitalocean/provider.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import { answerJson, openLimiter, providerAt, rejectionOf, startAnsweringServer } from './answeringServer.ts';

let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator();
});

afterEach(async () => {
  await simulator.close();
});

function provider(options: Partial<DigitalOceanOptions> = {}): Provider {
  return providerAt(simulator.url, { token: simulator.token, ...options });
}

function spacesOf({ spacesUrl, spacesKey }: Simulator, accessKeyId = spacesKey) {
  return {
    accessKeyId,
    secretAccessKey: 'canary-of-the-spaces-secret',
    endpointTemplate: `${spacesUrl}/{region}`,
    regions: ['syd1', 'fra1', 'nyc3'],
  };
}

async function april2026(): Promise<string> {
  const invoices = await Array.fromAsync(provider().invoicePeriods());
  return invoices.find((invoice) => invoice.period === '2026-04-01')?.invoiceUuid ?? '';
}

const linesOf = async (from: Provider, uuid: string) =>
  (await Array.fromAsync(from.invoiceLines(uuid))).flat();

describe('DigitalOcean as a provider', () => {
  it('gives the history newest first, in our words', async () => {
    const entries = await Array.fromAsync(provider().billingHistory());
    const times = entries.map((entry) => entry.occurredAt.getTime());
    expect(times).toEqual(times.toSorted((left, right) => right - left));
    expect(new Set(entries.map((entry) => entry.type))).toEqual(new Set(['invoice', 'payment', 'credit']));
    expect(entries.find((entry) => entry.type === 'payment')).toMatchObject({
      invoiceUuid: null,
      invoiceNumber: null,
    });
  });

  it('gives items positions over all pages, and resource ids where the invoice has them', async () => {
    const items = (await Array.fromAsync(provider().invoiceItems(await april2026()))).flat();
    expect(items.map((item) => item.position)).toEqual(Array.from({ length: 33 }, (_, index) => index + 1));
    expect(items.find((item) => item.description.startsWith('ops-bastion'))?.resourceId).toBe('412000105');
  });

  it('gives droplets with price, size and addresses', async () => {
    const droplets = await provider().resources('droplet');
    const bastion = droplets.find((droplet) => droplet.name === 'ops-bastion');
    expect(bastion).toMatchObject({
      externalId: '412000105',
      region: 'syd1',
      sizeSlug: 's-1vcpu-512mb-10gb',
      status: 'active',
      currency: 'USD',
      attributes: { vcpus: 1, memory: 512, disk: 10, image_slug: 'ubuntu-24-04-x64' },
    });
    expect(bastion?.priceMonthly?.toString()).toBe('4');
    expect(droplets.map((droplet) => droplet.externalId)).toEqual([
      ...new Set(droplets.map((droplet) => droplet.externalId)),
    ]);
  });

  it('names the droplet that a backup was made of', async () => {
    expect(await provider().resources('backup')).toMatchObject([
      { kind: 'backup', attributes: { droplet_id: '412000105', droplet_name: 'ops-bastion' } },
    ]);
  });

  it('gives each project its members as kinds and ids that the listings give too', async () => {
    const from = provider();
    const projects = await from.projects();
    const members = projects.flatMap((project) => project.members);
    const kinds = [...new Set(members.map((member) => member.kind))];
    expect(kinds.length).toBeGreaterThan(5);
    for (const kind of kinds.filter((one) => one !== 'spaces_bucket')) {
      const listed = (await from.resources(kind)).map((resource) => resource.externalId);
      const named = members.filter((member) => member.kind === kind).map((member) => member.externalId);
      expect({ kind, unlisted: named.filter((id) => !listed.includes(id)) }).toEqual({ kind, unlisted: [] });
    }
  });

  it('lists the buckets of every region over S3', async () => {
    const buckets = await provider({ spaces: spacesOf(simulator) }).resources('spaces_bucket');
    expect(buckets.map((bucket) => [bucket.externalId, bucket.region])).toEqual([
      ['arcadia-exports', 'syd1'],
      ['arcadia-scratch', 'fra1'],
    ]);
    expect(buckets[0]?.createdAt).toBeInstanceOf(Date);
  });

  it('tells buckets of one name in two regions apart', async () => {
    const first = simulator.state.account.buckets[0];
    if (first === undefined) throw new Error('the account has no bucket');
    simulator.state.account.buckets.push({ ...first, region: 'nyc3' });
    const buckets = await provider({ spaces: spacesOf(simulator) }).resources('spaces_bucket');
    expect(buckets.map((bucket) => bucket.externalId)).toEqual([
      'arcadia-exports',
      'arcadia-scratch',
      'arcadia-exports@nyc3',
    ]);
  });

  it('says that Spaces is not configured rather than that there are no buckets', async () => {
    expect(await rejectionOf(provider().resources('spaces_bucket'))).toMatchObject({
      code: 'spaces_not_configured',
      retryable: false,
    });
  });

  it('raises a refused Spaces key as such, and keeps the secret to itself', async () => {
    const spaces = spacesOf(simulator, 'wrong-key');
    const error = await rejectionOf(provider({ spaces }).resources('spaces_bucket'));
    expect(error).toMatchObject({ code: 'provider_unauthorized', retryable: false });
    expect(`${error}${JSON.stringify(error)}`).not.toContain(spaces.secretAccessKey);
  });

  it.each([
    ['server_error', 'provider_unavailable'],
    ['reset', 'provider_unavailable'],
    ['stall', 'provider_unavailable'],
  ] as const)('takes %s of Spaces for a passing failure', async (kind, code) => {
    simulator.faults.add({ match: { path: '^/s3/' }, fault: { kind } });
    const spaces = spacesOf(simulator);
    expect(await rejectionOf(provider({ spaces, timeoutMs: 300 }).resources('spaces_bucket'))).toMatchObject({
      code,
      retryable: true,
    });
  });

  it('sends the Spaces secret only to addresses on the list', () => {
    const spaces = { ...spacesOf(simulator), endpointTemplate: 'https://{region}.example.com' };
    expect(() => provider({ spaces })).toThrow(expect.objectContaining({ code: 'provider_address_refused' }));
  });
});

describe('faults of DigitalOcean', () => {
  it.each([
    ['insert', 240, 'Invoice for April 2026'],
    ['remove', 239, 'Payment (Visa 1111)'],
  ] as const)(
    'reads the history again where an %s shifts its pages, and has each entry once',
    async (change, count, newest) => {
      const fault = { kind: 'shifting_pages', change } as const;
      simulator.faults.add({ match: { path: 'billing_history' }, fault });
      const entries = await Array.fromAsync(provider().billingHistory());
      const invoices = entries.flatMap((entry) => entry.invoiceUuid ?? []);
      expect(entries).toHaveLength(count);
      expect(entries[0]?.description).toBe(newest);
      expect(new Set(invoices).size).toBe(invoices.length);
      // Two pages, twice.
      expect(simulator.faults.list()[0]?.hits).toBe(4);
    },
  );

  it.each(['droplet', 'volume', 'snapshot'] as const)(
    'never takes a partial listing of %ss for the whole',
    async (kind) => {
      simulator.faults.add({ fault: { kind: 'partial_listing' }, times: null });
      expect(await rejectionOf(provider().resources(kind))).toMatchObject({
        code: 'partial_listing',
        retryable: true,
      });
    },
  );

  it('waits as a 429 says', async () => {
    const limiter = openLimiter();
    simulator.faults.add({ fault: { kind: 'rate_limit', retryAfterSeconds: 7 } });
    expect(await rejectionOf(provider({ limiter }).balance())).toMatchObject({
      code: 'provider_rate_limited',
      retryAfterSeconds: 7,
    });
    expect(limiter.pauses).toEqual([7]);
  });

  /** Only what never comes is given up soon: on a busy machine everything else takes its time, too. */
  const patience = (kind: string) => ({ timeoutMs: kind === 'stall' ? 300 : 10_000 });

  it.each([
    ['truncated_json', 'provider_bad_answer', true],
    ['html_page', 'provider_bad_answer', true],
    ['empty', 'provider_bad_answer', true],
    ['reset', 'provider_unavailable', true],
    ['stall', 'provider_unavailable', true],
    ['server_error', 'provider_unavailable', true],
  ] as const)('raises %s as %s', async (kind, code, retryable) => {
    simulator.faults.add({ fault: { kind } });
    expect(await rejectionOf(provider(patience(kind)).projects())).toMatchObject({ code, retryable });
  });

  it.each([
    ['truncated_csv', 'invoice_truncated', false],
    ['html_page', 'invoice_not_csv', false],
    ['empty', 'invoice_empty', false],
    ['reset', 'provider_unavailable', true],
    ['stall', 'provider_unavailable', true],
    ['server_error', 'provider_unavailable', true],
    ['rate_limit', 'provider_rate_limited', true],
  ] as const)('raises %s of an invoice document as %s', async (kind, code, retryable) => {
    const uuid = await april2026();
    simulator.faults.add({ match: { path: '/csv$' }, fault: { kind } });
    expect(await rejectionOf(linesOf(provider(patience(kind)), uuid))).toMatchObject({ code, retryable });
    expect(await linesOf(provider(), uuid)).toHaveLength(33);
  });

  it('refuses an invoice document beyond the largest size', async () => {
    const uuid = await april2026();
    expect(await rejectionOf(linesOf(provider({ maxDocumentBytes: 1000 }), uuid))).toMatchObject({
      code: 'invoice_too_large',
      retryable: false,
    });
  });

  it('gives a slow reader of an invoice all the time that it takes', async () => {
    const uuid = await april2026();
    const lines = provider({ timeoutMs: 1_000 }).invoiceLines(uuid);
    let read = 0;
    for await (const batch of lines) {
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      read += batch.length;
    }
    expect(read).toBe(33);
  });
});

describe('secrets in an answer', () => {
  it('of databases end at the edge', async () => {
    const canary = 'canary-of-the-database';
    const connection = { uri: `postgres://doadmin:${canary}@host`, user: 'doadmin', password: canary };
    const database = {
      id: '9cc10173-e9ea-4176-9dbc-a4cee4c4ff30',
      name: 'backend',
      engine: 'pg',
      version: '16',
      num_nodes: 2,
      size: 'db-s-2vcpu-4gb',
      region: 'syd1',
      status: 'online',
      created_at: '2026-01-11T18:37:36Z',
      tags: null,
      storage_size_mib: 61440,
      connection,
      private_connection: connection,
      standby_connection: connection,
      ui_connection: connection,
      users: [{ name: 'doadmin', role: 'primary', password: canary }],
      a_secret_of_tomorrow: canary,
    };
    const server = await startAnsweringServer(answerJson({ '/v2/databases': { databases: [database] } }));
    const found = await providerAt(server.url).resources('database');
    await server.close();
    expect(found).toMatchObject([
      {
        externalId: database.id,
        name: 'backend',
        sizeSlug: 'db-s-2vcpu-4gb',
        tags: [],
        attributes: { engine: 'pg', num_nodes: 2, storage_size_mib: 61440 },
      },
    ]);
    expect(JSON.stringify(found)).not.toContain(canary);
  });
});
