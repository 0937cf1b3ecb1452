import { z } from 'zod';
import type { ActionRequest, ActionTarget, ProviderAction } from '../provider.ts';
import { ProviderError } from '../providerErrors.ts';
import { type Answer, type DigitalOceanClient, readJson, readPage } from './client.ts';
import { streaming } from './listing.ts';
import { numericId, segment } from './pathSegments.ts';
import type { components } from './schema.generated.ts';
import { type Fields, instant, text } from './wire.ts';

const action = z.object({
  id: z.int(),
  type: z.string(),
  status: z.enum(['in-progress', 'completed', 'errored']),
  started_at: instant,
  resource_type: text,
} satisfies Fields<components['schemas']['action']>);

const actionAnswer = z.object({ action });

/** As many as one page holds: whoever looks for an action of their own began it minutes ago. */
const newest = 100;

export async function listActions(
  { json }: DigitalOceanClient,
  target: ActionTarget,
  signal?: AbortSignal,
): Promise<ProviderAction[]> {
  const what = `the actions of ${target.kind} ${target.externalId}`;
  const query = { page: 1, per_page: newest };
  const call: Answer =
    target.kind === 'droplet'
      ? json.GET('/v2/droplets/{droplet_id}/actions', {
          params: { path: { droplet_id: numericId('a droplet id', target.externalId) }, query },
          ...streaming(signal),
        })
      : json.GET('/v2/volumes/{volume_id}/actions', {
          params: { path: { volume_id: segment('id', 'a volume id', target.externalId) }, query },
          ...streaming(signal),
        });
  const { items } = await readPage(what, call, 'actions', action);
  return items.toSorted((left, right) => right.id - left.id).map(toAction);
}

export async function startAction(
  { json }: DigitalOceanClient,
  target: ActionTarget,
  request: ActionRequest,
  signal?: AbortSignal,
): Promise<ProviderAction> {
  const what = `${request.type} of ${target.kind} ${target.externalId}`;
  if (isOfVolume(request) !== (target.kind === 'volume')) {
    throw new ProviderError('provider_rejected', `there is no such action: ${what}`, { context: { what } });
  }
  const call: Answer = isOfVolume(request)
    ? json.POST('/v2/volumes/{volume_id}/actions', {
        params: { path: { volume_id: segment('id', 'a volume id', target.externalId) } },
        body: volumeBody(request),
        ...streaming(signal),
      })
    : json.POST('/v2/droplets/{droplet_id}/actions', {
        params: { path: { droplet_id: numericId('a droplet id', target.externalId) } },
        body: request,
        ...streaming(signal),
      });
  return toAction((await readJson(what, call, actionAnswer)).action);
}

export async function readAction(
  { json }: DigitalOceanClient,
  id: string,
  signal?: AbortSignal,
): Promise<ProviderAction> {
  const call = json.GET('/v2/actions/{action_id}', {
    params: { path: { action_id: numericId('an action id', id) } },
    ...streaming(signal),
  });
  return toAction((await readJson(`action ${id}`, call, actionAnswer)).action);
}

type VolumeRequest = Extract<ActionRequest, { readonly region: string }>;

function isOfVolume(request: ActionRequest): request is VolumeRequest {
  return 'region' in request;
}

function volumeBody(request: VolumeRequest) {
  if (request.type === 'resize') return request;
  return { ...request, droplet_id: numericId('a droplet id', request.droplet_id) };
}

/** A volume's attach is reported as `attach_volume`; it bears the word here that it was asked for with. */
function toAction(found: z.output<typeof action>): ProviderAction {
  return {
    id: String(found.id),
    type: found.resource_type === 'volume' ? found.type.replace(/_volume$/, '') : found.type,
    status: found.status === 'in-progress' ? 'in_progress' : found.status,
    startedAt: found.started_at,
  };
}
