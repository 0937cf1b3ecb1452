import { patched, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { kindsBySpeed, type ResourceKind, type SyncSpeed } from '../domain/resourceKind.ts';
import { databaseActivities, heartbeatTimeout } from './activityOptions.ts';
import { failureCause } from './failureCause.ts';
import type { KindSyncResult, SyncInventoryInput, SyncInventoryResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';
import { startClosureCheck } from './startClosureCheck.ts';

/** A listing is tried a few times within the hour; after that its kind is unknown until the next run. */
const listing = proxyActivities<Activities>({
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout,
  retry: {
    initialInterval: '5 seconds',
    backoffCoefficient: 2,
    maximumInterval: '1 minute',
    maximumAttempts: 5,
  },
});

/** What runs that began before apps and networks were listed replay with. */
const earlierKinds: Readonly<Record<SyncSpeed, readonly ResourceKind[]>> = {
  fast: ['droplet', 'volume', 'reserved_ip', 'load_balancer'],
  full: ['database', 'kubernetes_cluster', 'domain'],
  slow: ['snapshot', 'backup', 'spaces_bucket'],
};

/**
 * Lists every kind of one speed and records what is there. A kind whose listing fails or comes partial is marked unknown, and
 * nothing of it is taken as gone; the others go on. At the end, stored cost lines meet the resources that were found, and of each period
 * of which a line did, or came to another owner, a check that its books close is started.
 */
export async function syncInventory(input: SyncInventoryInput): Promise<SyncInventoryResult> {
  const startedAt = new Date().toISOString();
  const kinds = patched('apps-and-networks') ? kindsBySpeed[input.speed] : earlierKinds[input.speed];
  enterPhase('listing', `Listing ${kinds.join(', ')}`);
  const results: KindSyncResult[] = await Promise.all([
    ...kinds.map((kind) =>
      syncOrMarkUnknown(kind, () =>
        listing.syncKind.executeWithOptions({ summary: `List ${kind}` }, [
          { provider: input.provider, kind, listedAt: startedAt },
        ]),
      ),
    ),
    ...(input.speed === 'full'
      ? [
          syncOrMarkUnknown('project', () =>
            listing.syncProjects({ provider: input.provider, listedAt: startedAt }),
          ),
        ]
      : []),
  ]);

  enterPhase('attributing', 'Matching stored cost lines with what was found');
  const reattributed = await databaseActivities.reattributeLines({
    provider: input.provider,
  });
  // What the projects' listing moves meets no other resource.
  if (patched('closure-of-moves') || (reattributed > 0 && patched('check-closure'))) {
    const moved = { provider: input.provider, since: startedAt };
    for (const period of await databaseActivities.listReattributedPeriods(moved)) {
      await startClosureCheck(period);
    }
  }

  enterPhase('done', results.map(describe).join('\n'));
  const unknown = results.filter((result) => result.state === 'unknown');
  if (unknown.length > 0) reportProblem('kind_unknown', results.map(describe).join('\n'));
  return { speed: input.speed, kinds: results, reattributed };

  async function syncOrMarkUnknown(
    kind: string,
    sync: () => Promise<KindSyncResult>,
  ): Promise<KindSyncResult> {
    try {
      return await sync();
    } catch (error) {
      const { code, message } = failureCause(error);
      return databaseActivities.markKindUnknown({
        provider: input.provider,
        kind,
        attemptedAt: startedAt,
        code,
        message,
      });
    }
  }
}

function describe(result: KindSyncResult): string {
  return result.state === 'unknown'
    ? `${result.kind}: unknown (${result.problem}); nothing of it is taken as gone`
    : `${result.kind}: ${result.live} live, ${result.discovered} new, ${result.changed} changed, ${result.gone} gone`;
}
