import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { Pool } from 'pg';
import { ArcadiaError } from '../domain/errors.ts';
import type { FinanceClient } from '../integrations/financeClient.ts';
import type { WebhookClient } from '../integrations/webhookClient.ts';
import { createFocusSource } from '../providers/focus/source.ts';
import type { InvoiceSource, Provider } from '../providers/provider.ts';
import type { RevertSettings } from '../services/drift/approveRevert.ts';
import type { DunningTimes } from '../services/dunning.ts';
import { focusInvoiceFinder } from '../services/focusInvoices.ts';
import type { SecretEncryption } from '../services/webhooks/secretEncryption.ts';
import { forSession, systemSession } from '../session.ts';

/** What activities work with; the worker builds it once. */
export interface ActivityDependencies {
  readonly orm: MikroORM;
  /** The ORM's own connections, for COPY. */
  readonly pool: Pool;
  readonly providers: ReadonlyMap<string, Provider>;
  /** The finance system, where one is configured. */
  readonly finance?: FinanceClient | undefined;
  /** How webhooks are sent; to public addresses alone unless given. */
  readonly webhooks?: WebhookClient | undefined;
  /** What the secrets of webhooks are encrypted with; with nothing unless given. */
  readonly encryption?: SecretEncryption | undefined;
  /** For how many days webhooks that are over stay in the log; 90 unless given. */
  readonly webhookLogDays?: number | undefined;
  /** After how many days in which it takes nothing an endpoint is disabled; 5 unless given. */
  readonly webhookDisableAfterDays?: number | undefined;
  /** The currency of margins; AUD unless given. */
  readonly reportingCurrency?: string | undefined;
  /** How long dunning waits from one step to the next; 7 and 14 days unless given. */
  readonly dunning?: DunningTimes | undefined;
  /** For how long after its rollup a period's drafts stay open to late usage; 72 hours unless given. */
  readonly invoiceGraceHours?: number | undefined;
  /** How much may be reverted at once and a day, and for how long a plan waits; 3, 500 a month and 24 hours unless given. */
  readonly driftReverts?: RevertSettings | undefined;
  /** The folder that is watched for FOCUS files, where one is. */
  readonly focusFolder?: string | undefined;
  /** The most bytes that a FOCUS file may have, unpacked. */
  readonly focusFileLimit?: number | undefined;
}

/** A fresh EntityManager for one attempt of one activity. */
export function systemEntityManager(dependencies: ActivityDependencies): EntityManager {
  return forSession(dependencies.orm, systemSession);
}

/** @throws ArcadiaError `unknown_provider`, which no retry mends */
export function providerNamed(dependencies: ActivityDependencies, name: string): Provider {
  const provider = dependencies.providers.get(name);
  if (provider === undefined) {
    throw new ArcadiaError(
      'unknown_provider',
      `no provider "${name}" is configured; there is ${[...dependencies.providers.keys()].join(', ') || 'none'}`,
    );
  }
  return provider;
}

/** Where the invoices of a provider are read from: its own API where it is configured, else the FOCUS files that were brought. */
export function invoiceSourceNamed(dependencies: ActivityDependencies, name: string): InvoiceSource {
  return (
    dependencies.providers.get(name) ??
    createFocusSource(name, focusInvoiceFinder(systemEntityManager(dependencies)))
  );
}
