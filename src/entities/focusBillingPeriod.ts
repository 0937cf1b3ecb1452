import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { FocusFile } from './focusFile.ts';
import { platformOnly } from './policies.ts';

/** A billing period as its issuer last stated it: while it is open, its invoices may still change. */
export const FocusBillingPeriod = defineEntity({
  name: 'FocusBillingPeriod',
  tableName: 'focus_billing_periods',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  properties: {
    provider: p.text().primary(),
    /** An issuer of the provider; its subsidiaries close their books apart. */
    issuer: p.text().primary(),
    startsAt: p.datetime().primary(),
    endsAt: p.datetime(),
    status: p.text().$type<'Open' | 'Closed'>(),
    file: p.manyToOne(FocusFile).mapToPk(),
  },
});
export type FocusBillingPeriod = InferEntity<typeof FocusBillingPeriod>;
