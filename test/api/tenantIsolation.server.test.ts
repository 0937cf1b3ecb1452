import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { routes } from '../../src/api/routes.ts';
import { addInvoiceLine } from '../../src/services/adjustInvoice.ts';
import { assignLlmUsage } from '../../src/services/assignLlmUsage.ts';
import { attachAddon } from '../../src/services/attachAddon.ts';
import { attachResource } from '../../src/services/attachResource.ts';
import {
  defaultBillingProfile,
  putBillingProfile,
  readBillingProfile,
} from '../../src/services/billingProfile.ts';
import { changePlan } from '../../src/services/changePlan.ts';
import { createDeployment } from '../../src/services/createDeployment.ts';
import { creditInvoice } from '../../src/services/creditInvoice.ts';
import { detachAddon } from '../../src/services/detachAddon.ts';
import { exportTenantFocus } from '../../src/services/exportTenantFocus.ts';
import { findDeployment } from '../../src/services/findDeployment.ts';
import { gstReport } from '../../src/services/gstReport.ts';
import { issueDraft } from '../../src/services/issueDraft.ts';
import { listAudit } from '../../src/services/listAudit.ts';
import { listCostLines } from '../../src/services/listCostLines.ts';
import { listDeploymentEvents, listDeployments } from '../../src/services/listDeployments.ts';
import {
  findResource,
  listInventory,
  listProjects,
  listResourceEvents,
  readListings,
} from '../../src/services/listInventory.ts';
import { listInvoices } from '../../src/services/listInvoices.ts';
import { listLlmUsage } from '../../src/services/listLlmUsage.ts';
import { listReceivables } from '../../src/services/listReceivables.ts';
import { listTenantInvoices } from '../../src/services/listTenantInvoices.ts';
import { listUsage, listUsageDays } from '../../src/services/listUsage.ts';
import { readBalanceTrend, readLatestBalance } from '../../src/services/readBalance.ts';
import { readSubscription } from '../../src/services/readSubscription.ts';
import { readCreditNote, readTenantInvoice } from '../../src/services/readTenantInvoice.ts';
import { receivablesAgeing } from '../../src/services/receivablesAgeing.ts';
import { recordAudit } from '../../src/services/recordAudit.ts';
import { recordManualUsage } from '../../src/services/recordManualUsage.ts';
import { recordPayment } from '../../src/services/recordPayment.ts';
import { reissueInvoice } from '../../src/services/reissueInvoice.ts';
import { retryReceivable } from '../../src/services/retryReceivable.ts';
import { listLedger } from '../../src/services/rollup/periodLedger.ts';
import { tenantsToBill } from '../../src/services/rollup/previewRollUp.ts';
import { listExceptions } from '../../src/services/rollup/worklistExceptions.ts';
import { setDeploymentState } from '../../src/services/setDeploymentState.ts';
import { subscribeDeployment } from '../../src/services/subscribeDeployment.ts';
import { transitionDeployment } from '../../src/services/transitionDeployment.ts';
import { updateDeployment } from '../../src/services/updateDeployment.ts';
import { voidInvoice } from '../../src/services/voidInvoice.ts';
import { forSession, type Session, systemSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, itemsOf, startApi, tokenFor } from './apiUnderTest.ts';
import { type SeededTenant, seeder } from './seed.ts';
import { revenueSeeder, type SeededSubscriber } from './seedRevenue.ts';

let database: TestDatabase;
let api: ApiUnderTest;
let mine: SeededTenant;
let theirs: SeededTenant;
let invoiceUuid: string;
let mySubscriber: SeededSubscriber;
let theirSubscriber: SeededSubscriber;

const me: Session = { role: 'tenant', tenantId: 'tenant-a', subject: 'test-tenant' };
const myToken = tokenFor('tenant');

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl });
  const seed = seeder(api.orm);
  mine = await seed.tenant('tenant-a', 'ours');
  theirs = await seed.tenant('tenant-b', 'FOREIGN');
  await seed.tenant(null, 'FOREIGN nobody');
  ({ invoiceUuid } = await seed.invoice('2026-04-01', [['86.92', 'shared']]));
  const revenue = revenueSeeder(api.orm);
  const catalog = await revenue.catalog();
  await revenue.operations(catalog);
  mySubscriber = await revenue.subscriber('tenant-a', 'ours', catalog);
  theirSubscriber = await revenue.subscriber('tenant-b', 'FOREIGN', catalog);
  await seed.balance('2026-04-15T11:07:00Z', '12.5');
  await seed.listing('droplet', 'fresh');
  await recordAudit(forSession(api.orm, systemSession), systemSession, {
    occurredAt: new Date(),
    action: 'FOREIGN',
    subjectType: 'test',
    subjectId: 'FOREIGN',
  });
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

const foreignIds = () => [
  theirs.projectId,
  theirs.droplet,
  theirs.deployed,
  theirs.gone,
  ...Object.values(theirSubscriber),
  'tenant-b',
];

/** Every path of the API, with the other tenant's ids wherever a path takes one. */
function pathsWithForeignIds(): { method: string; path: string; isPublic: boolean }[] {
  const ids = foreignIds();
  return routes.flatMap((route) => {
    const variants = route.path.includes(':') ? [...ids, invoiceUuid] : [''];
    return variants.map((id) => ({
      method: route.method.toUpperCase(),
      path: route.path.replaceAll(/:\w+/g, id),
      isPublic: route.access === 'public',
    }));
  });
}

describe("a tenant's token", () => {
  it('sees its own live resources in the list, and nothing of what they cost us', async () => {
    const items = itemsOf(await api.call('/api/v1/inventory', { token: myToken }));
    expect(new Set(items.map((item) => item['id']))).toEqual(new Set([mine.droplet, mine.deployed]));
    for (const item of items) {
      expect(Object.keys(item).sort()).toEqual([
        'created_at',
        'deployment_id',
        'first_seen_at',
        'gone_at',
        'id',
        'kind',
        'last_seen_at',
        'name',
        'project_id',
        'region',
        'size_slug',
        'status',
      ]);
    }
  });

  it('gets 404 for a resource of another tenant, as for one that is not there', async () => {
    const foreign = await api.call(`/api/v1/inventory/${theirs.droplet}`, { token: myToken });
    const missing = await api.call('/api/v1/inventory/00000000-0000-4000-8000-000000000000', {
      token: myToken,
    });
    const own = await api.call(`/api/v1/inventory/${mine.droplet}`, { token: myToken });
    expect([foreign.status, missing.status, own.status]).toEqual([404, 404, 200]);
    expect({ ...foreign.json, request_id: '' }).toEqual({ ...missing.json, request_id: '' });
    expect(own.json).not.toHaveProperty('events');
  });

  it('reads nothing foreign on any route, whatever id it names', async () => {
    for (const { method, path, isPublic } of pathsWithForeignIds()) {
      const answer = await api.call(path, {
        method,
        token: myToken,
        ...(method === 'GET' ? {} : { body: { tenant_id: 'tenant-a', reason: 'mine now' } }),
      });
      expect(answer.text).not.toContain('FOREIGN');
      if (!isPublic) expect([200, 403, 404, 422]).toContain(answer.status);
    }
  });

  it.each([
    'tenant=tenant-b',
    'project=THEIRS',
    'deployment=THEIRS',
    'gone=true',
    'kind=volume',
    'region=ams3',
  ])('finds nothing foreign by the filter %s', async (filter) => {
    const value = filter.startsWith('project') ? theirs.projectId : theirs.deploymentId;
    const answer = await api.call(`/api/v1/inventory?${filter.replace('THEIRS', value)}`, { token: myToken });
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain('FOREIGN');
  });

  it('finds nothing foreign by the cursor of an admin', async () => {
    const page = await api.call('/api/v1/inventory?limit=1', { token: tokenFor('platform_admin') });
    const cursor = String(page.json['next_cursor']);
    const answer = await api.call(`/api/v1/inventory?cursor=${cursor}`, { token: myToken });
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain('FOREIGN');
  });

  it('and the other way round, the other tenant finds nothing of ours', async () => {
    const token = tokenFor('tenant', { tenant_id: 'tenant-b' });
    const items = itemsOf(await api.call('/api/v1/inventory', { token }));
    expect(new Set(items.map((item) => item['id']))).toEqual(new Set([theirs.droplet, theirs.deployed]));
    expect((await api.call(`/api/v1/inventory/${mine.droplet}`, { token })).status).toBe(404);
  });

  it.each(['tenant-', 'tenant-a%', 'TENANT-A', 'tenant-a ', '%', '_', "' or true --", 'tenant-c'])(
    'that names the tenant %j sees nothing',
    async (tenantId) => {
      const token = tokenFor('tenant', { tenant_id: tenantId });
      expect(itemsOf(await api.call('/api/v1/inventory', { token }))).toEqual([]);
    },
  );

  it('keeps its tenant while 60 requests of two tenants share 10 connections', async () => {
    const other = tokenFor('tenant', { tenant_id: 'tenant-b' });
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const isMine = index % 2 === 0;
        const answer = await api.call('/api/v1/inventory', { token: isMine ? myToken : other });
        return { isMine, text: answer.text, count: itemsOf(answer).length };
      }),
    );
    for (const { isMine, text, count } of answers) {
      expect([count, text.includes('FOREIGN')]).toEqual([2, !isMine]);
    }
  });
});

describe("with the API's own conditions switched off, row level security alone", () => {
  const everything = { limit: 200 };

  it('shows a tenant its own rows and nothing of the platform', async () => {
    const em = () => forSession(api.orm, me);
    const resources = await listInventory(em(), {}, everything);
    expect(new Set(resources.map((row) => row.id))).toEqual(
      new Set([mine.droplet, mine.deployed, mine.gone]),
    );
    expect((await listProjects(em(), everything)).map((row) => row.id)).toEqual([mine.projectId]);
    for (const id of [theirs.droplet, theirs.deployed, theirs.gone]) {
      expect(await findResource(em(), id)).toBeNull();
      expect(await listResourceEvents(em(), id, 100)).toEqual([]);
    }
    expect(await readListings(em())).toEqual([]);
    expect(await listInvoices(em(), {}, everything)).toEqual([]);
    expect((await listCostLines(em(), { period: '2026-04-01' }, everything)).lines).toEqual([]);
    expect(await readLatestBalance(em())).toBeNull();
    expect(await readBalanceTrend(em(), new Date(0))).toEqual([]);
    expect(await listAudit(em(), {}, everything)).toEqual([]);
  });

  it('holds for plain SQL over every table that the application role may read', async () => {
    const em = forSession(api.orm, me);
    const tables = await em.execute<{ name: string; has_tenant: boolean }[]>(
      `select t.table_name as name, exists (select from information_schema.columns c
         where c.table_schema = 'public' and c.table_name = t.table_name and c.column_name = 'tenant_id') as has_tenant
       from information_schema.tables t where t.table_schema = 'public' order by 1`,
    );
    expect(tables.filter((table) => table.has_tenant).map((table) => table.name)).toEqual([
      'alert_rules',
      'alerts',
      'audit_log',
      'billing_profiles',
      'cloud_deployment_events',
      'cloud_deployments',
      'cloud_projects',
      'cloud_resources',
      'cost_owner_changes',
      'credit_notes',
      'idempotency_keys',
      'invoice_adjustments',
      'late_usage',
      'llm_usage_events',
      'manual_usage',
      'metered_usage',
      'payments',
      'provisioned_items',
      'provisioning_runs',
      'receivables',
      'rollup_worklist',
      'subscription_addons',
      'subscription_pauses',
      'subscription_versions',
      'subscriptions',
      'tenant_invoice_inputs',
      'tenant_invoice_lines',
      'tenant_invoices',
    ]);
    const catalog = ['addons', 'plan_items', 'plan_versions', 'plans', 'resource_prices', 'tax_rates'];
    const withoutPolicies = [
      'cloud_cost_line_stage',
      'cloud_invoice_item_stage',
      'rate_limits',
      'schema_migrations',
    ];
    for (const { name, has_tenant: hasTenant } of tables) {
      if (withoutPolicies.includes(name)) continue;
      if (catalog.includes(name)) continue;
      if (hasTenant) {
        const foreign = await em.execute<object[]>(
          `select 1 from ${name} where tenant_id is distinct from 'tenant-a'`,
        );
        expect([name, foreign.length]).toEqual([name, 0]);
      } else {
        const rows = await em.execute<object[]>(`select 1 from ${name}`);
        expect([name, rows.length]).toEqual([name, 0]);
      }
    }
  });

  it.each([
    'billing_profiles',
    'cloud_deployment_events',
    'cloud_deployments',
    'credit_notes',
    'invoice_adjustments',
    'llm_usage_events',
    'manual_usage',
    'metered_usage',
    'payments',
    'subscription_addons',
    'subscription_pauses',
    'subscription_versions',
    'subscriptions',
    'tenant_invoice_lines',
    'tenant_invoices',
  ])('shows a tenant its own rows of %s, of which the other tenant has as many', async (name) => {
    const counted = `select count(*)::int as rows, count(distinct tenant_id)::int as tenants from ${name}`;
    const [own] = await forSession(api.orm, me).execute<object[]>(counted);
    const [all] = await forSession(api.orm, systemSession).execute<{ rows: number }[]>(counted);
    expect(all).toMatchObject({ tenants: 2 });
    expect(own).toEqual({ rows: Number(all?.rows) / 2, tenants: 1 });
  });

  it('shows the whole catalog to every role, and lets only the platform change it', async () => {
    for (const role of ['tenant', 'gateway', 'finance', 'platform_viewer'] as const) {
      const em = () =>
        forSession(api.orm, { role, tenantId: role === 'tenant' ? 'tenant-a' : '', subject: 'test' });
      for (const name of ['addons', 'plan_items', 'plan_versions', 'plans', 'resource_prices', 'tax_rates']) {
        expect([name, await em().execute(`select count(*)::int as rows from ${name}`)]).toEqual([
          name,
          [{ rows: 1 }],
        ]);
      }
      const changed = em().execute(`update addons set price_cents = 1 returning code`);
      await expect(changed).resolves.toEqual([]);
      await expect(
        em().execute(`insert into plans (code, name, created_at) values ('mine', 'Mine', now())`),
      ).rejects.toThrow(/row-level security/);
    }
  });

  it('lets a tenant write its own deployments and no foreign one', async () => {
    const em = () => forSession(api.orm, me);
    const renamed = await em().execute<object[]>(
      `update cloud_deployments set display_name = 'mine' returning tenant_id`,
    );
    expect(renamed).toEqual([{ tenant_id: 'tenant-a' }]);
    const foreign = em().execute(
      `insert into cloud_deployments (tenant_id, slug, display_name, created_at, updated_at)
       values ('tenant-b', 'mine', 'mine', now(), now())`,
    );
    await expect(foreign).rejects.toThrow(/row-level security/);
    for (const statement of [
      `update tenant_invoices set paid_cents = 1 returning id`,
      `update metered_usage set quantity = 0 returning id`,
      `delete from manual_usage returning id`,
    ]) {
      expect(await em().execute<object[]>(statement)).toEqual([]);
    }
  });

  it('lets the gateway add LLM usage, see deployments and currencies, and nothing else of a tenant', async () => {
    const em = () => forSession(api.orm, { role: 'gateway', tenantId: '', subject: 'gateway' });
    await em().execute(
      `insert into llm_usage_events (gateway_request_id, tenant_id, claimed_deployment_id, model, tokens, charge, currency,
         occurred_at, received_at, fingerprint, state)
       values ('from the gateway', 'tenant-b', 'nowhere', 'm', 1, 0.1, 'AUD', now(), now(), 'f', 'unassigned')`,
    );
    const counted = async (name: string) =>
      (await em().execute<{ rows: number }[]>(`select count(*)::int as rows from ${name}`))[0]?.rows;
    expect([await counted('llm_usage_events'), await counted('cloud_deployments')]).toEqual([3, 2]);
    for (const name of ['subscriptions', 'tenant_invoices', 'metered_usage', 'payments']) {
      expect([name, await counted(name)]).toEqual([name, 0]);
    }
    expect(await em().execute<object[]>(`update llm_usage_events set charge = 0 returning id`)).toEqual([]);
    await forSession(api.orm, systemSession).execute(
      `delete from llm_usage_events where gateway_request_id = 'from the gateway'`,
    );
  });

  it('hides rows that are there: the service itself sees them', async () => {
    const em = forSession(api.orm, systemSession);
    for (const name of [
      'audit_log',
      'cloud_balance_snapshots',
      'cloud_cost_lines',
      'cloud_inventory_listings',
      'cloud_invoice_versions',
      'cloud_invoices',
      'cloud_resource_events',
      'cloud_resource_memberships',
      'cloud_resource_names',
      'late_usage',
      'metered_days',
      'period_ledger',
      'plan_migrations',
      'receivables',
      'rollup_worklist',
      'tenant_invoice_inputs',
    ]) {
      expect([name, (await em.execute<object[]>(`select 1 from ${name} limit 1`)).length]).toEqual([name, 1]);
    }
  });

  it('lets a tenant write nothing, foreign or its own', async () => {
    const em = () => forSession(api.orm, me);
    for (const id of [theirs.droplet, mine.droplet]) {
      const changed = await em().execute<object[]>(
        `update cloud_resources set name = 'taken' where id = ? returning id`,
        [id],
      );
      const deleted = await em().execute<object[]>('delete from cloud_resources where id = ? returning id', [
        id,
      ]);
      expect([changed, deleted]).toEqual([[], []]);
    }
    const insert = em().execute(
      `insert into cloud_projects (provider, external_id, name, is_default, tenant_id, first_seen_at, last_seen_at)
       values ('digitalocean', 'new', 'new', false, 'tenant-a', now(), now())`,
    );
    await expect(insert).rejects.toThrow(/row-level security/);
  });

  it.each(['gateway', 'finance'] as const)('shows the role %s no row at all', async (role) => {
    const em = () => forSession(api.orm, { role, tenantId: '', subject: 'test' });
    expect(await listInventory(em(), {}, everything)).toEqual([]);
    expect(await listInvoices(em(), {}, everything)).toEqual([]);
    expect(await listProjects(em(), everything)).toEqual([]);
  });

  it('shows nothing where no session was set', async () => {
    const rows = await api.orm.em.getConnection().execute<object[]>('select 1 from cloud_resources');
    expect(rows).toEqual([]);
  });
});

describe("another tenant's deployment", () => {
  const everything = { limit: 200 };
  const states = () =>
    forSession(api.orm, systemSession).execute<object[]>(
      `select to_jsonb(deployment) as deployment, to_jsonb(subscription) as subscription,
         (select jsonb_agg(version) from subscription_versions version where version.subscription_id = subscription.id) as versions,
         (select jsonb_agg(addon) from subscription_addons addon where addon.subscription_id = subscription.id) as addons,
         (select to_jsonb(profile) from billing_profiles profile where profile.tenant_id = deployment.tenant_id) as profile,
         (select count(*) from cloud_deployment_events event where event.deployment_id = deployment.id) as events
       from cloud_deployments deployment join subscriptions subscription on subscription.deployment_id = deployment.id
       where deployment.tenant_id = 'tenant-b'`,
    );

  it('is a 404 on every route, as one that is not there, and stays as it is', async () => {
    const before = await states();
    const { deployment, subscriptionAddon } = theirSubscriber;
    const nobody = '00000000-0000-4000-8000-000000000000';
    const calls: [method: string, path: string, body?: object][] = [
      ['GET', ''],
      ['PATCH', '', { display_name: 'taken' }],
      ['POST', '/transition', { to: 'paused' }],
      ['POST', '/subscribe', { plan_code: 'seeded' }],
      ['POST', '/change-plan', { plan_code: 'seeded' }],
      ['POST', '/addons', { code: 'seeded_50gb' }],
      ['DELETE', `/addons/${subscriptionAddon}`],
    ];
    for (const [method, path, body] of calls) {
      const ask = (id: string) =>
        api.call(`/api/v1/deployments/${id}${path}`, {
          method,
          token: myToken,
          ...(body === undefined ? {} : { body }),
        });
      const [foreign, missing] = [await ask(deployment), await ask(nobody)];
      expect([method, path, foreign.status]).toEqual([method, path, 404]);
      expect({ ...foreign.json, request_id: '' }).toEqual({ ...missing.json, request_id: '' });
    }
    for (const method of ['GET', 'PUT']) {
      const answer = await api.call('/api/v1/tenants/tenant-b/billing-profile', {
        method,
        token: myToken,
        ...(method === 'GET' ? {} : { body: { legal_name: 'taken' } }),
      });
      expect(answer.status).toBe(404);
    }
    expect(await states()).toEqual(before);
  });

  it('is as little there where the conditions of our own are switched off', async () => {
    const before = await states();
    const { deployment, subscriptionAddon } = theirSubscriber;
    const em = () => forSession(api.orm, me);
    // Of a tenant the services add its id to what they look for; as the system they add nothing.
    const request = { actor: systemSession, now: new Date() };
    const listed = await listDeployments(em(), {}, everything);
    expect(new Set(listed.map((row) => row.tenantId))).toEqual(new Set(['tenant-a']));
    expect(await findDeployment(em(), deployment, systemSession)).toBeNull();
    expect(await listDeploymentEvents(em(), deployment, 100)).toEqual([]);
    expect(await readSubscription(em(), deployment)).toBeNull();
    expect(await readBillingProfile(em(), 'tenant-b')).toMatchObject({ legalName: null, updatedAt: null });
    expect(await updateDeployment(em(), deployment, { displayName: 'taken' }, request)).toBeNull();
    expect(await transitionDeployment(em(), deployment, 'cancelled', request)).toBe(false);
    const terms = { planCode: 'seeded', addons: [] };
    expect(await subscribeDeployment(em(), deployment, terms, request)).toBe(false);
    expect(await changePlan(em(), deployment, terms, request)).toBe(false);
    expect(await attachAddon(em(), deployment, { code: 'seeded_50gb' }, request)).toBeNull();
    expect(await detachAddon(em(), deployment, subscriptionAddon, {}, request)).toBe('no_deployment');
    const state = { deployments: [{ id: deployment, from: 'active' as const }], to: 'paused' as const };
    expect(await setDeploymentState(em(), { ...state, at: new Date(), actor: me })).toBe(0);
    const created = createDeployment(em(), { tenantId: 'tenant-b', slug: 'taken' }, request);
    await expect(created).rejects.toThrow(/row-level security/);
    const put = putBillingProfile(em(), 'tenant-b', defaultBillingProfile, request);
    await expect(put).rejects.toThrow(/row-level security/);
    expect(await states()).toEqual(before);
  });

  it('gets no resource from a tenant, nor does its own', async () => {
    const [own] = await listDeployments(forSession(api.orm, me), {}, everything);
    for (const deployment of [own?.id ?? '', theirSubscriber.deployment]) {
      const attached = attachResource(
        forSession(api.orm, me),
        deployment,
        { resourceId: mine.droplet },
        { actor: systemSession, now: new Date() },
      );
      if (deployment === own?.id) await expect(attached).rejects.toThrow(/row-level security/);
      else expect(await attached).toBeNull();
    }
  });
});

describe("another tenant's invoices, usage and charges", () => {
  const april = '2026-04-01';
  const everything = { limit: 200 };
  const books = () =>
    forSession(api.orm, systemSession).execute<object[]>(
      `select to_jsonb(invoice) as invoice, to_jsonb(receivable) as receivable,
         (select jsonb_agg(line order by line.id) from tenant_invoice_lines line where line.invoice_id = invoice.id) as lines,
         (select count(*) from payments payment where payment.invoice_id = invoice.id) as payments,
         (select count(*) from credit_notes note where note.invoice_id = invoice.id) as notes,
         (select count(*) from invoice_adjustments adjustment where adjustment.invoice_id = invoice.id) as adjustments,
         (select count(*) from manual_usage manual where manual.tenant_id = invoice.tenant_id) as corrections,
         (select jsonb_agg(event) from llm_usage_events event where event.tenant_id = invoice.tenant_id) as events
       from tenant_invoices invoice left join receivables receivable on receivable.invoice_id = invoice.id
       where invoice.tenant_id = 'tenant-b' order by invoice.id`,
    );

  it('are a 404 by their ids, as what is not there, and in no list, whatever the filter', async () => {
    const { draft, issued, creditNote, deployment } = theirSubscriber;
    const nobody = '00000000-0000-4000-8000-000000000000';
    const days = `?period=${april}&resource_kind=droplet_hours&deployment_id=`;
    for (const [id, before, after] of [
      [draft, '/invoices/', ''],
      [issued, '/invoices/', ''],
      [draft, '/invoices/', '/pdf'],
      [issued, '/invoices/', '/pdf'],
      [creditNote, '/credit-notes/', '/pdf'],
      [deployment, `/usage/days${days}`, ''],
    ] as const) {
      const ask = (one: string) => api.call(`/api/v1${before}${one}${after}`, { token: myToken });
      const [foreign, missing] = [await ask(id), await ask(nobody)];
      expect([before, after, foreign.status]).toEqual([before, after, 404]);
      expect({ ...foreign.json, request_id: '' }).toEqual({ ...missing.json, request_id: '' });
    }
    for (const list of [
      '/invoices?tenant=tenant-b',
      '/llm-usage?tenant=tenant-b',
      `/llm-usage?deployment=${deployment}`,
      `/usage?period=${april}&tenant=tenant-b`,
      `/usage?period=${april}&deployment_id=${deployment}`,
      '/deployments?tenant=tenant-b',
    ]) {
      const answer = await api.call(`/api/v1${list}`, { token: myToken });
      const foreign = answer.text.includes('FOREIGN') || answer.text.includes('tenant-b');
      expect([list, answer.status, foreign]).toEqual([list, 200, false]);
    }
    for (const list of ['/invoices', '/llm-usage', `/usage?period=${april}`]) {
      const rows = itemsOf(await api.call(`/api/v1${list}`, { token: myToken }));
      expect([list, ...new Set(rows.map((row) => row['tenant_id']))]).toEqual([list, 'tenant-a']);
    }
  });

  it('are as little there where the conditions of our own are switched off', async () => {
    const em = () => forSession(api.orm, me);
    const { draft, issued, creditNote, deployment } = theirSubscriber;
    const now = new Date();
    const tenants = (rows: readonly { readonly tenantId: string }[]) => [
      ...new Set(rows.map((row) => row.tenantId)),
    ];
    expect(tenants(await listTenantInvoices(em(), {}, everything))).toEqual(['tenant-a']);
    expect(tenants(await listLlmUsage(em(), {}, everything))).toEqual(['tenant-a']);
    for (const id of [draft, issued]) expect(await readTenantInvoice(em(), id)).toBeUndefined();
    expect(await readCreditNote(em(), creditNote)).toBeUndefined();
    // Even as the session whose reading of the days is the service's own.
    const used = await listUsage(em(), em(), { period: april, tenants: [], now }, everything);
    expect(tenants(used.map((row) => row.deployment))).toEqual(['tenant-a']);
    const days = { deploymentId: deployment, resourceKind: 'droplet_hours' as const, period: april, now };
    expect(await listUsageDays(em(), em(), days)).toBeUndefined();
    expect(await listReceivables(em(), {}, everything)).toEqual([]);
    expect(await listLedger(em())).toEqual([]);
    expect(await listExceptions(em(), april, everything)).toEqual([]);
    const toBill = await tenantsToBill(em(), april, 50);
    expect(toBill.tenantIds.filter((tenant) => tenant !== 'tenant-a')).toEqual([]);
    const focus = async (tenant?: string) => {
      const asked = { version: '1.4', format: 'csv', issuer: 'us', tenant, now } as const;
      const request = { ...asked, period: '2026-03-01' };
      return text((await exportTenantFocus(api.orm, { ...request, actor: me })).content);
    };
    expect(await focus()).toContain('tenant-a');
    expect(await focus()).not.toMatch(/FOREIGN|tenant-b/);
    expect((await focus('tenant-b')).split('\n')).toEqual([expect.stringMatching(/^BilledCost,/), '']);
    const totals = JSON.stringify([
      await gstReport(em(), april),
      await receivablesAgeing(em(), '2026-07-01'),
    ]);
    expect(totals).not.toContain('tenant-b');
  });

  it('stay as they are, whatever a tenant calls: no service finds them, or the database refuses', async () => {
    const before = await books();
    const em = () => forSession(api.orm, me);
    const { draft, issued, deployment, llmUsageEvent } = theirSubscriber;
    const request = { now: new Date(), actor: systemSession, reason: 'taken', requestId: 'test' };
    for (const invoiceId of [draft, issued]) {
      const line = { deploymentId: null, description: 'taken', amountCents: -1 };
      const money = { amountCents: 1, paidOn: '2026-04-20', reference: `taken ${invoiceId}`, source: 'test' };
      expect(await addInvoiceLine(em(), { ...request, ...line, invoiceId })).toBeUndefined();
      expect(await issueDraft(em(), { ...request, invoiceId })).toBe(false);
      expect(
        await recordPayment(em(), { ...request, ...money, currency: undefined, invoiceId }),
      ).toBeUndefined();
      expect(await voidInvoice(em(), { ...request, invoiceId })).toBeUndefined();
      expect(await reissueInvoice(em(), { ...request, invoiceId })).toBeUndefined();
      expect(await creditInvoice(em(), { ...request, amountCents: 1, invoiceId })).toBeUndefined();
      expect(await retryReceivable(em(), { ...request, invoiceId })).toBe(false);
    }
    const usage = { resourceKind: 'llm_tokens' as const, day: '2026-04-02', quantity: '1', at: new Date() };
    const corrected = recordManualUsage(em(), { ...request, ...usage, deploymentId: deployment });
    expect(await corrected).toBeUndefined();
    const assigned = assignLlmUsage(em(), {
      ...request,
      eventId: BigInt(llmUsageEvent),
      deploymentId: deployment,
      at: new Date(),
    });
    expect(await assigned).toBeUndefined();
    expect(await books()).toEqual(before);
    expect(before).toHaveLength(2);
  });

  it("and its own are not a tenant's to change either", async () => {
    const calls: [path: string, body: object][] = [
      [`/invoices/${mySubscriber.draft}/lines`, { description: 'a', amount_cents: -1, reason: 'a' }],
      [`/invoices/${mySubscriber.draft}/issue`, {}],
      [`/invoices/${mySubscriber.issued}/pay`, { amount_cents: 1, paid_on: '2026-04-20', reference: 'a' }],
      [`/invoices/${mySubscriber.issued}/void`, { reason: 'a' }],
      [`/invoices/${mySubscriber.issued}/credit-notes`, { amount_cents: 1, reason: 'a' }],
      [`/receivables/${mySubscriber.issued}/retry`, { reason: 'a' }],
      [
        `/llm-usage/${mySubscriber.llmUsageEvent}/assign`,
        { deployment_id: mySubscriber.deployment, reason: 'a' },
      ],
      ['/usage', { deployment_id: mySubscriber.deployment }],
    ];
    for (const [path, body] of calls) {
      const answer = await api.call(`/api/v1${path}`, { method: 'POST', token: myToken, body });
      expect([path, answer.status, answer.json['code']]).toEqual([path, 403, 'forbidden']);
    }
    const voided = voidInvoice(forSession(api.orm, me), {
      invoiceId: mySubscriber.issued,
      now: new Date(),
      actor: systemSession,
      reason: 'mine',
    });
    // To lock a row is to have the right to change it.
    expect(await voided).toBeUndefined();
  });
});

describe('the schema', () => {
  it('has a forced policy on every table with tenant_id', async () => {
    const tables = await forSession(api.orm, systemSession).execute<unknown[]>(
      `select c.relname as name, c.relrowsecurity as enabled, c.relforcerowsecurity as forced,
              (select count(*)::int from pg_policy p where p.polrelid = c.oid) as policies
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = 'public' and c.relkind in ('r', 'p')
         and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)`,
    );
    const rows = z
      .array(z.object({ name: z.string(), enabled: z.boolean(), forced: z.boolean(), policies: z.number() }))
      .min(3)
      .parse(tables);
    for (const row of rows) {
      expect(row).toMatchObject({ enabled: true, forced: true });
      expect(row.policies).toBeGreaterThan(0);
    }
  });
});
