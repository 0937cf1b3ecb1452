import { labelOf } from '../../../domain/margin/figureLabel.ts';
import { spreadBucket } from '../../../domain/margin/sharedCost.ts';
import { type MeterKind, meterKinds } from '../../../domain/meters.ts';
import { Decimal, sum, sumCents } from '../../../domain/money.ts';
import type { Period } from '../../../domain/period.ts';
import type { MarginParts } from '../marginSummary.ts';
import type { SideParts } from './side.ts';
import { centsOf, inWords, nameOf, negated, type Part, type Step } from './step.ts';

/** How the shared cost of a period is spread over tenants, and what stands against that. */
export function spreadShares(
  { costs, spreadCosts, policy, weights }: MarginParts,
  period: Period,
  currency: string,
) {
  const shared = costs.filter(({ bucket }) => bucket === 'shared');
  const whole = centsOf(sumCents(shared.map(({ cents }) => cents)), currency);
  const shares = spreadCosts.filter(({ bucket, tenantId }) => bucket === spreadBucket && tenantId !== null);
  const all = sum(weights.map(({ weight }) => weight));
  const resources: Step['resources'] = [{ type: 'sharedCostPolicies', period }];
  const centsOfTenant = (tenantId: string) =>
    centsOf(
      sumCents(shares.filter((part) => part.tenantId === tenantId).map(({ cents }) => cents)),
      currency,
    );
  const by = `policy ${policy?.method ?? 'none'}, in force since ${policy?.effectiveFrom ?? period}`;

  function weightInWords(tenantId: string): string {
    const own = weights.find((one) => one.tenantId === tenantId)?.weight ?? new Decimal(0);
    switch (policy?.method) {
      case 'direct_cost':
        return `it costs ${inWords(centsOf(own, currency))} of the ${inWords(centsOf(all, currency))} that tenants cost directly`;
      case 'usage': {
        const unit = meterKinds[policy.resourceKind as MeterKind].meteredUnit;
        return `it used ${own.toFixed()} of ${all.toFixed()} ${unit} of ${policy.resourceKind}`;
      }
      default:
        return `it is ${own.toFixed()} of ${all.toFixed()} tenants`;
    }
  }
  return {
    /** What a tenant bears, as a part of its cost outside of deployments. */
    partOf: (tenantId: string): Part[] =>
      shares
        .filter((part) => part.tenantId === tenantId)
        .map(({ label }) => ({
          key: `share of ${spreadBucket}`,
          what: `Its share of the shared cost: ${weightInWords(tenantId)}`,
          counts: centsOfTenant(tenantId),
          label,
          next: {
            figure: { name: 'cogs', period, subject: { tenantId, bucket: spreadBucket } },
            value: centsOfTenant(tenantId),
          },
          resources: [],
        })),
    ofTenant: (tenantId: string): SideParts => ({
      how: `By ${by}: ${weightInWords(tenantId)}. ${inWords(whole)} of shared cost go to tenants by that weight, by largest remainder: ${inWords(centsOfTenant(tenantId))} to this one.`,
      resources,
      parts: [
        {
          key: 'shared',
          what: `Its part of the shared cost, which is ${inWords(whole)}`,
          counts: centsOfTenant(tenantId),
          label: labelOf(shared),
          next: { figure: { name: 'cogs', period, subject: { bucket: 'shared' } }, value: whole },
          resources: [],
        },
      ],
    }),
    ofAll: (): SideParts => ({
      how: `By ${by}, ${inWords(whole)} of shared cost are borne by ${shares.length} tenants; what they bear stands here with the sign turned, so that the total holds.`,
      resources,
      parts: shares.map(({ tenantId, label }) => {
        const tenant = tenantId ?? '';
        const value = centsOfTenant(tenant);
        return {
          key: tenant,
          what: `Borne by ${nameOf({ tenantId: tenant })}: ${weightInWords(tenant)}`,
          counts: negated(value),
          label,
          next: {
            figure: { name: 'cogs', period, subject: { tenantId: tenant, bucket: spreadBucket } },
            value,
          },
          resources: [],
        };
      }),
    }),
  };
}
