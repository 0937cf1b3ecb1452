import type { EntityManager } from '@mikro-orm/postgresql';
import { Conflict } from '../domain/errors.ts';
import { BillingProfile } from '../entities/billingProfile.ts';
import { type ChangeRequest, recordChange } from './recordChange.ts';

/** Whom a tenant's invoices are made out to; `currency` is that of its plans, `country` decides the tax. */
export interface BillingProfileData {
  readonly legalName: string | null;
  readonly taxNumber: string | null;
  readonly address: string | null;
  readonly email: string | null;
  readonly country: string;
  readonly currency: string;
}

/** What a tenant is billed by that has said nothing. */
export const defaultBillingProfile: BillingProfileData = {
  legalName: null,
  taxNumber: null,
  address: null,
  email: null,
  country: 'AU',
  currency: 'AUD',
};

/** A tenant's profile, or the default one with `updatedAt` null. */
export async function readBillingProfile(
  em: EntityManager,
  tenantId: string,
): Promise<BillingProfileData & { readonly updatedAt: Date | null }> {
  const stored = await em.findOne(BillingProfile, { tenantId });
  if (stored === null) return { ...defaultBillingProfile, updatedAt: null };
  return { ...dataOf(stored), updatedAt: stored.updatedAt };
}

/**
 * Replaces a tenant's profile, with an audit row.
 * @throws Conflict `currency_in_use` where something that is still to be billed is priced in another currency
 */
export function putBillingProfile(
  em: EntityManager,
  tenantId: string,
  profile: BillingProfileData,
  request: ChangeRequest,
): Promise<void> {
  return em.transactional(async (transaction) => {
    await lockTenantCurrency(transaction, tenantId);
    const before = await readBillingProfile(transaction, tenantId);
    if (profile.currency !== before.currency)
      await refuseUsedCurrency(transaction, tenantId, profile.currency);
    await transaction.upsert(BillingProfile, { tenantId, ...profile, updatedAt: request.now });
    await recordChange(transaction, request, {
      action: 'billing_profile.put',
      subjectId: tenantId,
      before: before.updatedAt === null ? null : asRow(before),
      after: asRow(profile),
    });
  });
}

/** Subscribing in a tenant's currency and changing that currency are done one after the other. */
export async function lockTenantCurrency(em: EntityManager, tenantId: string): Promise<void> {
  await em.execute(`select pg_advisory_xact_lock(hashtext(?))`, [`tenant-currency:${tenantId}`]);
}

async function refuseUsedCurrency(em: EntityManager, tenantId: string, wanted: string): Promise<void> {
  const used = await em.execute<{ currency: string }[]>(
    `select distinct priced.currency
     from subscriptions subscription
     join subscription_versions version on version.subscription_id = subscription.id
     join plan_versions priced on priced.id = version.plan_version_id
     where subscription.tenant_id = ? and priced.currency <> ?
       and (subscription.cancelled_at is null or not exists (
         select from tenant_invoices invoice
         where invoice.tenant_id = subscription.tenant_id and invoice.status in ('issued', 'paid')
           and invoice.period_start = date_trunc('month', subscription.cancelled_at at time zone 'UTC')::date))`,
    [tenantId, wanted],
  );
  if (used.length === 0) return;
  const currencies = used.map(({ currency }) => currency).sort();
  throw new Conflict(
    'currency_in_use',
    `the currency can't become ${wanted} while subscriptions in ${currencies.join(', ')} are still to be billed`,
    { context: { currencies } },
  );
}

const dataOf = (stored: BillingProfile): BillingProfileData => ({
  legalName: stored.legalName ?? null,
  taxNumber: stored.taxNumber ?? null,
  address: stored.address ?? null,
  email: stored.email ?? null,
  country: stored.country,
  currency: stored.currency,
});

const asRow = (profile: BillingProfileData) => ({
  legal_name: profile.legalName,
  tax_number: profile.taxNumber,
  address: profile.address,
  email: profile.email,
  country: profile.country,
  currency: profile.currency,
});
