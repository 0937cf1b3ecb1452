import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { tenantOwnsGatewayReads } from './policies.ts';

/** Whom an invoice is made out to. A tenant without a row has the defaults. */
export const BillingProfile = defineEntity({
  name: 'BillingProfile',
  tableName: 'billing_profiles',
  rowLevelSecurity: 'force',
  policies: tenantOwnsGatewayReads,
  properties: {
    tenantId: p.text().primary(),
    legalName: p.text().nullable(),
    /** The ABN in Australia, elsewhere what the country calls it. */
    taxNumber: p.text().nullable(),
    address: p.text().nullable(),
    email: p.text().nullable(),
    /** ISO 3166-1, two letters: decides the tax. */
    country: p.text().default('AU'),
    currency: p.text().default('AUD'),
    updatedAt: p.datetime(),
  },
});
export type BillingProfile = InferEntity<typeof BillingProfile>;
