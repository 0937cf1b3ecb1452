import { randomUUID } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { addDroplet, buildDroplet } from '../../dev/simulator/droplets.ts';
import type { Simulator } from '../../dev/simulator/simulator.ts';
import { addVolume } from '../../dev/simulator/volumes.ts';
import { liveValue } from '../../src/domain/drift/liveValues.ts';
import type { JsonValue } from '../../src/domain/errors.ts';
import type { ResourceKind } from '../../src/domain/resourceKind.ts';
import { CloudDrift } from '../../src/entities/cloudDrift.ts';
import { CloudDriftRevert } from '../../src/entities/cloudDriftRevert.ts';
import { recordProvisioned } from '../../src/services/drift/recordProvisioned.ts';
import { recordRead } from '../../src/services/recordRead.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import {
  type PlannedRevert,
  type RevertDriftInput,
  type RevertDriftResult,
  type RevertTimes,
  type RevertUpdateResult,
  revertMessages,
} from '../../src/workflows/revertMessages.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { admin } from '../services/invoiceWorld.ts';
import { until } from '../support/killableWait.ts';
import { simulatedProvider } from '../support/simulator.ts';

/** Quick enough for tests, with room for a busy machine. */
export const quickTimes: RevertTimes = {
  pollMs: 200,
  stepMs: 5_000,
  undoMs: 15_000,
  shutdownMs: 1_000,
  settleMs: 600,
};

/** What a test reverts: one field of a resource of its own. */
export interface Drifted {
  readonly driftId: string;
  readonly resourceId: string;
  readonly kind: ResourceKind;
  readonly externalId: string;
  readonly field: string;
  readonly desired: JsonValue;
}

export interface RevertRun {
  readonly revertId: string;
  readonly handle: WorkflowHandle;
  approve(reason?: string): Promise<RevertUpdateResult>;
  cancel(reason?: string): Promise<RevertUpdateResult>;
  result(): Promise<RevertDriftResult>;
}

export const operator = { subject: 'olga', role: 'platform_admin', reason: 'as it was asked for' } as const;

/** Drift made behind the service's back in a simulator, and its reverts, over a database and a Temporal server. */
export function revertWorld(parts: { simulator: Simulator; em: () => EntityManager; client: Client }) {
  const { simulator, em, client } = parts;
  const { account } = simulator.state;
  const provider = simulatedProvider(simulator);

  /** A droplet of its own, with nothing remarkable but what is given. */
  function droplet(
    facts: { size?: string; disk?: number; tags?: readonly string[]; status?: 'active' | 'off' } = {},
  ) {
    simulator.state.nextId += 1;
    const size = account.sizes.find(({ slug }) => slug === (facts.size ?? 's-1vcpu-2gb'));
    const region = account.regions.find(({ slug }) => slug === 'syd1');
    const [image] = account.images;
    if (size === undefined || region === undefined || image === undefined) throw new Error('no such droplet');
    const made = buildDroplet({
      id: simulator.state.nextId,
      name: `web-${simulator.state.nextId}`,
      size,
      region,
      image,
      createdAt: '2026-01-01T00:00:00Z',
      status: facts.status ?? 'active',
      tags: facts.tags ?? [],
    });
    made.disk = facts.disk ?? 25;
    addDroplet(account, made);
    return made;
  }

  function volume(sizeGigabytes: number) {
    return addVolume(account, {
      name: `v-${randomUUID()}`,
      region: 'syd1',
      size_gigabytes: sizeGigabytes,
    });
  }

  function firewall(dropletIds: readonly number[]) {
    const [pattern] = account.firewalls;
    if (pattern === undefined) throw new Error('the account has no firewall');
    const made = {
      ...pattern,
      id: randomUUID(),
      name: 'members',
      status: 'succeeded' as const,
      pending_changes: [],
      droplet_ids: [...dropletIds],
      tags: [],
    };
    account.firewalls.push(made);
    return made;
  }

  /** Reads a resource into the inventory, asks for another value of one of its fields, and opens the drift. */
  async function drift(
    kind: ResourceKind,
    externalId: string | number,
    field: string,
    desired: JsonValue,
  ): Promise<Drifted> {
    const id = String(externalId);
    const resource = (await provider.operations?.read(kind, id)) ?? null;
    const resourceId = await recordRead(em(), {
      provider: provider.name,
      kind,
      externalId: id,
      resource,
      readAt: new Date(),
    });
    if (resourceId === null || resource === null) throw new Error(`the simulator has no ${kind} ${id}`);
    const actual = liveValue(resource, field);
    await recordProvisioned(
      em(),
      { resourceId, spec: { [field]: desired } },
      { actor: admin, now: new Date(), reason: 'test' },
    );
    const [row] = await em().execute<{ id: string }[]>(
      `insert into cloud_drift (resource_id, provider, kind, type, field, desired, actual, spec_version, currency, detected_at, last_seen_at)
       values (?, ?, ?, 'field', ?, ?::jsonb, ?::jsonb, 1, 'USD', now(), now()) returning id`,
      [resourceId, provider.name, kind, field, JSON.stringify(desired), JSON.stringify(actual)],
    );
    if (row === undefined) throw new Error('no drift was written');
    return { driftId: row.id, resourceId, kind, externalId: id, field, desired };
  }

  /** Starts a revert, as the API does, and waits for its plan. */
  async function plan(drifted: Drifted, options: Partial<RevertDriftInput> = {}): Promise<RevertRun> {
    const { driftId, resourceId } = drifted;
    const handle = await client.workflow.start('revertDrift', {
      workflowId: workflowIds.revertDrift(resourceId),
      taskQueue: taskQueues.provisioning,
      args: [{ driftId, resourceId, request: operator, times: quickTimes, ...options }],
    });
    const { revertId } = await handle.executeUpdate<PlannedRevert, []>(revertMessages.planUpdate, {
      args: [],
    });
    const update =
      (name: string) =>
      (reason = 'go') =>
        handle.executeUpdate<RevertUpdateResult, [{ revertId: string; request: typeof operator }]>(name, {
          args: [{ revertId, request: { ...operator, reason } as typeof operator }],
        });
    return {
      revertId,
      handle,
      approve: update(revertMessages.approveUpdate),
      cancel: update(revertMessages.cancelUpdate),
      result: () => handle.result() as Promise<RevertDriftResult>,
    };
  }

  return {
    simulator,
    provider,
    droplet,
    volume,
    firewall,
    drift,
    plan,
    driftRow: (id: string) => em().findOneOrFail(CloudDrift, { id }),
    revertRow: (id: string) => em().findOneOrFail(CloudDriftRevert, { id }),
    actionsOf: (externalId: string) =>
      simulator.state.actions.filter((action) => action.resourceId === externalId),
    /** Waits until an action of this type is in progress on a resource. */
    untilRunning: (externalId: string, type: string) =>
      until(`${type} runs on ${externalId}`, async () =>
        simulator.state.actions.some(
          (action) =>
            action.resourceId === externalId && action.type === type && action.status === 'in-progress',
        )
          ? true
          : undefined,
      ),
  };
}
export type RevertWorld = ReturnType<typeof revertWorld>;
