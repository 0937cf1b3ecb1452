import type { EntityManager } from '@mikro-orm/postgresql';
import type { ProviderBalance } from '../providers/provider.ts';

/** Keeps a balance as the provider computed it; one row a `generatedAt`. @returns whether it was a new one */
export async function recordBalance(
  em: EntityManager,
  provider: string,
  balance: ProviderBalance,
  takenAt: Date,
): Promise<boolean> {
  const rows = await em.execute<{ id: string }[]>(
    `insert into cloud_balance_snapshots
       (provider, generated_at, month_to_date_balance, account_balance, month_to_date_usage, currency, taken_at)
     values (?, ?, ?, ?, ?, ?, ?)
     on conflict (provider, generated_at) do nothing
     returning id`,
    [
      provider,
      balance.generatedAt,
      balance.monthToDateBalance.toFixed(),
      balance.accountBalance.toFixed(),
      balance.monthToDateUsage.toFixed(),
      balance.currency,
      takenAt,
    ],
  );
  return rows.length > 0;
}
