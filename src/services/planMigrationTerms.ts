import type { EntityManager } from '@mikro-orm/postgresql';
import { type Day, dayOf } from '../domain/calendar.ts';
import { Unprocessable } from '../domain/errors.ts';
import { meterKinds } from '../domain/meters.ts';
import { Decimal } from '../domain/money.ts';
import type { PlanTerms } from '../domain/planTerms.ts';
import type { PlanVersion } from '../entities/planVersion.ts';
import { findPlanVersion, type VersionWithItems } from './listCatalog.ts';

/** A move of subscribers, as it is asked for. */
export interface WantedMigration {
  readonly planCode: string;
  readonly fromVersion: number;
  readonly toVersion: number;
  /** The first day on the new version; today where it is absent. */
  readonly effectiveOn?: Day | undefined;
}

/** A move that can be made. */
export interface PlannedMigration {
  readonly planCode: string;
  readonly from: { readonly id: string; readonly terms: PlanTerms };
  readonly to: { readonly id: string; readonly terms: PlanTerms };
  readonly effectiveOn: Day;
}

/**
 * Checks a move: two published versions of one plan, in one currency, from today on.
 * @throws Unprocessable `effective_on_past`, `unknown_version`, `same_version`, `version_not_published`, `currency_mismatch`
 */
export async function planMigration(
  em: EntityManager,
  { planCode, fromVersion, toVersion, effectiveOn }: WantedMigration,
  now: Date,
): Promise<PlannedMigration> {
  const today = dayOf(now.toISOString());
  if (effectiveOn !== undefined && effectiveOn < today) {
    throw new Unprocessable(
      'effective_on_past',
      `effective_on ${effectiveOn} is before today, ${today}: what is past stays on its version`,
      { field: 'effective_on' },
    );
  }
  if (fromVersion === toVersion) {
    throw new Unprocessable('same_version', `from_version and to_version are both ${toVersion}`, {
      field: 'to_version',
    });
  }
  const from = await findVersion(em, planCode, fromVersion, 'from_version');
  const to = await findVersion(em, planCode, toVersion, 'to_version');
  if (to.version.status === 'draft') {
    throw new Unprocessable('version_not_published', `version ${toVersion} is a draft: publish it first`, {
      field: 'to_version',
    });
  }
  if (from.version.currency !== to.version.currency) {
    throw new Unprocessable(
      'currency_mismatch',
      `version ${fromVersion} is priced in ${from.version.currency} and version ${toVersion} in ${to.version.currency}`,
      { field: 'to_version' },
    );
  }
  return {
    planCode,
    from: { id: from.version.id, terms: toPlanTerms(planCode, from) },
    to: { id: to.version.id, terms: toPlanTerms(planCode, to) },
    effectiveOn: effectiveOn ?? today,
  };
}

async function findVersion(em: EntityManager, planCode: string, version: number, field: string) {
  const found = await findPlanVersion(em, planCode, version);
  if (found !== null) return found;
  throw new Unprocessable('unknown_version', `the plan "${planCode}" has no version ${version}`, { field });
}

function toPlanTerms(
  planCode: string,
  { version, items }: { readonly version: PlanVersion; readonly items: VersionWithItems['items'] },
): PlanTerms {
  return {
    planCode,
    version: version.version,
    currency: version.currency,
    basePriceCents: version.basePriceCents,
    items: items.map((item) => ({
      resourceKind: item.resourceKind,
      includedQty: new Decimal(item.includedQty).toFixed(),
      overageUnit: meterKinds[item.resourceKind].overageUnit,
      overagePriceCents: new Decimal(item.overagePriceCents).toFixed(),
      hardCapQty: item.hardCapQty == null ? null : new Decimal(item.hardCapQty).toFixed(),
    })),
  };
}
