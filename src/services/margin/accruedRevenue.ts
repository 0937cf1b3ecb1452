import type { EntityManager } from '@mikro-orm/postgresql';
import { addCents } from '../../domain/money.ts';
import { liveAccrual, runningPeriod, subscribedTenants, type TenantAccrual } from './liveAccrual.ts';
import type { OwnerRevenue, RevenueDetail } from './revenueByOwner.ts';
import { SideUnavailable } from './sideUnavailable.ts';

/** How many tenants are priced at once; memory holds the inputs of no more. */
const tenantsAtOnce = 500;

/**
 * What the running month would bring if nothing more was used or changed: the accrual of every active subscription, as revenue.
 * @param options.tenantIds only theirs
 * @throws SideUnavailable naming the tenant where one can't be priced, since without it the sum would say too little
 */
export async function accruedRevenue(
  em: EntityManager,
  now: Date,
  options: { readonly detail?: RevenueDetail; readonly tenantIds?: readonly string[] | undefined } = {},
): Promise<OwnerRevenue[]> {
  const { detail = 'owners', tenantIds } = options;
  const period = runningPeriod(now);
  const sums = new Map<string, Omit<OwnerRevenue, 'cents'> & { cents: number }>();
  for await (const tenants of accruals(em, now, tenantIds)) {
    for (const { tenantId, currency, deployments, problem } of tenants) {
      if (problem !== null || currency === null) {
        const why = problem?.message ?? 'it has no currency';
        throw new SideUnavailable(
          'revenue',
          period,
          `the accrual of tenant "${tenantId}" can't be priced: ${why}`,
        );
      }
      for (const { deploymentId, kinds } of deployments) {
        for (const { kind, cents } of kinds) {
          const told = toldApart(detail, { tenantId, deploymentId, kind });
          const key = JSON.stringify([currency, ...Object.values(told)]);
          const sum = sums.get(key);
          if (sum === undefined) sums.set(key, { period, currency, ...told, label: 'estimated', cents });
          else sum.cents = addCents(sum.cents, cents);
        }
      }
    }
  }
  return [...sums.values()].map((row) => ({ ...row, cents: String(row.cents) }));
}

type Owner = Pick<OwnerRevenue, 'tenantId' | 'deploymentId' | 'kind'>;

const toldApart = (detail: RevenueDetail, owner: Owner): Owner => ({
  tenantId: detail === 'owners' || detail === 'tenants' ? owner.tenantId : '',
  deploymentId: detail === 'owners' ? owner.deploymentId : null,
  kind: detail === 'owners' || detail === 'kinds' ? owner.kind : '',
});

async function* accruals(
  em: EntityManager,
  now: Date,
  tenantIds: readonly string[] | undefined,
): AsyncGenerator<readonly TenantAccrual[]> {
  let [after, from]: [string | undefined, number] = [undefined, 0];
  for (;;) {
    const page: readonly string[] =
      tenantIds?.slice(from, from + tenantsAtOnce) ??
      (await subscribedTenants(em, { after, limit: tenantsAtOnce }));
    if (page.length === 0) return;
    yield (await liveAccrual(em, { tenantIds: page, now })).tenants;
    after = page.at(-1);
    from += tenantsAtOnce;
  }
}
