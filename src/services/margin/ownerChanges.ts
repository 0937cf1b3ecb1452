import type { EntityManager } from '@mikro-orm/postgresql';
import { Decimal } from '../../domain/money.ts';
import { arrayLiteral } from '../arrayLiteral.ts';
import { ownedParts } from './costsByOwner.ts';

/** What an owner bears of one cost line. */
interface OwnedAmount {
  readonly line_id: string;
  readonly tenant_id: string | null;
  readonly deployment_id: string | null;
  readonly amount: string;
  readonly currency: string;
}

/**
 * Does what gives resources other owners, and keeps what that moved: for each of their cost lines in force, what each owner bore before
 * and bears after, where that differs. In the transaction of `em`.
 * @param change.cause the request or process that does it
 */
export async function recordingOwnerChanges<Result>(
  em: EntityManager,
  change: { readonly resourceIds: readonly string[]; readonly now: Date; readonly cause: string },
  work: () => Promise<Result>,
): Promise<Result> {
  if (change.resourceIds.length === 0) return work();
  const before = await ownersOf(em, change.resourceIds);
  const result = await work();
  const after = await ownersOf(em, change.resourceIds);
  const changes = [...new Set([...before.keys(), ...after.keys()])].flatMap((key) => {
    const [from, to] = [before.get(key), after.get(key)];
    const owned = to ?? from;
    if (
      owned === undefined ||
      (from !== undefined && to !== undefined && new Decimal(from.amount).equals(to.amount))
    ) {
      return [];
    }
    const { line_id, tenant_id, deployment_id, currency } = owned;
    return [
      {
        line_id,
        tenant_id,
        deployment_id,
        currency,
        from_amount: from?.amount ?? '0',
        to_amount: to?.amount ?? '0',
      },
    ];
  });
  if (changes.length > 0) {
    await em.execute(
      `insert into cost_owner_changes (cost_line_id, tenant_id, deployment_id, from_amount, to_amount, currency, changed_at, cause)
       select line_id, tenant_id, deployment_id, from_amount, to_amount, currency, ?, ?
       from jsonb_to_recordset(?::jsonb) as change (line_id bigint, tenant_id text, deployment_id uuid, from_amount numeric,
         to_amount numeric, currency text)
       order by line_id, tenant_id, deployment_id`,
      [change.now, change.cause, JSON.stringify(changes)],
    );
  }
  return result;
}

async function ownersOf(
  em: EntityManager,
  resourceIds: readonly string[],
): Promise<ReadonlyMap<string, OwnedAmount>> {
  const rows = await em.execute<OwnedAmount[]>(
    `${ownedParts('true', 'line.resource_id = any(?::uuid[])')}
     select line_id::text, tenant_id, deployment_id, sum(amount)::text as amount, currency from part
     where line_id is not null group by line_id, tenant_id, deployment_id, currency`,
    [arrayLiteral(resourceIds)],
  );
  return new Map(rows.map((row) => [JSON.stringify([row.line_id, row.tenant_id, row.deployment_id]), row]));
}
