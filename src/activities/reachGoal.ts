import { Context } from '@temporalio/activity';
import type { RevertOperation } from '../domain/drift/revertPlan.ts';
import { ArcadiaError } from '../domain/errors.ts';
import type { ResourceKind } from '../domain/resourceKind.ts';
import type {
  ActionRequest,
  ActionTarget,
  ProviderAction,
  ProviderOperations,
  ProviderResource,
} from '../providers/provider.ts';
import { ProviderError } from '../providers/providerErrors.ts';
import type { RevertTimes } from '../workflows/revertMessages.ts';
import { reportProgress } from './keepAlive.ts';

/**
 * Why a step can't succeed: `resource_gone`; `action_failed`, says the provider; `step_without_effect`, says the provider that it is
 * done, and it isn't; `step_timed_out`; `step_not_possible`, for a kind that takes no such action.
 */
export class StepFailed extends ArcadiaError {}

export interface Goal {
  readonly operations: ProviderOperations;
  readonly kind: ResourceKind;
  readonly externalId: string;
  readonly operation: RevertOperation;
  readonly times: Pick<RevertTimes, 'pollMs' | 'shutdownMs' | 'settleMs'>;
  /** When to give up, in milliseconds since 1970. */
  readonly deadline: number;
  /** Whether an earlier attempt of the same activity may have asked for it already. */
  readonly isRetry: boolean;
  /** Whether something that was asked for before may still be on its way, with nothing to see of it yet. */
  readonly isUncertain: boolean;
}

/** What this attempt asked for; without an id where the provider does it at once. */
interface Asked {
  readonly type: string;
  readonly id: string | null;
  readonly at: number;
}

/**
 * Brings a resource to where an operation leads, and comes back once it is seen to be there. What happens to the resource at the moment
 * is waited for first; then it may be there already, since an earlier attempt asked and only the answer was lost. So it can begin again
 * from any point, and asks for the same thing twice only where the first time had no effect.
 * @throws StepFailed, or ProviderError `provider_rejected`, where trying again does not help
 */
export async function reachGoal(goal: Goal): Promise<void> {
  const { operations, kind, externalId, operation, times } = goal;
  const { cancellationSignal: signal } = Context.current();
  const target = actionTarget(kind, externalId);
  const types = actionTypes(operation);
  let asked: Asked | undefined;
  let rejected: ProviderError | undefined;
  let isPowerCut = false;
  let looksAgain = goal.isUncertain;
  /** Until when the provider may still be about to show what it has done. */
  let settlesAt: number | undefined;

  for (;;) {
    const actions = target === null ? [] : await operations.actions(target, signal);
    const running = actions.find(({ status }) => status === 'in_progress');
    if (running !== undefined) {
      [settlesAt, rejected] = [undefined, undefined];
      if (asked?.type === 'shutdown' && !isPowerCut && Date.now() > asked.at + times.shutdownMs) {
        isPowerCut = true;
        await ask({ type: 'power_off' });
      }
      await pause(`waits for ${running.type} (action ${running.id})`);
      continue;
    }
    const live = await readMoved(goal, signal);
    if (isReached(operation, live)) {
      if (!looksAgain) return;
      looksAgain = false;
      await pause('is there, and may yet be moved by what was asked for before', times.settleMs);
      continue;
    }
    looksAgain = false;
    if (rejected !== undefined) throw rejected;

    const ended = endedAction(actions, asked, goal.isRetry ? types : []);
    if (asked !== undefined && ended?.status === 'errored' && ended.type !== 'shutdown') {
      throw failure('action_failed', `the provider's action ${ended.id} (${ended.type}) failed`);
    }
    if (asked !== undefined || ended !== undefined) {
      settlesAt ??= Date.now() + times.settleMs;
      if (Date.now() < settlesAt) {
        await pause('waits until it shows');
        continue;
      }
      if (asked !== undefined && asked.type !== 'shutdown') {
        throw failure('step_without_effect', 'the provider says that it is done, but nothing came of it');
      }
    }
    settlesAt = undefined;
    refuseLate('is not there yet');
    await ask(ended?.type === 'shutdown' ? { type: 'power_off' } : requestOf(operation));
    await pause(`asked for ${operation.action}`, times.pollMs / 5);
  }

  /** Never cut off by a cancel: whether it was taken must be known before anything is undone. */
  async function ask(request: ActionRequest | null): Promise<void> {
    try {
      const action = await send(goal, target, request);
      asked = { type: request?.type ?? operation.action, id: action?.id ?? null, at: Date.now() };
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      // Something else began in between: it is looked at again.
      if (error.code === 'provider_rejected') rejected = error;
      else if (error.code !== 'provider_busy') throw error;
    }
  }

  async function pause(doing: string, ms: number = times.pollMs): Promise<void> {
    reportProgress({ action: operation.action, doing });
    refuseLate(doing);
    await Context.current().sleep(Math.min(ms, goal.deadline - Date.now()));
  }

  function refuseLate(doing: string): void {
    if (Date.now() >= goal.deadline) throw failure('step_timed_out', `its time is over, and it ${doing}`);
  }

  function failure(code: string, detail: string): StepFailed {
    return new StepFailed(code, `${operation.action} of ${kind} ${externalId}: ${detail}`, {
      context: { action: operation.action, kind, external_id: externalId },
    });
  }
}

/**
 * Waits until nothing happens to a resource any more.
 * @returns the action that still runs when the time is over
 */
export async function waitForActions(
  resource: Pick<Goal, 'operations' | 'kind' | 'externalId' | 'deadline'> & { readonly pollMs: number },
): Promise<ProviderAction | undefined> {
  const { operations, kind, externalId, deadline, pollMs } = resource;
  const { cancellationSignal: signal } = Context.current();
  const target = actionTarget(kind, externalId);
  if (target === null) return undefined;
  for (;;) {
    const actions = await operations.actions(target, signal);
    const running = actions.find(({ status }) => status === 'in_progress');
    if (running === undefined || Date.now() >= deadline) return running;
    reportProgress({ doing: `waits for ${running.type} (action ${running.id})` });
    await Context.current().sleep(pollMs);
  }
}

/** Whether a resource is where an operation leads. */
export function isReached({ action, parameters }: RevertOperation, live: ProviderResource): boolean {
  switch (action) {
    case 'power_off':
      return live.status === 'off';
    case 'power_on':
      return live.status === 'active';
    case 'resize':
      return live.sizeSlug === parameters.size;
    case 'rename':
      return live.name === parameters.name;
    case 'add_tags':
      return parameters.tags.every((tag) => live.tags.includes(tag));
    case 'remove_tags':
      return !parameters.tags.some((tag) => live.tags.includes(tag));
    case 'grow_volume':
      return Number(live.attributes['size_gigabytes']) >= parameters.size_gigabytes;
    case 'enable_backups':
      return live.attributes['backups_enabled'] === true;
    case 'disable_backups':
      return live.attributes['backups_enabled'] === false;
    case 'add_to_firewall':
      return parameters.droplet_ids.every((id) => members(live).includes(id));
    case 'remove_from_firewall':
      return !parameters.droplet_ids.some((id) => members(live).includes(id));
  }
}

function members(firewall: ProviderResource): readonly unknown[] {
  const ids = firewall.attributes['droplet_ids'];
  return Array.isArray(ids) ? ids.map(String) : [];
}

/** The resource that an operation changes; for a firewall's members that is the firewall. */
async function readMoved(
  { operations, operation, kind, externalId }: Goal,
  signal: AbortSignal,
): Promise<ProviderResource> {
  const isMembership = operation.action === 'add_to_firewall' || operation.action === 'remove_from_firewall';
  const [readKind, id]: [ResourceKind, string] = isMembership
    ? ['firewall', operation.parameters.firewall_id]
    : [kind, externalId];
  const live = await operations.read(readKind, id, signal);
  if (live !== null) return live;
  throw new StepFailed('resource_gone', `${readKind} ${id} is gone`, {
    context: { kind: readKind, external_id: id },
  });
}

async function send(
  { operations, operation, kind, externalId }: Goal,
  target: ActionTarget | null,
  request: ActionRequest | null,
): Promise<ProviderAction | null> {
  switch (operation.action) {
    case 'add_to_firewall':
      await operations.addToFirewall(operation.parameters.firewall_id, operation.parameters.droplet_ids);
      return null;
    case 'remove_from_firewall':
      await operations.removeFromFirewall(operation.parameters.firewall_id, operation.parameters.droplet_ids);
      return null;
  }
  if (target === null) {
    throw new StepFailed('step_not_possible', `a ${kind} takes no ${operation.action}`, {
      context: { action: operation.action, kind, external_id: externalId },
    });
  }
  switch (operation.action) {
    case 'add_tags':
      await operations.tag(target, operation.parameters.tags);
      return null;
    case 'remove_tags':
      await operations.untag(target, operation.parameters.tags);
      return null;
  }
  return request === null ? null : operations.startAction(target, request);
}

const actionTarget = (kind: ResourceKind, externalId: string): ActionTarget | null =>
  kind === 'droplet' || kind === 'volume' ? { kind, externalId } : null;

/** The provider's action for an operation; null for what it does at once. A droplet is asked to shut down before its power is cut. */
function requestOf(operation: RevertOperation): ActionRequest | null {
  switch (operation.action) {
    case 'power_off':
      return { type: 'shutdown' };
    case 'power_on':
    case 'enable_backups':
    case 'disable_backups':
      return { type: operation.action };
    case 'resize':
      return { type: 'resize', ...operation.parameters };
    case 'rename':
      return { type: 'rename', ...operation.parameters };
    case 'grow_volume':
      return { type: 'resize', ...operation.parameters };
    case 'add_tags':
    case 'remove_tags':
    case 'add_to_firewall':
    case 'remove_from_firewall':
      return null;
  }
}

/** The types that an operation's actions have at the provider. */
function actionTypes(operation: RevertOperation): readonly string[] {
  const request = requestOf(operation);
  if (request === null) return [];
  return request.type === 'shutdown' ? ['shutdown', 'power_off'] : [request.type];
}

/** The action that this attempt asked for; else the newest one, where an earlier attempt may have asked for it and its kind fits. */
function endedAction(
  actions: readonly ProviderAction[],
  asked: Asked | undefined,
  types: readonly string[],
): ProviderAction | undefined {
  if (asked !== undefined) return actions.find(({ id }) => id === asked.id);
  const [newest] = actions;
  return newest !== undefined && types.includes(newest.type) ? newest : undefined;
}
