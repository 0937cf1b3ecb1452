import { raw } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Period } from '../domain/period.ts';
import { type InvoiceStatus, TenantInvoice } from '../entities/tenantInvoice.ts';
import type { KeysetPage } from './listInventory.ts';

export interface TenantInvoiceFilter {
  readonly period?: Period | undefined;
  readonly status?: InvoiceStatus | undefined;
  /** Every one of them must be the invoice's tenant. */
  readonly tenants?: readonly string[] | undefined;
}

/** The order of the list, and where a page of it begins. */
export interface TenantInvoiceKey {
  readonly period: Period;
  readonly tenant: string;
  readonly id: string;
}

/** What tenants were charged, newest period first, as far as the session sees it. */
export function listTenantInvoices(
  em: EntityManager,
  filter: TenantInvoiceFilter,
  page: KeysetPage<TenantInvoiceKey>,
): Promise<TenantInvoice[]> {
  const { after } = page;
  return em.find(
    TenantInvoice,
    {
      ...(filter.period === undefined ? {} : { periodStart: filter.period }),
      ...(filter.status === undefined ? {} : { status: filter.status }),
      $and: [
        ...(filter.tenants ?? []).map((tenantId) => ({ tenantId })),
        ...(after === undefined
          ? []
          : [
              {
                [raw('(period_start, tenant_id, id) < (?::date, ?, ?::uuid)', [
                  after.period,
                  after.tenant,
                  after.id,
                ])]: [],
              },
            ]),
      ],
    },
    { orderBy: { periodStart: 'desc', tenantId: 'desc', id: 'desc' }, limit: page.limit + 1 },
  );
}
