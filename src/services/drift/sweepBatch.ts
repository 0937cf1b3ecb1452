import { IsolationLevel } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { ResourceKind } from '../../domain/resourceKind.ts';
import type { Provider } from '../../providers/provider.ts';
import { differencesOf } from './differences.ts';
import { driftChanges } from './driftChanges.ts';
import { readSizes } from './recordSizes.ts';
import { planByKeys, planForSets } from './sweepPlans.ts';
import { readBilledCosts, readKindPage, readOpenDrift, readRulesInForce, readSwept } from './sweepReads.ts';
import { freshness, recordSweptKind, recordUnsweptKind, type UnknownKind } from './sweptKinds.ts';
import { type WrittenDrift, writeDifferences } from './writeDifferences.ts';

export interface SweepBatch {
  readonly provider: string;
  readonly kind: ResourceKind;
  /** The provider's id of the last resource of the batch before; null for the first. */
  readonly after: string | null;
  /** The most resources that are looked at. */
  readonly limit: number;
  /** How old the kind's last whole listing may be. */
  readonly maxAgeMinutes: number;
  /** The provider's list prices, where it publishes them. */
  readonly listPrice: Provider['listPrice'];
  readonly now: Date;
  readonly workflowId: string;
}

export interface SweptBatch extends WrittenDrift {
  /** Present where the kind can't be swept: nothing was concluded then. */
  readonly unknown: UnknownKind | null;
  /** Live resources that were looked at. */
  readonly resources: number;
  /** Where the next batch goes on; null after the last. */
  readonly after: string | null;
}

/**
 * Compares the next resources of a kind with what was asked for, in one transaction over one state of the database, with the same number
 * of statements whatever it finds. Where the kind's inventory is not fresh it changes nothing but the word on the kind. A second sweep
 * of the same inventory changes nothing. Where somebody resolves a drift meanwhile, it fails for the moment, and is to be tried again.
 */
export async function sweepBatch(em: EntityManager, batch: SweepBatch): Promise<SweptBatch> {
  const { provider, kind, now, workflowId } = batch;
  return em.transactional(
    async (transaction) => {
      await planByKeys(transaction);
      const start = { provider, kind, after: batch.after ?? '' };
      const page = await readKindPage(transaction, { ...start, limit: batch.limit });
      const { inventoryAt, unknown } = freshness(page.listing, batch);
      if (unknown !== null) {
        await recordUnsweptKind(transaction, { provider, kind, now, inventoryAt, ...unknown });
        return { ...nothing, unknown };
      }
      const range = { ...start, upTo: page.upTo ?? start.after };
      const sizes = await readSizes(transaction, provider);
      const differing = await readSwept(transaction, page.differing);
      const open = await readOpenDrift(transaction, range);
      const rules = await readRulesInForce(transaction, range, now);
      const billed = await readBilledCosts(transaction, provider, page.differing);
      const listPrice = (resource: Parameters<NonNullable<Provider['listPrice']>>[0]) =>
        batch.listPrice?.(resource, sizes) ?? null;
      const differences = differing.flatMap((resource) =>
        differencesOf(resource, listPrice, billed.get(resource.resourceId) ?? null),
      );
      const changes = driftChanges({ differences, open, rules, workflowId });
      await planForSets(transaction);
      const written = await writeDifferences(transaction, range, changes, { now, inventoryAt, workflowId });
      const after = page.resources === batch.limit ? page.upTo : null;
      if (after === null) await recordSweptKind(transaction, { provider, kind, now, inventoryAt });
      return { ...written, unknown: null, resources: page.live, after };
    },
    { isolationLevel: IsolationLevel.REPEATABLE_READ },
  );
}

const nothing = { opened: 0, changed: 0, stale: 0, ignored: 0, resources: 0, after: null };
