import { fileURLToPath } from 'node:url';
import type { MikroORM } from '@mikro-orm/postgresql';
import { type Day, dayOf } from '../src/domain/calendar.ts';
import { bytesPerGb, type MeterKind } from '../src/domain/meters.ts';
import { nextPeriod, type Period } from '../src/domain/period.ts';
import { readCatalogFile } from '../src/readCatalogFile.ts';
import { addInvoiceLine } from '../src/services/adjustInvoice.ts';
import { attachResource } from '../src/services/attachResource.ts';
import { defaultBillingProfile, putBillingProfile } from '../src/services/billingProfile.ts';
import { changePlan } from '../src/services/changePlan.ts';
import { createDeployment } from '../src/services/createDeployment.ts';
import { creditInvoice } from '../src/services/creditInvoice.ts';
import { issueInvoices } from '../src/services/issueInvoices.ts';
import { recordMeteredDays } from '../src/services/meteredDays.ts';
import { recordLlmUsage } from '../src/services/recordLlmUsage.ts';
import { recordManualUsage } from '../src/services/recordManualUsage.ts';
import { reissueInvoice } from '../src/services/reissueInvoice.ts';
import { checkWholePeriod } from '../src/services/rollup/checkWholePeriod.ts';
import { freezeWorklist } from '../src/services/rollup/freezeWorklist.ts';
import { issueDraftPage, repriceChangedDrafts } from '../src/services/rollup/issueDrafts.ts';
import { rollUpTenants } from '../src/services/rollup/rollUpTenants.ts';
import { seedCatalog } from '../src/services/seedCatalog.ts';
import { subscribeDeployment } from '../src/services/subscribeDeployment.ts';
import { voidInvoice } from '../src/services/voidInvoice.ts';
import { forSession, type Session, systemSession } from '../src/session.ts';

const [march, april, may] = ['2026-03-01', '2026-04-01', '2026-05-01'] as const;
const admin: Session = { role: 'platform_admin', tenantId: '', subject: 'check' };
const catalog = fileURLToPath(new URL('../dev/golden/catalog.json', import.meta.url));
const hour = 3600;
/** So many GB through a whole day. */
const gbDays = (gb: number) => gb * bytesPerGb * 86_400;

/**
 * Fills a database with three tenants and three months of their invoices, by the service's own functions: plans for whole months and for
 * parts, a change of plan, addons, overage of every kind, gateway charges, late usage and late charges, a manual line, tax and none, a
 * second currency, credit notes, a void invoice with its reissue, and a draft. Resources that the provider billed in April become
 * theirs, so that its lines have owners, some of them two.
 * @returns the months that have issued invoices, oldest first
 */
export async function fillTenantBooks(orm: MikroORM): Promise<Period[]> {
  const books = tenantBooks(orm);
  await books.seed('2026-03-01');
  const shop = await books.deploy('acme', 'shop', 'studio', '2026-03-01', ['storage_50gb']);
  const lab = await books.deploy('acme', 'lab', 'starter', '2026-03-20');
  const desk = await books.deploy('initech', 'desk', 'pro', '2026-03-01');
  const site = await books.deploy('globex', 'site', 'global', '2026-03-10');

  await books.use(shop, 'droplet_hours', '2026-03-31', 2_232 * hour);
  await books.use(shop, 'llm_tokens', '2026-03-12', 1_500_500);
  await books.use(shop, 'dns_zones', '2026-03-12', 30);
  await books.use(lab, 'spaces_gb_month', '2026-03-31', 31 * gbDays(33.25));
  await books.use(lab, 'volume_gb_month', '2026-03-31', 10 * gbDays(7));
  await books.use(desk, 'snapshot_gb_month', '2026-03-31', 31 * gbDays(12.5));
  await books.use(desk, 'bandwidth_gb', '2026-03-31', 9_000 * bytesPerGb);
  await books.use(site, 'droplet_hours', '2026-03-31', 900 * hour);
  await books.charge(shop, 'march 1', '12.345678', '2026-03-05');
  await books.charge(shop, 'march 2', '0.004', '2026-03-06');
  await books.rollUp(march);
  await books.addLine('acme', march, shop.id, 'Set-up, agreed', 1_500);
  await books.addLine('acme', march, null, 'Goodwill', -333);
  await books.issue(march);
  await books.credit('acme', march, 1_234);
  await books.credit('acme', march, 5);
  await books.voidAndReissue('initech', march);

  // What comes after the issue is late: on the April invoice, for March.
  await books.use(shop, 'droplet_hours', '2026-03-15', 100 * hour, '2026-04-10');
  await books.use(lab, 'spaces_gb_month', '2026-03-31', -5 * gbDays(33.25), '2026-04-11');
  await books.charge(shop, 'march, late', '1.111', '2026-03-30');
  await books.charge(desk, 'april', '99.995', '2026-04-02');
  await books.use(shop, 'droplet_hours', '2026-04-30', 3_333.5 * hour);
  await books.use(site, 'droplet_hours', '2026-04-30', 900 * hour);
  await books.changePlan(desk, 'studio', '2026-04-16');
  await books.rollUp(april);
  await books.issue(april);
  await books.credit('globex', april, 100);

  await books.rollUp(may);
  await books.shareResources(april, shop, desk);
  return [march, april];
}

interface Billed {
  readonly id: string;
  readonly tenantId: string;
}

function tenantBooks(orm: MikroORM) {
  const em = () => forSession(orm, systemSession);
  const by = (day: Day) => ({ actor: admin, now: new Date(`${day}T12:00:00Z`), reason: 'check' });
  const rolledUpAt = (period: Period) => new Date(`${nextPeriod(period)}T03:00:00Z`);
  const issuedAt = (period: Period) => new Date(rolledUpAt(period).getTime() + 72 * hour * 1000);
  const invoiceOf = async (tenantId: string, period: Period) => {
    const [invoice] = await em().execute<{ id: string }[]>(
      `select id from tenant_invoices where tenant_id = ? and period_start = ? and status <> 'void'`,
      [tenantId, period],
    );
    if (invoice === undefined) throw new Error(`${tenantId} has no invoice for ${period}`);
    return invoice.id;
  };
  const mustBe = (isDone: unknown, what: string) => {
    if (isDone === undefined || isDone === null || isDone === false) throw new Error(`not done: ${what}`);
  };

  return {
    async seed(day: Day) {
      const seed = await readCatalogFile(catalog);
      const [first] = seed.plans;
      if (first === undefined) throw new Error('the golden catalog has no plan');
      const global = { ...first, code: 'global', name: 'Global', currency: 'USD', basePriceCents: 2_995 };
      await seedCatalog(em(), { ...seed, plans: [...seed.plans, global] }, by(day));
      const profile = (tenantId: string, changes: Partial<typeof defaultBillingProfile>) =>
        putBillingProfile(em(), tenantId, { ...defaultBillingProfile, ...changes }, by(day));
      await profile('acme', { legalName: 'Acme Pty Ltd', country: 'AU', currency: 'AUD' });
      await profile('globex', { legalName: 'Globex Inc', country: 'US', currency: 'USD' });
    },
    async deploy(
      tenantId: string,
      slug: string,
      planCode: string,
      day: Day,
      addons: readonly string[] = [],
    ): Promise<Billed> {
      const region = slug === 'lab' ? undefined : 'syd1';
      const wanted = { tenantId, slug, displayName: `${slug} of ${tenantId}`, region };
      const { id } = await createDeployment(em(), wanted, by(day));
      mustBe(await subscribeDeployment(em(), id, { planCode, addons }, by(day)), `${slug} subscribes`);
      return { id, tenantId };
    },
    async changePlan({ id }: Billed, planCode: string, day: Day) {
      mustBe(
        await changePlan(em(), id, { planCode, startsOn: day }, by(day)),
        `${id} changes to ${planCode}`,
      );
    },
    /** @param quantity in the kind's metered unit */
    async use({ id }: Billed, resourceKind: MeterKind, day: Day, quantity: number, recordedOn = day) {
      const entry = { deploymentId: id, resourceKind, day, quantity: String(quantity), reason: 'check' };
      const at = new Date(`${recordedOn}T23:00:00Z`);
      mustBe(
        await recordManualUsage(em(), { ...entry, actor: admin, at, requestId: 'check' }),
        `${resourceKind} of ${id}`,
      );
    },
    async charge({ id, tenantId }: Billed, request: string, charge: string, day: Day) {
      const [receipt] = await recordLlmUsage(orm, [
        {
          gatewayRequestId: `${request} of ${tenantId}`,
          tenantId,
          deploymentId: id,
          model: 'some-model',
          tokens: 1_000,
          charge,
          currency: 'AUD',
          occurredAt: new Date(`${day}T10:00:00Z`),
        },
      ]);
      mustBe(receipt?.state === 'billable', `the charge ${request}`);
    },
    /** Every second resource on the provider's invoice is one deployment's, and of both, half a month each, the others. */
    async shareResources(period: Period, first: Billed, second: Billed) {
      const resources = await em().execute<{ id: string }[]>(
        `select distinct resource_id as id from cloud_cost_lines where period_start = ? and resource_id is not null order by 1`,
        [period],
      );
      const middle = new Date(`${period.slice(0, 7)}-16T12:00:00Z`);
      for (const [index, { id: resourceId }] of resources.entries()) {
        const request = by('2026-06-02');
        const from = new Date(`${period}T00:00:00Z`);
        mustBe(await attachResource(em(), first.id, { resourceId, from }, request), `${resourceId} is given`);
        if (index % 2 === 0) continue;
        const moved = { resourceId, from: middle };
        mustBe(await attachResource(em(), second.id, moved, request), `${resourceId} moves`);
      }
    },
    async rollUp(period: Period) {
      const now = rolledUpAt(period);
      const gaps = await recordMeteredDays(em(), { from: period, until: nextPeriod(period), now });
      if (gaps.unknown > 0) throw new Error(`${gaps.unknown} days of ${period} are not known`);
      const run = { workflowId: `check:${period}`, runId: period, force: false, graceHours: 72, now };
      const tenants = await freezeWorklist(em(), { period, ...run });
      const part = { from: 0, until: tenants };
      const { invoiced, failed } = await rollUpTenants(em(), { period, part, force: false, now });
      if (failed > 0 || invoiced !== tenants) throw new Error(`${invoiced} of ${tenants} were invoiced`);
    },
    async addLine(
      tenantId: string,
      period: Period,
      deploymentId: string | null,
      description: string,
      amountCents: number,
    ) {
      const invoiceId = await invoiceOf(tenantId, period);
      const line = { invoiceId, deploymentId, description, amountCents };
      const request = { ...by(dayOf(rolledUpAt(period).toISOString())), reason: 'agreed' };
      mustBe(await addInvoiceLine(em(), { ...line, ...request }), description);
    },
    /** Every draft of the month, each proved against its stored inputs. */
    async issue(period: Period) {
      const page = { period, after: null, limit: 100, now: issuedAt(period) };
      await repriceChangedDrafts(em(), page);
      const { result } = await issueDraftPage(em(), { ...page, workflowId: `check:${period}` });
      mustBe(result > 0, `the issue of ${period}`);
      const differing = (await checkWholePeriod(em, period)).flatMap(({ differences }) => differences);
      if (differing.length > 0) throw new Error(`not proved: ${JSON.stringify(differing)}`);
    },
    async credit(tenantId: string, period: Period, amountCents: number) {
      const credited = {
        invoiceId: await invoiceOf(tenantId, period),
        amountCents,
        actor: admin,
        reason: 'an outage',
        now: issuedAt(period),
      };
      mustBe(await creditInvoice(em(), credited), `a credit of ${amountCents} to ${tenantId}`);
    },
    async voidAndReissue(tenantId: string, period: Period) {
      const request = { actor: admin, reason: 'the wrong address', now: issuedAt(period) };
      const invoiceId = await invoiceOf(tenantId, period);
      mustBe(await voidInvoice(em(), { ...request, invoiceId }), `${tenantId}'s invoice is void`);
      const draft = await reissueInvoice(em(), { ...request, invoiceId });
      mustBe(draft, `${tenantId}'s invoice is reissued`);
      await issueInvoices(em(), { invoiceIds: [draft?.id ?? ''], now: request.now, actor: admin });
    },
  };
}
