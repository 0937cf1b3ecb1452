import type { EntityManager } from '@mikro-orm/postgresql';
import type { DriftType } from '../../domain/drift/price.ts';
import type { ResourceKind } from '../../domain/resourceKind.ts';
import { CloudDriftKind } from '../../entities/cloudDriftKind.ts';

/** What is open of one type and kind at a provider. Amounts are exact decimal texts, a month's. */
export interface OpenDriftGroup {
  readonly provider: string;
  readonly type: DriftType;
  readonly kind: ResourceKind;
  readonly currency: string;
  readonly open: number;
  /** What the differences cost more (+) or less (−); those without a price count as nothing, and in `unpriced`. */
  readonly price_monthly: string;
  readonly unpriced: number;
}

/** What nobody is billed for, by currency. */
export interface UnbilledMoney {
  readonly currency: string;
  readonly open: number;
  /** Of what is unmanaged its price, of what is gone what it was billed in its provider's last ingested month. */
  readonly amount_monthly: string;
  readonly unpriced: number;
}

export interface DriftSummary {
  readonly groups: readonly OpenDriftGroup[];
  readonly unbilled: readonly UnbilledMoney[];
  readonly kinds: readonly CloudDriftKind[];
}

/** What is open, what it costs, and how far the last sweep got. */
export async function readDriftSummary(em: EntityManager): Promise<DriftSummary> {
  const groups = await em.execute<OpenDriftGroup[]>(
    `select provider, type, kind, currency, count(*)::int as open, coalesce(sum(price_monthly), 0)::text as price_monthly,
       count(*) filter (where price_monthly is null)::int as unpriced
     from cloud_drift where state = 'open'
     group by provider, type, kind, currency order by provider, type, kind, currency`,
  );
  const unbilled = await em.execute<UnbilledMoney[]>(
    `select currency, count(*)::int as open, coalesce(sum(amount), 0)::text as amount_monthly,
       count(*) filter (where amount is null)::int as unpriced
     from (
       select currency, case type when 'missing' then billed_cost else price_monthly end as amount
       from cloud_drift where state = 'open' and unbilled
     ) as unbilled
     group by currency order by currency`,
  );
  const kinds = await em.find(CloudDriftKind, {}, { orderBy: { provider: 'asc', kind: 'asc' } });
  return { groups, unbilled, kinds };
}
