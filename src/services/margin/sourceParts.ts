import type { SourcePart } from '../../domain/margin/convertParts.ts';
import { Decimal } from '../../domain/money.ts';
import type { OwnerCost } from './costsByOwner.ts';
import type { OwnerRevenue } from './revenueByOwner.ts';

/** A cost as a part of its side. What names no kind of resource is called by its bucket: tax, credit, shared; the rest has none. */
export function costPart(cost: OwnerCost): SourcePart {
  const { tenantId, bucket, deploymentId, currency } = cost;
  return {
    tenantId,
    bucket,
    deploymentId,
    kind: cost.kind ?? (bucket === 'unattributed' ? null : bucket),
    label: isSettled(cost) ? 'reconciled' : 'estimated',
    currency,
    amount: new Decimal(cost.amount),
  };
}

/** An estimate, and an invoice that is held, not read yet or restated, may still come to another amount, or to other owners. */
const isSettled = ({ basis, reason }: OwnerCost) =>
  basis === 'invoice' && reason !== 'held' && reason !== 'not_ingested' && reason !== 'restated';

/** Revenue as a part of its side: a tenant's always. */
export const revenuePart = ({
  tenantId,
  deploymentId,
  kind,
  label,
  currency,
  cents,
}: OwnerRevenue): SourcePart => ({
  tenantId,
  bucket: 'attributed',
  deploymentId,
  kind,
  label,
  currency,
  amount: new Decimal(cents).dividedBy(100),
});
