import { continueAsNew, proxyActivities, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { type ResourceKind, resourceKinds } from '../domain/resourceKind.ts';
import { databaseActivities, heartbeatTimeout } from './activityOptions.ts';
import { failureCause } from './failureCause.ts';
import type { SweepDriftInput, SweepDriftResult, SweptKindResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';

/** Prices of an hour ago do for another hour. */
const sizeList = proxyActivities<Activities>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout,
  retry: {
    initialInterval: '5 seconds',
    backoffCoefficient: 2,
    maximumInterval: '30 seconds',
    maximumAttempts: 3,
  },
});

const resourcesAtOnce = 5_000;
/** The listing of an hour before is still good while the one of this hour runs. */
const freshForMinutes = 90;

/**
 * Compares everything of a provider with what was asked for, kind by kind and some thousand resources at a time. A kind whose inventory
 * is not whole, or too old, is unknown: nothing of it is taken for missing, nothing opens and nothing closes, and the others go on.
 */
export async function sweepDrift(input: SweepDriftInput): Promise<SweepDriftResult> {
  const { provider, batchSize = resourcesAtOnce, maxAgeMinutes = freshForMinutes } = input;
  const sizes = input.carried?.result.sizes ?? (await refreshSizes(provider));
  const kinds: SweptKindResult[] = [...(input.carried?.result.kinds ?? [])];
  const current = input.carried?.current;
  enterPhase('sweeping', describe({ sizes, kinds }).join('\n'));
  const left = resourceKinds.filter((kind) => !kinds.some((swept) => swept.kind === kind));
  for (const kind of left) {
    let swept: SweptKindResult = current?.kind === kind ? current.swept : untouched(kind);
    let after = current?.kind === kind ? current.after : null;
    do {
      if (workflowInfo().continueAsNewSuggested) {
        const carried = { result: { sizes, kinds }, current: { kind, swept, after } };
        await continueAsNew<typeof sweepDrift>({ ...input, carried });
      }
      const batch = await databaseActivities.sweepDriftBatch.executeWithOptions(
        { summary: `Sweep ${kind}${after === null ? '' : ` after ${after}`}` },
        [{ provider, kind, after, limit: batchSize, maxAgeMinutes }],
      );
      swept = addBatch(swept, batch);
      after = batch.after;
      setCurrentDetails(describe({ sizes, kinds: [...kinds, swept] }).join('\n'));
    } while (after !== null);
    kinds.push(swept);
  }

  const result = { sizes, kinds };
  enterPhase('done', describe(result).join('\n'));
  if (kinds.some((swept) => swept.state === 'unknown')) {
    reportProblem('kind_unknown', describe(result).join('\n'));
  } else if (sizes.problem !== null) {
    reportProblem(sizes.problem, describe(result).join('\n'));
  }
  return result;
}

async function refreshSizes(provider: string): Promise<SweepDriftResult['sizes']> {
  enterPhase('pricing', `Reading the sizes that ${provider} sells`);
  try {
    return { listed: await sizeList.refreshSizes({ provider }), problem: null };
  } catch (error) {
    return { listed: null, problem: failureCause(error).code };
  }
}

function untouched(kind: ResourceKind): SweptKindResult {
  return {
    kind,
    state: 'swept',
    resources: 0,
    opened: 0,
    changed: 0,
    stale: 0,
    ignored: 0,
    problem: null,
    reason: null,
  };
}

function addBatch(
  swept: SweptKindResult,
  batch: Awaited<ReturnType<Activities['sweepDriftBatch']>>,
): SweptKindResult {
  return {
    kind: swept.kind,
    state: batch.unknown === null ? 'swept' : 'unknown',
    resources: swept.resources + batch.resources,
    opened: swept.opened + batch.opened,
    changed: swept.changed + batch.changed,
    stale: swept.stale + batch.stale,
    ignored: swept.ignored + batch.ignored,
    problem: batch.unknown?.code ?? null,
    reason: batch.unknown?.message ?? null,
  };
}

function describe({ sizes, kinds }: SweepDriftResult): string[] {
  const prices =
    sizes.problem === null ? [] : [`sizes: those of an earlier sweep (${sizes.problem}); prices may be old`];
  return [...prices, ...kinds.map(describeKind)];
}

function describeKind(swept: SweptKindResult): string {
  return swept.state === 'unknown'
    ? `${swept.kind}: unknown (${swept.problem}: ${swept.reason}); nothing was concluded of it`
    : `${swept.kind}: ${swept.resources} live; drift: ${swept.opened} new, ${swept.changed} changed, ${swept.stale} stale, ${swept.ignored} ignored`;
}
