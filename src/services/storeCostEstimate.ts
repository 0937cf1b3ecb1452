import type { EntityManager } from '@mikro-orm/postgresql';
import type { MonthToDate, MonthToDateLine } from '../providers/provider.ts';

export interface StoreCostEstimate {
  readonly provider: string;
  readonly estimate: Omit<MonthToDate, 'lines'>;
  /** Read only where the estimate is not stored yet. */
  readonly lines: () => AsyncIterable<readonly MonthToDateLine[]>;
  readonly now: Date;
  readonly onProgress: (lines: number) => void;
}

/**
 * Keeps a provider's estimate of a month with its lines, batch by batch, so that memory is bounded; it shows only once it is whole.
 * It takes the place of the one before, whose amount is kept for the trend and whose lines are not. The same estimate again changes
 * nothing, and a reading that broke off is begun again.
 * @returns whether it was a new one
 */
export async function storeCostEstimate(em: EntityManager, input: StoreCostEstimate): Promise<boolean> {
  const { provider, estimate, now } = input;
  const identity = [provider, estimate.period, estimate.estimatedAt];
  await em.execute(
    `insert into cloud_cost_estimates (provider, period_start, estimated_at, amount, currency)
     values (?, ?, ?, ?, ?) on conflict (provider, period_start, estimated_at) do nothing`,
    [...identity, estimate.amount.toFixed(), estimate.currency],
  );
  const [begun] = await em.execute<{ id: string }[]>(
    `update cloud_cost_estimates set amount = ?, currency = ?
     where provider = ? and period_start = ? and estimated_at = ? and complete_at is null returning id`,
    [estimate.amount.toFixed(), estimate.currency, ...identity],
  );
  if (begun === undefined) return false;
  await em.execute(`delete from cloud_cost_estimate_lines where estimate_id = ?`, [begun.id]);
  let stored = 0;
  for await (const batch of input.lines()) {
    await em.execute(insertLines, [begun.id, JSON.stringify(batch.map(toRow))]);
    stored += batch.length;
    input.onProgress(stored);
  }
  await em.transactional(async (transaction) => {
    await transaction.execute(`update cloud_cost_estimates set complete_at = ? where id = ?`, [
      now,
      begun.id,
    ]);
    await transaction.execute(dropEarlierLines, [provider, estimate.period]);
    await transaction.execute(
      `delete from cloud_cost_estimates where provider = ? and period_start = ? and complete_at is null`,
      [provider, estimate.period],
    );
  });
  return true;
}

function toRow(line: MonthToDateLine) {
  return {
    position: line.position,
    product: line.product,
    group_description: line.groupDescription,
    description: line.description,
    amount: line.amount.toFixed(),
    line_class: line.lineClass,
    kind: line.kind,
    provider_resource_id: line.resourceId,
    provider_resource_uuid: line.resourceUuid,
  };
}

const insertLines = `
  insert into cloud_cost_estimate_lines (estimate_id, position, product, group_description, description, amount, line_class,
    kind, provider_resource_id, provider_resource_uuid)
  select ?, line.* from jsonb_to_recordset(?::jsonb) as line (position int, product text, group_description text,
    description text, amount numeric, line_class text, kind text, provider_resource_id text, provider_resource_uuid text)`;

/** All lines of a month but those of its newest whole estimate; also what an abandoned reading left. */
const dropEarlierLines = `
  with estimate as (
    select id, row_number() over (order by complete_at is null, estimated_at desc) as age
    from cloud_cost_estimates where provider = ? and period_start = ?
  )
  delete from cloud_cost_estimate_lines line using estimate where line.estimate_id = estimate.id and estimate.age > 1`;
