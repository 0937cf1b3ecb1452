import type { EntityManager } from '@mikro-orm/postgresql';
import type { Period } from '../domain/period.ts';
import { CloudInvoice, type IngestStatus } from '../entities/cloudInvoice.ts';
import { CloudInvoiceVersion } from '../entities/cloudInvoiceVersion.ts';
import type { KeysetPage } from './listInventory.ts';

/** Cloud invoices, newest period first. */
export function listInvoices(
  em: EntityManager,
  filter: { readonly period?: Period | undefined; readonly status?: IngestStatus | undefined },
  page: KeysetPage<{ readonly period: Period; readonly id: string }>,
): Promise<CloudInvoice[]> {
  const { after } = page;
  return em.find(
    CloudInvoice,
    {
      ...(filter.period === undefined ? {} : { periodStart: filter.period }),
      ...(filter.status === undefined ? {} : { ingestStatus: filter.status }),
      ...(after === undefined
        ? {}
        : {
            $or: [
              { periodStart: { $lt: after.period } },
              { periodStart: after.period, id: { $lt: after.id } },
            ],
          }),
    },
    { orderBy: { periodStart: 'desc', id: 'desc' }, limit: page.limit + 1 },
  );
}

/** The invoice that a provider calls `invoiceUuid`; where no provider is named, the first one's. */
export function readInvoice(
  em: EntityManager,
  invoiceUuid: string,
  provider?: string,
): Promise<CloudInvoice | null> {
  const named = { invoiceUuid, ...(provider === undefined ? {} : { provider }) };
  return em.findOne(CloudInvoice, named, { orderBy: { provider: 'asc' } });
}

/** Every reading of an invoice, newest first. */
export function listInvoiceVersions(em: EntityManager, invoice: string): Promise<CloudInvoiceVersion[]> {
  return em.find(CloudInvoiceVersion, { invoice }, { orderBy: { version: 'desc' } });
}
