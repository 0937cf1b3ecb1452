import { activityInfo, cancellationSignal } from '@temporalio/activity';
import type { ResourceKind } from '../domain/resourceKind.ts';
import { recordProjects } from '../services/applyProjects.ts';
import { reattributeCostLines } from '../services/matchCostLines.ts';
import { missingFromListing, recordInventory, recordUnknownKind } from '../services/recordInventory.ts';
import type { KindSyncResult } from '../workflows/messages.ts';
import { type ActivityDependencies, providerNamed, systemEntityManager } from './dependencies.ts';
import { reportProgress } from './keepAlive.ts';

export function createInventoryActivities(dependencies: ActivityDependencies) {
  return {
    /**
     * Lists one kind whole and records it. Where a resource that we know is absent, the kind is listed once more: pages shift while
     * things are created and deleted, and only what is absent twice is gone.
     */
    async syncKind(input: {
      provider: string;
      kind: ResourceKind;
      listedAt: string;
    }): Promise<KindSyncResult> {
      const provider = providerNamed(dependencies, input.provider);
      const em = systemEntityManager(dependencies);
      const signal = cancellationSignal();
      const listed = await provider.resources(input.kind, signal);
      reportProgress({ listed: listed.length });
      const missing = await missingFromListing(em, {
        provider: input.provider,
        kind: input.kind,
        externalIds: listed.map((resource) => resource.externalId),
      });
      const again = missing.length === 0 ? [] : await provider.resources(input.kind, signal);
      const known = new Set(listed.map((resource) => resource.externalId));
      const change = await recordInventory(em, {
        provider: input.provider,
        kind: input.kind,
        listedAt: new Date(input.listedAt),
        resources: [...listed, ...again.filter((resource) => !known.has(resource.externalId))],
      });
      return { kind: input.kind, state: 'fresh', ...change, problem: null };
    },

    async syncProjects(input: { provider: string; listedAt: string }): Promise<KindSyncResult> {
      const projects = await providerNamed(dependencies, input.provider).projects(cancellationSignal());
      reportProgress({ listed: projects.length });
      const { live, gone } = await recordProjects(systemEntityManager(dependencies), {
        provider: input.provider,
        listedAt: new Date(input.listedAt),
        projects,
      });
      return { kind: 'project', state: 'fresh', live, discovered: 0, changed: 0, gone, problem: null };
    },

    async markKindUnknown(input: {
      provider: string;
      kind: string;
      attemptedAt: string;
      code: string;
      message: string;
    }): Promise<KindSyncResult> {
      await recordUnknownKind(systemEntityManager(dependencies), {
        ...input,
        attemptedAt: new Date(input.attemptedAt),
      });
      return {
        kind: input.kind,
        state: 'unknown',
        live: 0,
        discovered: 0,
        changed: 0,
        gone: 0,
        problem: input.code,
      };
    },

    /** @returns how many cost lines moved because of what was found since */
    async reattributeLines(input: { provider: string }): Promise<number> {
      return reattributeCostLines(systemEntityManager(dependencies), {
        provider: input.provider,
        now: new Date(),
        cause: activityInfo().workflowExecution?.workflowId ?? 'inventory',
      });
    },
  };
}
