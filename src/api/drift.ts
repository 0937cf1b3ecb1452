import { z } from 'zod';
import { driftTypes } from '../domain/drift/price.ts';
import { resourceKinds } from '../domain/resourceKind.ts';
import { driftStates } from '../entities/cloudDrift.ts';
import type { CloudDriftKind } from '../entities/cloudDriftKind.ts';
import { acceptDrift, acceptDrifts } from '../services/drift/acceptDrift.ts';
import { ignoreDrift, ignoreScopes } from '../services/drift/ignoreDrift.ts';
import { findDrifts, listDrift } from '../services/drift/listDrift.ts';
import { readDrift } from '../services/drift/readDrift.ts';
import { readDriftSummary } from '../services/drift/readDriftSummary.ts';
import { toChangeRequest } from './changeRequest.ts';
import { drift, driftRevert, toDrift, toDriftRevert } from './driftAnswers.ts';
import { cursorOf, toPage } from './pages.ts';
import { notFound } from './problems.ts';
import { defineRoute, type Route } from './route.ts';
import {
  amount,
  currency,
  instant,
  instantInput,
  limit,
  pageOf,
  reason,
  text,
  toAmount,
  toInstant,
  toInstantOrNull,
  uuid,
} from './schemas.ts';
import { started, startedReply } from './startedWorkflow.ts';
import { startDriftSweep } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

const acceptedAtOnce = 500;

const driftWithReverts = z
  .strictObject({ ...drift.shape, reverts: z.array(driftRevert).meta({ description: 'The latest first.' }) })
  .meta({ id: 'DriftWithReverts' });

const openCount = z.int().meta({ description: 'How many are open.' });
const unpriced = z.int().meta({ description: 'Open ones whose price nothing says; the amount lacks them.' });

const sweptKind = z
  .strictObject({
    provider: z.string(),
    kind: z.string(),
    state: z.enum(['swept', 'unknown']).meta({
      description: '`unknown`: its inventory was not whole or too old, so the last sweep concluded nothing.',
    }),
    problem: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
    inventory_at: instant.nullable(),
    swept_at: instant.nullable(),
    attempted_at: instant,
    resources: z.int(),
    open: openCount,
  })
  .meta({ id: 'DriftKind' });

const summary = z
  .strictObject({
    groups: z.array(
      z.strictObject({
        provider: z.string(),
        type: z.enum(driftTypes),
        kind: z.enum(resourceKinds),
        open: openCount,
        price_monthly: amount,
        currency,
        unpriced,
      }),
    ),
    unbilled: z.array(z.strictObject({ open: openCount, amount_monthly: amount, currency, unpriced })).meta({
      description:
        'What costs and nobody is billed for, a month: the price of what is unmanaged, and what was last billed for what is gone.',
    }),
    kinds: z.array(sweptKind),
    last_sweep_at: instant.nullable().meta({ description: 'When a kind was last tried.' }),
  })
  .meta({ id: 'DriftSummary' });

const toSweptKind = (row: CloudDriftKind): z.input<typeof sweptKind> => ({
  provider: row.provider,
  kind: row.kind,
  state: row.state,
  problem: row.problemCode == null ? null : { code: row.problemCode, message: row.problemMessage ?? '' },
  inventory_at: toInstantOrNull(row.inventoryAt ?? null),
  swept_at: toInstantOrNull(row.sweptAt ?? null),
  attempted_at: toInstant(row.attemptedAt),
  resources: row.resources,
  open: row.open,
});

const readers = ['platform_admin', 'platform_viewer'] as const;
const conflict =
  'Somebody was faster (`drift_not_open`), a revert holds the resource (`revert_in_progress`), or what differs is no longer what the drift shows (`drift_changed`); the context says what happened.';

export const driftRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/drift',
    tag: 'Drift',
    summary:
      'What runs otherwise than it was asked for, the latest found first. Open drift, unless `state` asks for other.',
    roles: readers,
    query: z.strictObject({
      state: z.enum(driftStates, { error: `expected one of ${driftStates.join(', ')}` }).default('open'),
      type: z.enum(driftTypes, { error: `expected one of ${driftTypes.join(', ')}` }).optional(),
      kind: z.enum(resourceKinds, { error: `expected one of ${resourceKinds.join(', ')}` }).optional(),
      provider: text(100).optional(),
      resource: uuid.optional(),
      deployment: uuid.optional(),
      limit,
      cursor: cursorOf('drift', z.strictObject({ detectedAt: z.iso.datetime(), id: uuid })),
    }),
    answer: { status: 200, description: 'A page of drift.', schema: pageOf(drift) },
    async handle({ em, query }) {
      const { state, type, kind, provider, resource: resourceId, deployment: deploymentId } = query;
      const filter = { state, type, kind, provider, resourceId, deploymentId };
      const rows = await listDrift(em, filter, { after: query.cursor, limit: query.limit });
      const keyOf = (row: (typeof rows)[number]) => ({ detectedAt: row.detected_at, id: row.id });
      return { status: 200, body: toPage('drift', rows, query.limit, keyOf, toDrift) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/drift/summary',
    tag: 'Drift',
    summary: 'What is open, what it costs, what nobody is billed for, and how far the last sweep got.',
    roles: readers,
    answer: { status: 200, description: 'The summary.', schema: summary },
    async handle({ em }) {
      const { groups, unbilled, kinds } = await readDriftSummary(em);
      const attempts = kinds.map((kind) => kind.attemptedAt.getTime());
      return {
        status: 200,
        body: {
          groups: groups.map((group) => ({ ...group, price_monthly: toAmount(group.price_monthly) })),
          unbilled: unbilled.map((sum) => ({ ...sum, amount_monthly: toAmount(sum.amount_monthly) })),
          kinds: kinds.map(toSweptKind),
          last_sweep_at: attempts.length === 0 ? null : toInstant(new Date(Math.max(...attempts))),
        },
      };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/drift/:id',
    tag: 'Drift',
    summary: 'One drift, with its reverts.',
    roles: readers,
    params: z.strictObject({ id: uuid }),
    answer: { status: 200, description: 'The drift.', schema: driftWithReverts },
    problems: { 404: 'No such drift.' },
    async handle({ em, params }) {
      const found = await readDrift(em, params.id);
      if (found === null) throw notFound('drift');
      return {
        status: 200,
        body: { ...toDrift(found.drift), reverts: found.reverts.map(toDriftRevert) },
      };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/drift/accept',
    tag: 'Drift',
    summary: `Accepts up to ${acceptedAtOnce} drifts at once, all or none.`,
    roles: ['platform_admin'],
    body: z.strictObject({
      ids: z
        .array(uuid, { error: `expected a list of 1 to ${acceptedAtOnce} ids` })
        .min(1, `expected a list of 1 to ${acceptedAtOnce} ids`)
        .max(acceptedAtOnce, `expected a list of 1 to ${acceptedAtOnce} ids`),
      reason,
    }),
    answer: {
      status: 200,
      description: 'All of them, accepted, in the order of the ids.',
      schema: z.strictObject({ items: z.array(drift) }),
    },
    problems: { 409: conflict, 422: 'Invalid input, or an id of no drift: nothing was accepted.' },
    async handle(request) {
      const ids = [...new Set(request.body.ids)];
      await acceptDrifts(request.em, ids, toChangeRequest(request, request.body.reason));
      return { status: 200, body: { items: (await findDrifts(request.em, ids)).map(toDrift) } };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/drift/sweep',
    tag: 'Drift',
    summary: 'Compares all that runs with what was asked for now, or says which sweep runs already.',
    roles: ['platform_admin'],
    answer: started,
    async handle({ api, caller }) {
      const run = await callTemporal(api, (client) => startDriftSweep(client, caller.subject));
      return startedReply(api.config, run);
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/drift/:id/accept',
    tag: 'Drift',
    summary:
      'Makes what is there what is asked for. An unmanaged resource gets a spec of its live values; of a missing one nothing is asked any more.',
    roles: ['platform_admin'],
    params: z.strictObject({ id: uuid }),
    body: z.strictObject({ reason }),
    answer: { status: 200, description: 'The drift, accepted.', schema: drift },
    problems: { 404: 'No such drift.', 409: conflict },
    async handle(request) {
      const { em, params } = request;
      if (!(await acceptDrift(em, params.id, toChangeRequest(request, request.body.reason))))
        throw notFound('drift');
      return { status: 200, body: await shown(em, params.id) };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/drift/:id/ignore',
    tag: 'Drift',
    summary:
      'Closes a drift by an ignore rule, for this resource or for all of its kind, until the rule expires.',
    roles: ['platform_admin'],
    params: z.strictObject({ id: uuid }),
    body: z.strictObject({
      reason,
      expires_at: instantInput,
      scope: z
        .enum(ignoreScopes, { error: `expected one of ${ignoreScopes.join(', ')}` })
        .default('resource'),
    }),
    answer: { status: 200, description: 'The drift, ignored, with the rule.', schema: drift },
    problems: { 404: 'No such drift.', 409: conflict, 422: 'Invalid input, or an expiry too far ahead.' },
    async handle(request) {
      const { em, params, body } = request;
      const wanted = { scope: body.scope, expiresAt: body.expires_at };
      if (!(await ignoreDrift(em, params.id, wanted, toChangeRequest(request, request.body.reason))))
        throw notFound('drift');
      return { status: 200, body: await shown(em, params.id) };
    },
  }),
];

async function shown(em: Parameters<typeof findDrifts>[0], id: string): Promise<z.input<typeof drift>> {
  const [row] = await findDrifts(em, [id]);
  if (row === undefined) throw new Error(`the drift ${id} was there and can't be read`);
  return toDrift(row);
}
