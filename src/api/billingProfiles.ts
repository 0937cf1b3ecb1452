import { z } from 'zod';
import {
  type BillingProfileData,
  defaultBillingProfile,
  putBillingProfile,
  readBillingProfile,
} from '../services/billingProfile.ts';
import { notFound } from './problems.ts';
import type { Caller } from './requestState.ts';
import { defineRoute, type Route } from './route.ts';
import { instant, reason, tenantId, text, toInstantOrNull } from './schemas.ts';

const countryNames = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
const countryForm = 'expected the two letters of a country, like AU (ISO 3166-1)';
const country = z
  .string({ error: countryForm })
  .regex(/^[A-Z]{2}$/, { error: countryForm, abort: true })
  .refine((value) => countryNames.of(value) !== undefined, countryForm);
const currencies = new Set(Intl.supportedValuesOf('currency'));
const currencyForm = 'expected the three letters of a currency, like AUD (ISO 4217)';
const currency = z.string({ error: currencyForm }).refine((value) => currencies.has(value), currencyForm);

const params = z.strictObject({ id: tenantId });

const billingProfile = z
  .strictObject({
    tenant_id: z.string(),
    legal_name: z.string().nullable(),
    tax_number: z.string().nullable().meta({ description: 'The ABN, or what the country calls it.' }),
    address: z.string().nullable(),
    email: z.string().nullable(),
    country: z.string().meta({ description: 'ISO 3166-1, two letters; it decides the tax.' }),
    currency: z
      .string()
      .length(3)
      .meta({ description: 'ISO 4217; plans and addons have to be priced in it.' }),
    updated_at: instant
      .nullable()
      .meta({ description: 'Null where nothing was said and the defaults hold.' }),
  })
  .meta({ id: 'BillingProfile' });

const toProfile = (
  tenant: string,
  profile: BillingProfileData & { readonly updatedAt: Date | null },
): z.input<typeof billingProfile> => ({
  tenant_id: tenant,
  legal_name: profile.legalName,
  tax_number: profile.taxNumber,
  address: profile.address,
  email: profile.email,
  country: profile.country,
  currency: profile.currency,
  updated_at: toInstantOrNull(profile.updatedAt),
});

/** @throws Problem 404 for another tenant than the caller's own */
function refuseForeign(caller: Caller, tenant: string): void {
  if (caller.role === 'tenant' && caller.tenantId !== tenant) throw notFound('tenant');
}

export const billingProfileRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/tenants/:id/billing-profile',
    tag: 'Billing profiles',
    summary: "Whom a tenant's invoices are made out to, its country and its currency.",
    roles: ['platform_admin', 'platform_viewer', 'tenant'],
    params,
    answer: { status: 200, description: 'The profile, or the defaults.', schema: billingProfile },
    problems: { 404: 'Another tenant.' },
    async handle({ em, caller, params: { id } }) {
      refuseForeign(caller, id);
      return { status: 200, body: toProfile(id, await readBillingProfile(em, id)) };
    },
  }),
  defineRoute({
    method: 'put',
    path: '/api/v1/tenants/:id/billing-profile',
    tag: 'Billing profiles',
    summary: 'Replaces the profile; what is absent gets its default.',
    roles: ['platform_admin', 'tenant'],
    params,
    body: z.strictObject({
      legal_name: text(300).nullable().default(null),
      tax_number: text(50).nullable().default(null),
      address: text(1000).nullable().default(null),
      email: z
        .email({ error: 'expected an e-mail address' })
        .max(254, 'expected an e-mail address')
        .nullable()
        .default(null),
      country: country.default(defaultBillingProfile.country),
      currency: currency.default(defaultBillingProfile.currency),
      reason: reason.optional(),
    }),
    answer: { status: 200, description: 'The profile.', schema: billingProfile },
    problems: {
      404: 'Another tenant.',
      409: 'Something that is still to be billed is priced in another currency, or the same request still runs.',
    },
    async handle({ em, caller, params: { id }, body, now, requestId }) {
      refuseForeign(caller, id);
      const profile: BillingProfileData = {
        legalName: body.legal_name,
        taxNumber: body.tax_number,
        address: body.address,
        email: body.email,
        country: body.country,
        currency: body.currency,
      };
      await putBillingProfile(em, id, profile, { actor: caller, now, reason: body.reason, requestId });
      return { status: 200, body: toProfile(id, { ...profile, updatedAt: now }) };
    },
  }),
];
