import { roundParts } from '../allocation.ts';
import { addCents, type Decimal, roundHalfUpToCents, sum } from '../money.ts';
import { type FigureLabel, labelOf } from './figureLabel.ts';

/** A part of a side of the margin, exact, in the currency that it was charged in. */
export interface SourcePart {
  /** A tenant's id where `bucket` is `attributed`, else null. */
  readonly tenantId: string | null;
  /** `attributed`, or what nobody bears: `shared`, `tax`, `credit`, `unattributed`. */
  readonly bucket: string;
  /** Null for what a tenant has outside of any deployment. */
  readonly deploymentId: string | null;
  /** A kind of resource or of usage; null for what names none. */
  readonly kind: string | null;
  readonly label: FigureLabel;
  readonly currency: string;
  readonly amount: Decimal;
}

/** What an owner has of a side, in whole cents of the reporting currency. */
export interface MarginPart extends Pick<SourcePart, 'tenantId' | 'bucket' | 'deploymentId' | 'label'> {
  readonly cents: number;
}

export interface KindTotal {
  readonly kind: string | null;
  /** Whole cents of the reporting currency. */
  readonly cents: number;
}

/** Units of the reporting currency for one of another. */
export type RateFrom = (currency: string) => Decimal;

/** What a tenant or a bucket has of one currency: its cents, and the parts that they are shared by. */
export interface ConvertedOwner extends MarginPart {
  readonly deploymentId: null;
  readonly currency: string;
  readonly parts: readonly SourcePart[];
}

/**
 * Converts a side. Of each currency the exact total is converted and rounded once, half up; tenants and buckets share it by largest
 * remainder, then deployments share their tenant's. Ties go to the lower id.
 * @returns one part for each currency, tenant or bucket, and deployment
 */
export function convertParts(parts: readonly SourcePart[], rateFrom: RateFrom): MarginPart[] {
  return convertOwners(parts, rateFrom).flatMap((owner) =>
    shareByDeployment(owner, owner.parts, rateFrom(owner.currency)),
  );
}

/** The first half of it: what tenants and buckets have. */
export function convertOwners(parts: readonly SourcePart[], rateFrom: RateFrom): ConvertedOwner[] {
  return [...Map.groupBy(parts, ({ currency }) => currency)].flatMap(([currency, own]) => {
    const rate = rateFrom(currency);
    return share(totalCents(own, rate), own, rate, ownerOf).flatMap(({ parts: [first, ...more], cents }) =>
      first === undefined
        ? []
        : [
            {
              tenantId: first.tenantId,
              bucket: first.bucket,
              deploymentId: null,
              label: labelOf([first, ...more]),
              cents,
              currency,
              parts: [first, ...more],
            },
          ],
    );
  });
}

/** The second half: deployments share what their owner has of a currency. @param parts what they are shared by */
export function shareByDeployment(
  { cents, tenantId, bucket }: Pick<MarginPart, 'cents' | 'tenantId' | 'bucket'>,
  parts: readonly SourcePart[],
  rate: Decimal,
): MarginPart[] {
  const [only, ...others] = parts;
  if (only !== undefined && others.length === 0) {
    const { deploymentId, label } = only;
    return [{ tenantId, bucket, deploymentId, label, cents }];
  }
  return share(cents, parts, rate, ({ deploymentId }) => deploymentId ?? '').map((own) => ({
    tenantId,
    bucket,
    deploymentId: own.parts[0]?.deploymentId ?? null,
    label: labelOf(own.parts),
    cents: own.cents,
  }));
}

/** Tenants and buckets share one total; a tenant may be called like a bucket. */
const ownerOf = ({ bucket, tenantId }: SourcePart) =>
  tenantId === null ? `bucket ${bucket}` : `tenant ${tenantId}`;

/**
 * The same totals shared by kinds: an axis of its own, which need not agree with the tenants' to the cent in each cell.
 * @returns by kind, what names none first
 */
export function convertByKind(parts: readonly SourcePart[], rateFrom: RateFrom): KindTotal[] {
  const totals = new Map<string | null, number>();
  for (const [currency, own] of Map.groupBy(parts, (part) => part.currency)) {
    const rate = rateFrom(currency);
    for (const { parts: of, cents } of share(totalCents(own, rate), own, rate, ({ kind }) => kind ?? '')) {
      const kind = of[0]?.kind ?? null;
      totals.set(kind, addCents(totals.get(kind) ?? 0, cents));
    }
  }
  return [...totals]
    .map(([kind, cents]) => ({ kind, cents }))
    .toSorted((left, right) => ((left.kind ?? '') < (right.kind ?? '') ? -1 : 1));
}

const centsAUnit = 100;

/** Of most owners there is one part. */
const exactCents = (parts: readonly SourcePart[], rate: Decimal) => {
  const [only, ...others] = parts;
  const total =
    only !== undefined && others.length === 0 ? only.amount : sum(parts.map(({ amount }) => amount));
  return total.times(rate.times(centsAUnit));
};

const totalCents = (parts: readonly SourcePart[], rate: Decimal) =>
  roundHalfUpToCents(exactCents(parts, rate));

/** Groups parts of one currency, and lets the groups share its cents by what they come to exactly. */
function share(
  cents: number,
  parts: readonly SourcePart[],
  rate: Decimal,
  keyOf: (part: SourcePart) => string,
): { readonly parts: readonly SourcePart[]; readonly cents: number }[] {
  const groups = [...Map.groupBy(parts, keyOf)].map(([key, own]) => ({
    key,
    parts: own,
    exact: exactCents(own, rate),
  }));
  const shares = roundParts(cents, groups);
  return groups.map((group, index) => ({ parts: group.parts, cents: shares[index] ?? 0 }));
}
