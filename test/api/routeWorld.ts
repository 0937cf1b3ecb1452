import { randomBytes, randomUUID } from 'node:crypto';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { Client } from '@temporalio/client';
import type { Simulator } from '../../dev/simulator/simulator.ts';
import { addPlanVersion } from '../../src/services/addPlanVersion.ts';
import { addInvoiceLine } from '../../src/services/adjustInvoice.ts';
import { createAlertRule } from '../../src/services/alerts/alertRules.ts';
import { listAlerts } from '../../src/services/alerts/alerts.ts';
import { writeAlerts } from '../../src/services/alerts/writeAlerts.ts';
import { attachAddon } from '../../src/services/attachAddon.ts';
import { attachResource } from '../../src/services/attachResource.ts';
import { createDeployment } from '../../src/services/createDeployment.ts';
import { createPlan } from '../../src/services/createPlan.ts';
import { createIgnoreRule } from '../../src/services/drift/driftIgnoreRules.ts';
import { recordProvisioned } from '../../src/services/drift/recordProvisioned.ts';
import { setExchangeRates } from '../../src/services/margin/exchangeRates.ts';
import { publishPlanVersion } from '../../src/services/publishPlanVersion.ts';
import { recordLlmUsage } from '../../src/services/recordLlmUsage.ts';
import { subscribeDeployment } from '../../src/services/subscribeDeployment.ts';
import { voidInvoice } from '../../src/services/voidInvoice.ts';
import { createWebhookEndpoint } from '../../src/services/webhooks/webhookEndpoints.ts';
import { systemSession } from '../../src/session.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import { type RollUpProgress, rollUpMessages } from '../../src/workflows/rollUpMessages.ts';
import { admin, writeDraft, writeIssued } from '../services/invoiceWorld.ts';
import { billingWorld } from '../services/rollup/billingWorld.ts';
import { credit } from '../services/settledInvoices.ts';
import { testEncryption } from '../support/encryption.ts';
import { until } from '../support/killableWait.ts';
import type { TestWorker } from '../support/worker.ts';
import { revertWorld } from '../workflows/revertDriftWorld.ts';
import type { ApiUnderTest } from './apiUnderTest.ts';
import { tokenFor } from './apiUnderTest.ts';
import { seedProvisioned } from './provisionedWorld.ts';
import { seeder } from './seed.ts';
import { revenueSeeder } from './seedRevenue.ts';

/** Whose token the tests' tenants have. */
const ours = 'tenant-a';
/** Long ago: nobody else of this world was subscribed, so that its rollup takes two tenants alone. */
const rolledUp = '2019-02-01';

/** Something for every route to act upon, where it can act once. Tenants do once what admins do once, so they have deployments of their own. */
export async function seedRouteWorld(api: ApiUnderTest, worker: TestWorker) {
  const em = worker.em();
  const seed = seeder(api.orm);
  const tenant = await seed.tenant(ours, 'ours');
  const held = {
    ingestStatus: 'held',
    heldDifference: '1.25',
    error: { code: 'lines_disagree', message: 'held', context: { stated: '100.00', found: '98.75' } },
  };
  const heldInvoice = await seed.invoice('2026-03-01', [], held);
  const providerInvoice = await seed.invoice('2026-04-01', [
    ['80', 'matched_by_id'],
    ['6.92', 'tax'],
  ]);
  // For the margin of the period that is rolled up below.
  await seed.invoice(rolledUp, [['100', 'tax']]);
  await setExchangeRates(
    em,
    [{ fromCurrency: 'USD', toCurrency: 'AUD', rate: '1.5', effectiveFrom: '2019-01-01' }],
    { ...requested(), source: 'operator' },
  );
  await seed.balance('2026-04-15T11:07:00Z', '12.5');
  await seed.listing('droplet', 'unknown');
  const focusFileId = await seed.focusFile();
  await revenueSeeder(api.orm).catalog();
  await seedPlans(em);
  await seedProcesses(worker.client);
  const provisioned = await seedProvisioned(worker, api.config.DATABASE_URL);
  return {
    tenant,
    heldUuid: heldInvoice.invoiceUuid,
    providerInvoiceUuid: providerInvoice.invoiceUuid,
    focusFileId,
    drift: await seedDrift(em, tenant.droplet),
    provisioned,
    reverts: await seedReverts(worker, provisioned.simulator),
    invoices: await seedInvoices(em),
    alerts: await seedAlerts(em),
    rollup: await seedRollUp(api, worker),
    llm: await seedLlmUsage(api.orm, em),
    usedDeploymentId: (await createDeployment(em, { tenantId: ours, slug: 'used' }, requested())).id,
    deployments: {
      tenant: await seedDeployments(em, 'tenants', tenant.deployed),
      admin: await seedDeployments(em, 'admins', tenant.deployed),
    },
  };
}
export type RouteWorld = Awaited<ReturnType<typeof seedRouteWorld>>;

const requested = () => ({ actor: systemSession, now: new Date(), reason: 'test' });

/** Beside the plan `seeded`: one whose only version is a draft, and one of which two versions were sold. */
async function seedPlans(em: EntityManager): Promise<void> {
  const terms = { basePriceCents: 5000, currency: 'AUD', items: [] };
  for (const [code, published] of [
    ['drafted', []],
    ['moved', [1, 2]],
  ] as const) {
    await createPlan(em, { code, name: code }, requested());
    await addPlanVersion(em, code, terms, requested());
    for (const version of published) {
      if (version > 1) await addPlanVersion(em, code, terms, requested());
      await publishPlanVersion(em, { planCode: code, version }, requested());
    }
  }
}

/** A schedule, and a process that nobody serves. */
async function seedProcesses(client: Client): Promise<void> {
  await client.schedule.create({
    scheduleId: 'balance',
    spec: { calendars: [{ minute: 7, hour: '*' }] },
    action: { type: 'startWorkflow', workflowType: 'snapshotBalance', taskQueue: 'nobody', args: [] },
  });
  await client.workflow.start('snapshotBalance', { workflowId: 'snapshot-balance', taskQueue: 'nobody' });
}

/** A droplet that was asked to be another one in four ways, as a sweep finds it, and a rule that can be ended. */
async function seedDrift(em: EntityManager, managed: string) {
  const spec = { name: 'another', region: 'syd1', size_slug: 's-8vcpu-16gb', status: 'off' };
  await recordProvisioned(em, { resourceId: managed, spec }, requested());
  const rows = await em.execute<{ id: string; field: string }[]>(
    `insert into cloud_drift (resource_id, provider, kind, type, field, desired, actual, spec_version, currency, detected_at, last_seen_at)
     select resource.id, resource.provider, resource.kind, 'field', wanted.key, wanted.value,
       to_jsonb(resource) -> wanted.key, 1, resource.currency, now(), now()
     from cloud_resources resource, jsonb_each(?::jsonb) wanted where resource.id = ? returning id, field`,
    [JSON.stringify(spec), managed],
  );
  const of = (field: string) => rows.find((row) => row.field === field)?.id ?? '';
  const expiresAt = new Date(Date.now() + 86_400_000);
  const { rule } = await createIgnoreRule(em, { kind: 'vpc', owner: 'test', expiresAt }, requested());
  return {
    managed,
    toAccept: of('size_slug'),
    toAcceptAtOnce: [of('name'), of('region')],
    toIgnore: of('status'),
    ruleToEnd: rule.id,
  };
}

/** Droplets that were asked to have another name: one to plan a revert for, and two whose plans wait. */
async function seedReverts(worker: TestWorker, simulator: Simulator) {
  const world = revertWorld({ simulator, em: () => worker.em(), client: worker.client });
  const drift = () => world.drift('droplet', world.droplet().id, 'name', 'wanted');
  const waiting = async () => {
    const drifted = await drift();
    return { driftId: drifted.driftId, revertId: (await world.plan(drifted)).revertId };
  };
  return { toPlan: (await drift()).driftId, toApprove: await waiting(), toCancel: await waiting() };
}

/** An alert that is open, and an endpoint that nobody can be told at: its one delivery has failed. */
async function seedAlerts(em: EntityManager) {
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const requests = { ...requested(), allowLoopback: false, encryption: testEncryption };
  const endpoint = (path: string, enabled: boolean) => {
    const eventTypes = ['alert.opened'] as const;
    const url = `https://hooks.invalid/${path}`;
    return createWebhookEndpoint(em, { url, secret, eventTypes, enabled }, requests);
  };
  const told = await endpoint('told', true);
  const wanted = { tenantId: null, threshold: '10', currency: null, enabled: true } as const;
  const rule = await createAlertRule(em, { type: 'unattributed_above', ...wanted }, requests);
  const ruleToDelete = await createAlertRule(em, { type: 'unattributed_above', ...wanted }, requests);
  const condition = { subject: 'digitalocean:USD', tenantId: null, value: '12.3', message: 'seeded' };
  await writeAlerts(
    em,
    { id: rule.id, type: rule.type, threshold: '10', currency: null },
    { conditions: [condition], unknown: 'nothing' },
    new Date(),
  );
  const [alert] = await listAlerts(em, {}, { limit: 1 });
  const [delivery] = await em.execute<{ id: string }[]>(
    `update webhook_deliveries set state = 'failed' where endpoint_id = ? returning id`,
    [told.id],
  );
  return {
    secret,
    rule: rule.id,
    ruleToDelete: ruleToDelete.id,
    alert: alert?.id ?? '',
    endpoint: told.id,
    endpointToDelete: (await endpoint('deleted', false)).id,
    delivery: delivery?.id ?? '',
  };
}

async function seedInvoices(em: EntityManager) {
  const now = new Date('2026-07-05T00:00:00Z');
  const issued = (tenantId: string, period = '2026-06-01') => writeIssued(em, { tenantId, period });
  const withLine = await writeDraft(em, { tenantId: 'with a line' });
  const line = await addInvoiceLine(em, {
    invoiceId: withLine,
    deploymentId: null,
    description: 'manual',
    amountCents: 1,
    reason: 'test',
    now,
    actor: admin,
  });
  const toReissue = await issued('to reissue');
  await voidInvoice(em, { invoiceId: toReissue, reason: 'test', now, actor: admin });
  const refused = await issued('refused');
  await em.execute(
    `update receivables set state = 'failed', attempts = 1, last_error = 'refused' where invoice_id = ?`,
    [refused],
  );
  return {
    ofOurs: await issued(ours),
    draftOfOurs: await writeDraft(em, { tenantId: ours, period: '2026-05-01' }),
    creditNoteOfOurs: (await credit(em, await issued(ours, '2026-04-01'), 1)).note.id,
    withoutLine: await writeDraft(em, { tenantId: 'without a line' }),
    withLine,
    lineId: line?.id ?? '',
    toIssue: await writeDraft(em, { tenantId: 'to issue' }),
    toPay: await issued('to pay'),
    toVoid: await issued('to void'),
    toReissue,
    toCredit: await issued('to credit'),
    refused,
  };
}

/** A real rollup that waits for an operator: neither tenant could be priced, since their plan is in another currency than they are billed in. */
async function seedRollUp(api: ApiUnderTest, worker: TestWorker) {
  const billing = billingWorld((sql, parameters) => worker.em().execute(sql, parameters));
  const [toRetry, toSkip] = ['to retry', 'to skip'];
  for (const tenantId of [toRetry, toSkip]) {
    await billing.deployment({
      tenantId,
      plan: 'seeded',
      startsOn: rolledUp,
      cancelledAt: '2019-02-20T00:00:00Z',
    });
    await billing.profile(tenantId, { currency: 'USD' });
  }
  await billing.closeMonth(rolledUp);
  await api.call('/api/v1/rollups', {
    method: 'POST',
    token: tokenFor('platform_admin'),
    body: { period: rolledUp },
  });
  const run = worker.client.workflow.getHandle(workflowIds.rollUpPeriod(rolledUp));
  await until('the rollup waits for both tenants', async () => {
    const { exceptions } = await run.query<RollUpProgress>(rollUpMessages.progressQuery);
    return exceptions.length === 2 ? true : undefined;
  });
  return { period: rolledUp, toRetry, toSkip };
}

async function seedLlmUsage(orm: MikroORM, em: EntityManager) {
  const { id: deploymentId } = await createDeployment(em, { tenantId: ours, slug: 'llm' }, requested());
  const [unassigned] = await recordLlmUsage(orm, [
    {
      gatewayRequestId: randomUUID(),
      tenantId: ours,
      deploymentId: 'an old name',
      model: 'some-model',
      tokens: 1,
      charge: '0.01',
      currency: 'AUD',
      occurredAt: new Date(),
    },
  ]);
  return { deploymentId, unassignedId: String(unassigned?.id) };
}

/** @param name what the slugs begin with */
async function seedDeployments(em: EntityManager, name: string, resourceId: string) {
  const create = async (slug: string) =>
    (await createDeployment(em, { tenantId: ours, slug: `${name}-${slug}` }, requested())).id;
  const subscribed = await create('subscribed');
  await subscribeDeployment(em, subscribed, { planCode: 'seeded', addons: [] }, requested());
  const addon = await attachAddon(em, subscribed, { code: 'seeded_50gb' }, requested());
  await attachResource(em, subscribed, { resourceId }, requested());
  return {
    newSlug: `${name}-new`,
    bare: await create('bare'),
    toPause: await create('to-pause'),
    subscribed,
    addonId: addon?.id ?? '',
  };
}
