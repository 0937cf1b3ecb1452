import { randomUUID } from 'node:crypto';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { Addon } from '../../src/entities/addon.ts';
import { BillingProfile } from '../../src/entities/billingProfile.ts';
import { CloudDeployment } from '../../src/entities/cloudDeployment.ts';
import { CloudDeploymentEvent } from '../../src/entities/cloudDeploymentEvent.ts';
import { CreditNote } from '../../src/entities/creditNote.ts';
import { InvoiceAdjustment } from '../../src/entities/invoiceAdjustment.ts';
import { LateUsage } from '../../src/entities/lateUsage.ts';
import { LlmUsageEvent } from '../../src/entities/llmUsageEvent.ts';
import { ManualUsage } from '../../src/entities/manualUsage.ts';
import { MeteredDay } from '../../src/entities/meteredDay.ts';
import { MeteredUsage } from '../../src/entities/meteredUsage.ts';
import { Payment } from '../../src/entities/payment.ts';
import { PeriodLedger } from '../../src/entities/periodLedger.ts';
import { Plan } from '../../src/entities/plan.ts';
import { PlanItem } from '../../src/entities/planItem.ts';
import { PlanMigration } from '../../src/entities/planMigration.ts';
import { PlanVersion } from '../../src/entities/planVersion.ts';
import { Receivable } from '../../src/entities/receivable.ts';
import { ResourcePrice } from '../../src/entities/resourcePrice.ts';
import { RollupWorklist } from '../../src/entities/rollupWorklist.ts';
import { Subscription } from '../../src/entities/subscription.ts';
import { SubscriptionAddon } from '../../src/entities/subscriptionAddon.ts';
import { SubscriptionPause } from '../../src/entities/subscriptionPause.ts';
import { SubscriptionVersion } from '../../src/entities/subscriptionVersion.ts';
import { TenantInvoice } from '../../src/entities/tenantInvoice.ts';
import { TenantInvoiceInputs } from '../../src/entities/tenantInvoiceInputs.ts';
import { TenantInvoiceLine } from '../../src/entities/tenantInvoiceLine.ts';
import { forSession, systemSession } from '../../src/session.ts';

const at = new Date('2026-04-15T12:00:00Z');
const period = '2026-04-01';

export interface SeededCatalog {
  readonly planVersion: string;
  readonly addon: string;
}

/** What one tenant has on the revenue side: one row in every table that names a tenant. */
export interface SeededSubscriber {
  readonly deployment: string;
  readonly subscription: string;
  readonly subscriptionAddon: string;
  readonly draft: string;
  readonly issued: string;
  readonly creditNote: string;
  readonly llmUsageEvent: string;
}

/** Rows of the revenue side, written as the service's own workers write. Texts that a tenant could read carry `label`. */
export function revenueSeeder(orm: MikroORM) {
  const em: EntityManager = forSession(orm, systemSession);
  let documents = 0;
  return {
    /** A plan with an active version and an item, an addon and a price. */
    async catalog(): Promise<SeededCatalog> {
      const [plan, planVersion, addon] = [randomUUID(), randomUUID(), randomUUID()];
      await em.insert(Plan, { id: plan, code: 'seeded', name: 'Seeded', createdAt: at });
      await em.insert(PlanVersion, {
        id: planVersion,
        plan,
        version: 1,
        basePriceCents: 5000,
        currency: 'AUD',
        status: 'active',
        createdAt: at,
        publishedAt: at,
      });
      await em.insert(PlanItem, {
        planVersion,
        resourceKind: 'droplet_hours',
        includedQty: '1488',
        overageUnit: 'hour',
        overagePriceCents: '1',
      });
      await em.insert(Addon, {
        id: addon,
        code: 'seeded_50gb',
        resourceKind: 'spaces_gb_month',
        qty: '50',
        priceCents: 750,
        currency: 'AUD',
        createdAt: at,
      });
      await em.insert(ResourcePrice, {
        resourceKind: 'volume_gb_month',
        unit: 'gb_month',
        priceCents: '15',
        currency: 'AUD',
        effectiveFrom: '2015-01-01',
      });
      return { planVersion, addon };
    },

    /** A row in each table of the operator's own work. */
    async operations(catalog: SeededCatalog): Promise<void> {
      await em.insert(PlanMigration, {
        fromVersion: catalog.planVersion,
        toVersion: catalog.planVersion,
        effectiveOn: period,
        subscribers: 0,
        requestedBy: 'test',
        reason: 'test',
        createdAt: at,
      });
      await em.insert(PeriodLedger, {
        periodStart: period,
        state: 'rolled_up',
        workflowId: 'test',
        runId: 'test',
        startedAt: at,
        issueAfter: at,
      });
      await em.insert(MeteredDay, {
        day: period,
        resourceKind: 'droplet_hours',
        state: 'closed',
        meteredAt: at,
      });
    },

    async subscriber(tenantId: string, label: string, catalog: SeededCatalog): Promise<SeededSubscriber> {
      const [deployment, subscription, subscriptionAddon] = [randomUUID(), randomUUID(), randomUUID()];
      await em.insert(CloudDeployment, {
        id: deployment,
        tenantId,
        slug: 'seeded',
        displayName: `deployment of ${label}`,
        createdAt: at,
        updatedAt: at,
      });
      await em.insert(CloudDeploymentEvent, {
        deployment,
        tenantId,
        type: 'created',
        actor: label,
        role: 'tenant',
        details: {},
        occurredAt: at,
      });
      await em.insert(BillingProfile, { tenantId, legalName: `${label} Pty Ltd`, updatedAt: at });
      await em.insert(Subscription, {
        id: subscription,
        deployment,
        tenantId,
        status: 'active',
        startsOn: '2026-04-01',
        currentPeriodStart: '2026-04-01',
        currentPeriodEnd: '2026-05-01',
        createdAt: at,
      });
      await em.insert(SubscriptionVersion, {
        subscription,
        tenantId,
        planVersion: catalog.planVersion,
        startsOn: '2026-04-01',
        createdAt: at,
      });
      await em.insert(SubscriptionPause, {
        subscription,
        tenantId,
        startsOn: '2026-04-10',
        endsOn: '2026-04-12',
      });
      await em.insert(SubscriptionAddon, {
        id: subscriptionAddon,
        subscription,
        tenantId,
        addon: catalog.addon,
        code: 'seeded_50gb',
        resourceKind: 'spaces_gb_month',
        qty: '50',
        priceCents: 750,
        currency: 'AUD',
        startsOn: '2026-04-01',
      });
      const usage = { tenantId, resourceKind: 'droplet_hours' as const, day: '2026-04-02', quantity: '3600' };
      await em.insert(MeteredUsage, { ...usage, deploymentId: deployment, meteredAt: at });
      await em.insert(ManualUsage, {
        ...usage,
        deployment,
        reason: `usage of ${label}`,
        actor: label,
        createdAt: at,
      });
      await em.insert(LateUsage, { deployment, usageMonth: '2026-03-01', tenantId, noticedAt: at });
      const llmUsageEvent = await em.insert(LlmUsageEvent, {
        gatewayRequestId: `request of ${label} ${tenantId}`,
        tenantId,
        claimedDeploymentId: deployment,
        deploymentId: deployment,
        model: `model of ${label}`,
        tokens: 1000n,
        charge: '0.123456',
        currency: 'AUD',
        occurredAt: at,
        receivedAt: at,
        fingerprint: 'test',
        state: 'billable',
      });
      await em.insert(RollupWorklist, { periodStart: period, tenantId, position: 0, updatedAt: at });
      const draft = await this.draft(tenantId, label, period, deployment);
      const issued = await this.draft(tenantId, label, '2026-03-01', deployment);
      await this.issue(issued);
      const money = { invoice: issued, tenantId, currency: 'AUD' };
      const creditNote = randomUUID();
      await em.insert(CreditNote, {
        id: creditNote,
        ...money,
        number: `CN-${label}-${tenantId}`,
        subtotalCents: 0,
        taxCents: 0,
        totalCents: 0,
        reason: `credit of ${label}`,
        actor: 'test',
        issuedAt: at,
      });
      await em.insert(Payment, {
        ...money,
        amountCents: 1,
        paidOn: '2026-04-16',
        reference: `payment of ${label} ${tenantId}`,
        source: 'test',
        receivedAt: at,
      });
      await em.insert(Receivable, { invoice: issued, tenantId, nextAttemptAt: at, createdAt: at });
      return {
        deployment,
        subscription,
        subscriptionAddon,
        draft,
        issued,
        creditNote,
        llmUsageEvent: String(llmUsageEvent),
      };
    },

    /** A draft of $50.00 and $5.00 GST: a line of the plan, an operator's line of nothing, the tax, and inputs. */
    async draft(tenantId: string, label: string, periodStart: string, deployment: string): Promise<string> {
      const invoice = randomUUID();
      await em.insert(TenantInvoice, {
        id: invoice,
        tenantId,
        periodStart,
        status: 'draft',
        currency: 'AUD',
        subtotalCents: 5000,
        taxCents: 500,
        totalCents: 5500,
        dueCents: 5500,
        taxName: 'GST',
        taxRate: '0.10',
        createdAt: at,
        updatedAt: at,
      });
      const line = {
        invoice,
        tenantId,
        qty: '1',
        unit: 'month',
        servicePeriod: periodStart,
        meta: { note: label },
      };
      await em.insertMany(TenantInvoiceLine, [
        {
          ...line,
          lineNumber: 1,
          type: 'plan_base',
          deploymentId: deployment,
          description: `plan of ${label}`,
          unitPriceCents: '5000',
          amountCents: 5000,
        },
        { ...line, lineNumber: 2, type: 'tax', description: 'GST', unitPriceCents: '500', amountCents: 500 },
      ]);
      await em.insert(InvoiceAdjustment, {
        invoice,
        tenantId,
        description: `adjustment of ${label}`,
        amountCents: 0,
        reason: 'test',
        actor: 'test',
        createdAt: at,
      });
      await em.insert(TenantInvoiceInputs, { invoice, tenantId, inputs: { note: label } });
      return invoice;
    },

    /** Issues a draft, with a number that only the tests give. */
    async issue(invoice: string): Promise<void> {
      documents += 1;
      await em.nativeUpdate(
        TenantInvoice,
        { id: invoice },
        { status: 'issued', number: `TEST-${documents}`, issuedAt: at, dueOn: '2026-04-29' },
      );
    },
  };
}
