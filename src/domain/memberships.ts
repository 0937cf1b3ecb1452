/** When a resource belongs to a deployment: half-open, to the second, without end where `endsAt` is null. */
export interface Membership {
  readonly deploymentId: string;
  readonly startsAt: Date;
  readonly endsAt: Date | null;
}

/**
 * Gives a resource to a deployment for a time. Whatever it belonged to then is shortened, split or replaced; what touches under one
 * deployment is one.
 * @param memberships of one resource, none overlapping another
 * @returns the new ones, none overlapping another, by time
 */
export function assign(memberships: readonly Membership[], given: Membership): Membership[] {
  const kept = memberships.flatMap((membership) => without(membership, given.startsAt, given.endsAt));
  return joined([...kept, given]);
}

/** Ends what belongs to the deployment at a moment, and takes away what would begin later. */
export function release(
  memberships: readonly Membership[],
  deploymentId: string,
  endsAt: Date,
): Membership[] {
  return memberships.flatMap((membership) =>
    membership.deploymentId === deploymentId ? without(membership, endsAt, null) : [membership],
  );
}

/** Which deployment a resource belongs to at a moment. */
export function ownerAt(memberships: readonly Membership[], moment: Date): string | null {
  const holding = memberships.find(
    ({ startsAt, endsAt }) => startsAt <= moment && (endsAt === null || endsAt > moment),
  );
  return holding?.deploymentId ?? null;
}

/** What is left of a membership outside `[from, until)`. */
function without(membership: Membership, from: Date, until: Date | null): Membership[] {
  const { startsAt, endsAt } = membership;
  const before = { ...membership, endsAt: endsAt === null || endsAt > from ? from : endsAt };
  const after = until === null ? null : { ...membership, startsAt: startsAt > until ? startsAt : until };
  return [before, after].filter((part) => part !== null).filter(isNotEmpty);
}

const isNotEmpty = ({ startsAt, endsAt }: Membership) => endsAt === null || startsAt < endsAt;

function joined(memberships: readonly Membership[]): Membership[] {
  const result: Membership[] = [];
  for (const membership of memberships.toSorted((one, other) => +one.startsAt - +other.startsAt)) {
    const last = result.at(-1);
    if (
      last !== undefined &&
      last.deploymentId === membership.deploymentId &&
      +(last.endsAt ?? 0) === +membership.startsAt
    ) {
      result[result.length - 1] = { ...last, endsAt: membership.endsAt };
    } else {
      result.push(membership);
    }
  }
  return result;
}
