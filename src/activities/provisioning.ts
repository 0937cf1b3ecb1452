import { setTimeout as delay } from 'node:timers/promises';
import { activityInfo, cancellationSignal } from '@temporalio/activity';
import { ArcadiaError } from '../domain/errors.ts';
import type { WantedResource } from '../domain/templates/plannedItem.ts';
import type { ProviderOperations, ProviderResource } from '../providers/provider.ts';
import { ProviderError } from '../providers/providerErrors.ts';
import { beginDecommission, deploymentsToDecommission } from '../services/provisioning/beginDecommission.ts';
import { type BegunProvisioning, beginProvisioning } from '../services/provisioning/beginProvisioning.ts';
import {
  isInventoryKind,
  noteItemCreated,
  prepareItem,
  readItemAtProvider,
  requireCreating,
} from '../services/provisioning/provisionedItems.ts';
import type { ProvisioningRequest } from '../services/provisioning/provisioningRequest.ts';
import { leaveItem, recordItem, recordItemGone } from '../services/provisioning/recordItem.ts';
import { changeRun, type RunChange } from '../services/provisioning/runStates.ts';
import { systemSession } from '../session.ts';
import type { PlannedDecommission, ProvisionDeploymentInput } from '../workflows/provisioningMessages.ts';
import type { OperatorRequest } from '../workflows/rollUpMessages.ts';
import { type ActivityDependencies, providerNamed, systemEntityManager } from './dependencies.ts';
import { reportProgress } from './keepAlive.ts';
import { toDecision } from './operatorDecision.ts';

/**
 * Why an item can't be made or destroyed: `identity_ambiguous` (several things wear its identity), `identity_lost` (what was made wears it
 * no longer), `item_gone` (it was there and isn't), `volume_attached` (passes once its droplet is gone), `provider_read_only`.
 */
export class ItemFailed extends ArcadiaError {}

/** Templates are in the words of this provider. */
const templateProvider = 'digitalocean';

/**
 * A creation that waits longer than this, for the request limiter say, is given up: shorter than the heartbeat time-out and the settle time
 * together, so that nothing is asked for after the run has looked again for a worker that it took for dead.
 */
const askWithinMs = 60_000;

/** An item in hand, and who has it made or destroyed. */
export interface ItemInput {
  readonly itemId: string;
  readonly request: OperatorRequest;
}

export function createProvisioningActivities(dependencies: ActivityDependencies) {
  const em = () => systemEntityManager(dependencies);

  return {
    /** Writes down what is to be created. @throws Conflict where the deployment can't have it now */
    async planProvisioning(
      input: Pick<ProvisionDeploymentInput, 'deploymentId' | 'template' | 'parameters' | 'request'> & {
        runId: string;
      },
    ): Promise<BegunProvisioning> {
      const { request, ...wanted } = input;
      return beginProvisioning(em(), { ...wanted, provider: templateProvider }, asked(request));
    },

    /** Fills in what other items gave rise to. After that the item can be looked for. */
    async prepareItem(input: { itemId: string }): Promise<void> {
      await prepareItem(em(), input.itemId);
    },

    /**
     * Looks for an item by its identity, and notes it as created where it is there.
     * @returns whether it is
     * @throws ItemFailed `identity_ambiguous`
     */
    async adoptItem(input: { itemId: string }): Promise<boolean> {
      const { operations, wanted, kind } = await atProvider(input.itemId);
      const found = await findAll(operations, wanted);
      const [externalId] = found;
      if (externalId === undefined) return false;
      if (found.length > 1) throw ambiguous(kind, wanted, found);
      await noteItemCreated(em(), { itemId: input.itemId, externalId, now: new Date() });
      return true;
    },

    /**
     * Asks the provider for the item, once. It is let finish even where the run is cancelled meanwhile: what is known to be there needs
     * no waiting for.
     */
    async createItem(input: { itemId: string }): Promise<void> {
      const { operations, wanted } = await atProvider(input.itemId);
      await requireCreating(em(), input.itemId);
      const { externalId } = await operations.create(wanted, AbortSignal.timeout(askWithinMs));
      await noteItemCreated(em(), { itemId: input.itemId, externalId, now: new Date() });
    },

    /**
     * Waits until the item runs, takes it into the inventory, records what it is to be, and attaches it to its deployment.
     * @throws ItemFailed `item_gone`
     */
    async completeItem(input: ItemInput & { pollMs: number }): Promise<void> {
      const { operations, kind, externalId } = await atProvider(input.itemId);
      if (!isInventoryKind(kind) || externalId === null) return;
      for (let looks = 0; ; looks += 1) {
        const readAt = new Date();
        const resource = await operations.read(kind, externalId, cancellationSignal());
        if (resource === null) {
          throw new ItemFailed('item_gone', `${kind} ${externalId} is gone before it ever ran`, {
            context: { kind, external_id: externalId },
          });
        }
        if (runs(resource)) {
          await recordItem(em(), input.itemId, { resource, readAt }, asked(input.request));
          return;
        }
        reportProgress({ status: resource.status });
        await wait(looks, input.pollMs);
      }
    },

    /** @throws ItemFailed `identity_ambiguous`, `item_gone` where the item does not exist exactly once */
    async verifyItem(input: { itemId: string }): Promise<void> {
      const { operations, wanted, kind, externalId } = await atProvider(input.itemId);
      const found = await findAll(operations, wanted);
      if (found.length > 1) throw ambiguous(kind, wanted, found);
      if (found[0] === externalId) return;
      throw new ItemFailed('item_gone', `${kind} ${externalId} is not what wears ${wanted.tag}`, {
        context: { kind, external_id: externalId, found },
      });
    },

    /**
     * Destroys what an item's identity finds. `all`: however many there are, since only the run itself can have made them; else exactly
     * the one that was recorded.
     * @returns the ids of what was found, and of what was recorded and is gone
     * @throws ItemFailed `identity_lost`, `identity_ambiguous`; ProviderError where the provider refuses
     */
    async destroyItem(input: {
      itemId: string;
      all: boolean;
    }): Promise<{ found: string[]; known: string[] }> {
      const { operations, wanted, kind, externalId } = await atProvider(input.itemId);
      const found = await findAll(operations, wanted);
      if (found.length > 1 && !input.all) throw ambiguous(kind, wanted, found);
      await refuseStranger(operations, { kind, wanted, externalId, found });
      for (const id of found) {
        reportProgress({ destroying: id });
        if (kind === 'volume') await refuseAttached(operations, id);
        await operations.destroy(kind, id, cancellationSignal());
      }
      return { found, known: [...new Set([...(externalId === null ? [] : [externalId]), ...found])] };
    },

    /** Waits until nothing is left of what was destroyed. */
    async awaitItemGone(input: {
      itemId: string;
      externalIds: readonly string[];
      pollMs: number;
    }): Promise<void> {
      const { operations, wanted, kind } = await atProvider(input.itemId);
      for (let looks = 0; ; looks += 1) {
        const found = await findAll(operations, wanted);
        const isGone = await Promise.all(
          input.externalIds.map(
            async (id) =>
              !found.includes(id) &&
              (!isInventoryKind(kind) || (await operations.read(kind, id, cancellationSignal())) === null),
          ),
        );
        if (isGone.every(Boolean)) return;
        reportProgress({ waits_for: input.externalIds });
        await wait(looks, input.pollMs);
      }
    },

    /** @param input.detachedAt null where the item never counts for the deployment */
    async recordItemGone(
      input: ItemInput & { externalIds: readonly string[]; goneAt: string; detachedAt: string | null },
    ): Promise<void> {
      const { itemId, externalIds, goneAt, detachedAt, request } = input;
      await recordItemGone(
        em(),
        {
          itemId,
          externalIds,
          readAt: new Date(goneAt),
          detachedAt: detachedAt === null ? null : new Date(detachedAt),
        },
        asked(request),
      );
    },

    async leaveItem(input: ItemInput): Promise<void> {
      await leaveItem(em(), input.itemId, asked(input.request));
    },

    async changeProvisioningRun(input: RunChange & { request: OperatorRequest }): Promise<void> {
      const { request, ...change } = input;
      await changeRun(em(), change, asked(request));
    },

    /** Writes down that a deployment is to be taken apart. @throws Conflict where it can't be now */
    async planDecommission(input: {
      deploymentId: string;
      runId: string;
      notBefore: string;
      request: OperatorRequest;
    }): Promise<PlannedDecommission> {
      const { deploymentId, runId, notBefore, request } = input;
      const wanted = { deploymentId, runId, notBefore: new Date(notBefore) };
      const begun = await beginDecommission(em(), wanted, asked(request));
      return { ...begun, notBefore: begun.notBefore.toISOString() };
    },

    /** Cancelled deployments whose decommission nobody began. */
    async missedDecommissions(input: { after: string | null; limit: number }): Promise<string[]> {
      return deploymentsToDecommission(em(), input);
    },
  };

  async function atProvider(itemId: string) {
    const item = await readItemAtProvider(em(), itemId);
    const { operations } = providerNamed(dependencies, item.provider);
    if (operations === undefined) {
      throw new ItemFailed('provider_read_only', `the provider "${item.provider}" is only read`);
    }
    return { ...item, operations };
  }
}

/** Between two looks: short at first, since most things take no time. */
async function wait(looks: number, longestMs: number): Promise<void> {
  await delay(Math.min(longestMs, 250 * 2 ** looks), undefined, { signal: cancellationSignal() });
}

/** The operator's request as the services take it, at this moment and in this process. */
function asked(request: OperatorRequest): ProvisioningRequest {
  const workflowId = activityInfo().workflowExecution?.workflowId ?? '';
  const now = new Date();
  const { actor, ...rest } = toDecision(request);
  return { ...rest, actor: actor.role === 'system' ? systemSession : actor, now, workflowId };
}

/** The ids of all that wears the identity. Where not even the domain of a record is there, nothing is. */
async function findAll(operations: ProviderOperations, wanted: WantedResource): Promise<string[]> {
  try {
    const found = await operations.find(wanted, cancellationSignal());
    return found.map(({ externalId }) => externalId);
  } catch (error) {
    if (error instanceof ProviderError && error.code === 'provider_not_found') return [];
    throw error;
  }
}

/** Kinds that say nothing of their state are there at once. */
function runs({ kind, status, attributes }: ProviderResource): boolean {
  if (kind === 'load_balancer')
    return status === 'active' && typeof attributes['ip'] === 'string' && attributes['ip'] !== '';
  return status === null || status === 'active';
}

/** The provider destroys no volume that a droplet has; one whose droplet was just destroyed is let go of in a moment. */
async function refuseAttached(operations: ProviderOperations, volumeId: string): Promise<void> {
  const volume = await operations.read('volume', volumeId, cancellationSignal());
  const dropletIds = volume?.attributes['droplet_ids'];
  if (!Array.isArray(dropletIds) || dropletIds.length === 0) return;
  throw new ItemFailed(
    'volume_attached',
    `the volume ${volumeId} is attached to droplet ${dropletIds.join(', ')}`,
    {
      retryable: true,
      context: { volume_id: volumeId, droplet_ids: dropletIds },
    },
  );
}

/** What was recorded has to wear its identity still, or be gone: what an operator took it from is no longer ours to destroy. */
async function refuseStranger(
  operations: ProviderOperations,
  item: {
    readonly kind: WantedResource['kind'];
    readonly wanted: WantedResource;
    readonly externalId: string | null;
    readonly found: readonly string[];
  },
): Promise<void> {
  const { kind, wanted, externalId, found } = item;
  if (externalId === null || found.includes(externalId) || !isInventoryKind(kind)) return;
  if ((await operations.read(kind, externalId, cancellationSignal())) === null) return;
  throw new ItemFailed(
    'identity_lost',
    `${kind} ${externalId} no longer wears ${wanted.tag}, by which it is known to be this deployment's: it is not destroyed`,
    { context: { kind, external_id: externalId, tag: wanted.tag } },
  );
}

const ambiguous = (kind: string, wanted: WantedResource, found: readonly string[]) =>
  new ItemFailed(
    'identity_ambiguous',
    `${found.length} of kind ${kind} wear ${wanted.tag}, where at most one may: ${found.join(', ')}`,
    { context: { kind, tag: wanted.tag, found: [...found] } },
  );
