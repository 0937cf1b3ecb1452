import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

/**
 * The search attributes of every workflow: what an operator filters by in the Temporal Web UI.
 * `Phase` is the step that runs; `Problem` the code of what is wrong, absent while all is well.
 */
export const searchAttributes = {
  tenant: defineSearchAttributeKey('Tenant', SearchAttributeType.KEYWORD),
  period: defineSearchAttributeKey('Period', SearchAttributeType.KEYWORD),
  providerInvoice: defineSearchAttributeKey('ProviderInvoice', SearchAttributeType.KEYWORD),
  deployment: defineSearchAttributeKey('Deployment', SearchAttributeType.KEYWORD),
  phase: defineSearchAttributeKey('Phase', SearchAttributeType.KEYWORD),
  problem: defineSearchAttributeKey('Problem', SearchAttributeType.KEYWORD),
} as const;

/** Name and type of each, as the namespace has to know them before the first workflow starts. */
export const searchAttributeTypes: Readonly<Record<string, 'Keyword'>> = {
  Tenant: 'Keyword',
  Period: 'Keyword',
  ProviderInvoice: 'Keyword',
  Deployment: 'Keyword',
  Phase: 'Keyword',
  Problem: 'Keyword',
};
