import type { Difference } from './differences.ts';
import type { OpenDrift, RuleInForce } from './sweepReads.ts';

/** What becomes of the drift of a range. */
export interface DriftChanges {
  readonly open: readonly Difference[];
  /** Differences that are open already, as they are now. */
  readonly seen: readonly { readonly id: string; readonly difference: Difference }[];
  readonly close: readonly ClosedDrift[];
}

export interface ClosedDrift {
  readonly id: string;
  readonly state: 'stale' | 'ignored';
  readonly resolvedBy: string;
  readonly reason: string;
  readonly ignoreRuleId: string | null;
}

/** What is open already stays open with what it is now; what is new opens; what is ignored or differs no longer closes. */
export function driftChanges({
  differences,
  open,
  rules,
  workflowId,
}: {
  readonly differences: readonly Difference[];
  readonly open: readonly OpenDrift[];
  readonly rules: readonly RuleInForce[];
  /** Of the sweep, which closes what is stale. */
  readonly workflowId: string;
}): DriftChanges {
  const openBy = new Map(open.map((drift) => [keyOf(drift), drift]));
  const ruleFor = ruleFinder(rules);
  const changes = { open: [] as Difference[], seen: [] as { id: string; difference: Difference }[] };
  const close: ClosedDrift[] = [];
  const missing = new Set<string>();
  for (const difference of differences) {
    const key = keyOf(difference);
    const before = openBy.get(key);
    openBy.delete(key);
    if (difference.type === 'missing') missing.add(difference.resourceId);
    const rule = ruleFor(difference);
    if (rule === undefined) {
      if (before === undefined) changes.open.push(difference);
      else changes.seen.push({ id: before.id, difference });
    } else if (before !== undefined) {
      const { id: ignoreRuleId, createdBy: resolvedBy, reason } = rule;
      close.push({ id: before.id, state: 'ignored', resolvedBy, reason, ignoreRuleId });
    }
  }
  for (const { id, resourceId } of openBy.values()) {
    const reason = missing.has(resourceId) ? 'the resource is gone' : 'it differs no longer';
    close.push({ id, state: 'stale', resolvedBy: workflowId, reason, ignoreRuleId: null });
  }
  return { ...changes, close };
}

/** The first rule in force that covers a difference, the oldest first. */
function ruleFinder(rules: readonly RuleInForce[]): (difference: Difference) => RuleInForce | undefined {
  const byResource = Map.groupBy(rules, (rule) => rule.resourceId);
  return ({ resourceId, field, type }) => {
    const covers = (rule: RuleInForce) => rule.field === null || rule.field === (field ?? type);
    return byResource.get(resourceId)?.find(covers) ?? byResource.get(null)?.find(covers);
  };
}

function keyOf({ resourceId, type, field }: Pick<OpenDrift, 'resourceId' | 'type' | 'field'>): string {
  return `${resourceId} ${type} ${field ?? ''}`;
}
