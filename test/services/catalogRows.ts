import { randomUUID } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Addon } from '../../src/entities/addon.ts';
import { Plan } from '../../src/entities/plan.ts';
import { PlanVersion } from '../../src/entities/planVersion.ts';

const at = new Date('2026-01-01T00:00:00Z');

/** A plan whose first version is for sale. @returns the version's id */
export async function addPlan(
  em: EntityManager,
  code: string,
  terms: { readonly basePriceCents?: number; readonly currency?: string } = {},
): Promise<string> {
  const plan = randomUUID();
  await em.insert(Plan, { id: plan, code, name: code.toUpperCase(), createdAt: at });
  return addVersion(em, plan, 1, terms);
}

/** The next version of a plan, for sale instead of the one before. @returns the version's id */
export async function publishVersion(
  em: EntityManager,
  code: string,
  terms: { readonly basePriceCents?: number; readonly currency?: string } = {},
): Promise<string> {
  const plan = await em.findOneOrFail(Plan, { code });
  await em.nativeUpdate(
    PlanVersion,
    { plan: plan.id, status: 'active' },
    { status: 'retired', retiredAt: at },
  );
  const versions = await em.count(PlanVersion, { plan: plan.id });
  return addVersion(em, plan.id, versions + 1, terms);
}

async function addVersion(
  em: EntityManager,
  plan: string,
  version: number,
  {
    basePriceCents = 5000,
    currency = 'AUD',
  }: { readonly basePriceCents?: number; readonly currency?: string },
): Promise<string> {
  const id = randomUUID();
  await em.insert(PlanVersion, {
    id,
    plan,
    version,
    basePriceCents,
    currency,
    status: 'active',
    createdAt: at,
    publishedAt: at,
  });
  return id;
}

/** 50 GB of Spaces. */
export async function addAddon(
  em: EntityManager,
  code: string,
  terms: { readonly priceCents?: number; readonly currency?: string } = {},
): Promise<void> {
  await em.insert(Addon, {
    code,
    resourceKind: 'spaces_gb_month',
    qty: '50',
    priceCents: terms.priceCents ?? 750,
    currency: terms.currency ?? 'AUD',
    createdAt: at,
  });
}
