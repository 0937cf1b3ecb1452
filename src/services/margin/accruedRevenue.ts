import type { EntityManager } from '@mikro-orm/postgresql';
import { liveAccrual, runningPeriod, subscribedTenants } from './liveAccrual.ts';
import type { OwnerRevenue } from './revenueByOwner.ts';
import { SideUnavailable } from './sideUnavailable.ts';

/** How many tenants are priced at once; memory holds the inputs of no more. */
const tenantsAtOnce = 250;

/**
 * What the running month would bring if nothing more was used or changed: the accrual of every active subscription, as revenue.
 * @throws SideUnavailable naming the tenant where one can't be priced, since without it the sum would say too little
 */
export async function accruedRevenue(em: EntityManager, now: Date): Promise<OwnerRevenue[]> {
  const period = runningPeriod(now);
  const revenue: OwnerRevenue[] = [];
  let after: string | undefined;
  for (;;) {
    const tenantIds = await subscribedTenants(em, { after, limit: tenantsAtOnce });
    if (tenantIds.length === 0) return revenue;
    const { tenants } = await liveAccrual(em, { tenantIds, now });
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
          revenue.push({
            period,
            currency,
            tenantId,
            deploymentId,
            kind,
            label: 'estimated',
            cents: String(cents),
          });
        }
      }
    }
    after = tenantIds.at(-1);
  }
}
