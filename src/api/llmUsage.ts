import { z } from 'zod';
import { faultOfTime, type LlmUsage, llmUsageProblems } from '../domain/llmUsage.ts';
import { type LlmUsageEvent, llmUsageStates } from '../entities/llmUsageEvent.ts';
import { assignLlmUsage } from '../services/assignLlmUsage.ts';
import { listLlmUsage } from '../services/listLlmUsage.ts';
import type { LlmUsageReceipt } from '../services/recordLlmUsage.ts';
import { WriterBusy } from '../services/sharedCommit.ts';
import { createInputReader, whatIsAllowed } from './inputs.ts';
import { countingId, cursorOf, toPage } from './pages.ts';
import { type InputFault, invalidInput, notFound, Problem } from './problems.ts';
import { type ApiDependencies, defineRoute, type Route } from './route.ts';
import {
  amount,
  currency,
  instant,
  instantInput,
  limit,
  pageOf,
  period,
  reason,
  tenantId,
  text,
  toAmount,
  toInstant,
  uuid,
} from './schemas.ts';

/** The most events of a batch. */
const largestBatch = 1_000;

const chargeForm = 'expected a decimal text like 0.0125, at most 12 digits and 18 places, not negative';
const eventInput = z
  .strictObject({
    gateway_request_id: z
      .string({ error: 'expected 1 to 200 visible ASCII characters' })
      .regex(/^[!-~]{1,200}$/, 'expected 1 to 200 visible ASCII characters')
      .meta({
        description: "The gateway's own id of the request: an event with a known id counts once, for ever.",
      }),
    tenant_id: tenantId,
    deployment_id: text(200).meta({
      description: 'Of that tenant. An event of another one is stored and not billed until it is assigned.',
    }),
    model: text(200),
    tokens: z.int('expected a whole number from 0').min(0, 'expected a whole number from 0'),
    charge: z
      .string({ error: chargeForm })
      .regex(/^\d{1,12}(?:\.\d{1,18})?$/, chargeForm)
      .meta({ example: '0.0125', description: 'Stored exactly and never repriced.' }),
    currency: z
      .string({ error: 'expected a currency like AUD' })
      .regex(/^[A-Z]{3}$/, 'expected a currency like AUD')
      .meta({ description: 'ISO 4217.' }),
    occurred_at: instantInput.meta({
      description:
        'When the request was made, to the millisecond. It alone decides the month that it is billed for.',
    }),
  })
  .meta({ id: 'LlmUsageInput' });

const batchInput = z.strictObject({
  events: z
    .array(z.unknown(), { error: `expected a list of 1 to ${largestBatch} events` })
    .min(1, `expected a list of 1 to ${largestBatch} events`)
    .max(largestBatch, `expected a list of 1 to ${largestBatch} events`),
});

/** One event, or a batch of which each event is judged by itself. A union of both would say of a bad event only that it is neither. */
const usageInput = z.unknown().transform((value, context) => {
  const isBatch = typeof value === 'object' && value !== null && Object.hasOwn(value, 'events');
  const read = (isBatch ? batchInput : eventInput).safeParse(value, { error: whatIsAllowed });
  if (read.success) return read.data;
  for (const { path, message, ...issue } of read.error.issues) {
    context.issues.push(
      issue.code === 'unrecognized_keys'
        ? { code: issue.code, keys: issue.keys, path, message, input: {} }
        : { code: 'custom', path, message, input: value },
    );
  }
  return z.NEVER;
});
const usageDocument = z.union([
  eventInput,
  z
    .strictObject({ events: z.array(eventInput).min(1).max(largestBatch) })
    .meta({ id: 'LlmUsageBatch', description: `At most ${largestBatch} events, and 256 kB.` }),
]);

const problem = z.enum(llmUsageProblems).nullable().meta({
  description:
    'Why it is unassigned: it names no deployment of its tenant, or another currency than its tenant is billed in.',
});
const receipt = z
  .strictObject({
    id: z.string(),
    gateway_request_id: z.string(),
    duplicate: z.boolean().meta({ description: 'The same event was stored before; it counts once.' }),
    state: z.enum(llmUsageStates),
    problem,
  })
  .meta({ id: 'LlmUsageReceipt' });
const result = z
  .strictObject({
    index: z.int().meta({ description: '0-based place in the batch.' }),
    status: z
      .union([z.literal(200), z.literal(201), z.literal(409), z.literal(422)])
      .meta({ description: 'What the event alone would have been answered with.' }),
    gateway_request_id: z.string().nullable(),
    receipt: receipt.nullable().meta({ description: 'Where it is stored; null where it is refused.' }),
    refusal: z
      .strictObject({
        code: z.string(),
        detail: z.string(),
        errors: z.array(z.strictObject({ pointer: z.string(), detail: z.string() })),
      })
      .nullable()
      .meta({ description: 'Why it is refused, with pointers into the request; null where it is stored.' }),
  })
  .meta({ id: 'LlmUsageResult' });

const usageEvent = z
  .strictObject({
    id: z.string(),
    gateway_request_id: z.string(),
    tenant_id: z.string(),
    claimed_deployment_id: z.string().meta({ description: 'As the gateway named it.' }),
    deployment_id: uuid.nullable(),
    model: z.string(),
    tokens: z.int(),
    charge: amount,
    currency,
    occurred_at: instant,
    received_at: instant,
    state: z.enum(llmUsageStates),
    problem,
  })
  .meta({ id: 'LlmUsageEvent' });

const toEvent = (row: LlmUsageEvent): z.input<typeof usageEvent> => ({
  id: String(row.id),
  gateway_request_id: row.gatewayRequestId,
  tenant_id: row.tenantId,
  claimed_deployment_id: row.claimedDeploymentId,
  deployment_id: row.deploymentId ?? null,
  model: row.model,
  tokens: Number(row.tokens),
  charge: toAmount(row.charge),
  currency: row.currency,
  occurred_at: toInstant(row.occurredAt),
  received_at: toInstant(row.receivedAt),
  state: row.state,
  problem: row.problem ?? null,
});

/** One event of a request: read, or what is wrong with it. */
type ReadEvent =
  | { readonly event: LlmUsage; readonly faults?: never }
  | { readonly event?: never; readonly faults: readonly InputFault[] };

export const llmUsageRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/integrations/llm-usage',
    tag: 'LLM usage',
    summary:
      'Takes in what the LLM gateway charges: one event, or a batch in which a bad event refuses only itself. Answered when it is committed.',
    roles: ['gateway'],
    webhook: 'gateway',
    body: usageInput,
    bodyDocument: usageDocument,
    answer: {
      status: 201,
      description: 'The event is stored.',
      schema: z.union([
        receipt,
        z.strictObject({ results: z.array(result) }).meta({ id: 'LlmUsageResults' }),
      ]),
      alsoStatus: {
        200: 'The same event was stored before (`duplicate`); or a batch, with one result an event, in their order.',
      },
    },
    problems: {
      401: 'No valid token, or a signature that does not hold; `detail` says which part.',
      409: 'The id belongs to an event with other content, which stays as it is.',
      422: 'Invalid input, all faults at once.',
      503: 'The database is away, or too much waits to be written: send it again later.',
    },
    async handle({ body, now, api }) {
      if ('events' in body)
        return { status: 200, body: { results: await recordBatch(api, body.events, now) } };
      const { event, faults } = checkTime(toUsage(body), now, ['body']);
      if (event === undefined) throw invalidInput(faults);
      const [stored] = await record(api, [event]);
      if (stored === undefined) throw new Error('an event was written without a receipt');
      if (stored.outcome === 'conflict') throw new Problem(409, conflict.code, conflict.detail(event));
      return { status: stored.outcome === 'stored' ? 201 : 200, body: toReceipt(event, stored) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/llm-usage',
    tag: 'LLM usage',
    summary:
      'What the LLM gateway charged, the latest request first. A tenant sees its own; admins name a tenant or a deployment, or look at what is unassigned.',
    roles: ['platform_admin', 'platform_viewer', 'tenant'],
    query: z.strictObject({
      tenant: tenantId.optional(),
      deployment: uuid.optional(),
      state: z.enum(llmUsageStates, { error: `expected one of ${llmUsageStates.join(', ')}` }).optional(),
      period: period.optional(),
      limit,
      cursor: cursorOf(
        'llm-usage',
        z.strictObject({ occurredAt: z.iso.datetime(), id: z.string().regex(/^\d{1,18}$/) }),
      ),
    }),
    answer: { status: 200, description: 'A page of events.', schema: pageOf(usageEvent) },
    async handle({ em, caller, query }) {
      const tenants = [
        ...(caller.role === 'tenant' ? [caller.tenantId] : []),
        ...(query.tenant === undefined ? [] : [query.tenant]),
      ];
      if (tenants.length === 0 && query.deployment === undefined && query.state !== 'unassigned') {
        throw invalidInput([
          { pointer: '/query/tenant', detail: 'name a tenant or a deployment, or state=unassigned' },
        ]);
      }
      const rows = await listLlmUsage(
        em,
        { tenants, deploymentId: query.deployment, state: query.state, period: query.period },
        { after: query.cursor, limit: query.limit },
      );
      const keyOf = (row: LlmUsageEvent) => ({ occurredAt: toInstant(row.occurredAt), id: String(row.id) });
      return { status: 200, body: toPage('llm-usage', rows, query.limit, keyOf, toEvent) };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/llm-usage/:id/assign',
    tag: 'LLM usage',
    summary: 'Gives an unassigned event to a deployment, whose tenant is billed for it from then on.',
    roles: ['platform_admin'],
    params: z.strictObject({ id: countingId.meta({ type: 'string' }) }),
    body: z.strictObject({ deployment_id: uuid, reason }),
    answer: { status: 200, description: 'The event, billable.', schema: usageEvent },
    problems: {
      404: 'No such event.',
      409: 'It is assigned already, or the first request with this Idempotency-Key still runs.',
      422: 'Invalid input; no such deployment; or its tenant is billed in another currency than the charge is in.',
    },
    async handle({ em, caller, params, body, now, requestId }) {
      const assigned = await assignLlmUsage(em, {
        eventId: params.id,
        deploymentId: body.deployment_id,
        reason: body.reason,
        actor: caller,
        at: now,
        requestId,
      });
      if (assigned === undefined) throw notFound('event');
      return { status: 200, body: toEvent(assigned) };
    },
  }),
];

async function recordBatch(
  api: ApiDependencies,
  events: readonly unknown[],
  now: Date,
): Promise<z.input<typeof result>[]> {
  const read = events.map((value, index): ReadEvent => {
    const input = createInputReader();
    const event = input.read('body', eventInput, value, ['events', index]);
    return event === undefined
      ? { faults: input.faults }
      : checkTime(toUsage(event), now, ['body', 'events', String(index)]);
  });
  const good = read.flatMap(({ event }) => (event === undefined ? [] : [event]));
  const stored = (await record(api, good))[Symbol.iterator]();
  return read.map(({ event, faults }, index) => {
    if (event === undefined) return refused(index, events[index], faults);
    const { value } = stored.next();
    if (value === undefined) throw new Error('an event was written without a receipt');
    return judged(index, event, value);
  });
}

async function record(
  api: ApiDependencies,
  events: readonly LlmUsage[],
): Promise<readonly LlmUsageReceipt[]> {
  if (events.length === 0) return [];
  try {
    return await api.llmUsage.submit(events);
  } catch (error) {
    if (!(error instanceof WriterBusy)) throw error;
    throw new Problem(503, error.code, error.message, {
      headers: { 'Retry-After': String(error.retryAfterSeconds) },
    });
  }
}

const toUsage = (event: z.output<typeof eventInput>): LlmUsage => ({
  gatewayRequestId: event.gateway_request_id,
  tenantId: event.tenant_id,
  deploymentId: event.deployment_id,
  model: event.model,
  tokens: event.tokens,
  charge: event.charge,
  currency: event.currency,
  occurredAt: event.occurred_at,
});

function checkTime(event: LlmUsage, now: Date, at: readonly string[]): ReadEvent {
  const detail = faultOfTime(event.occurredAt, now);
  if (detail === undefined) return { event };
  return { faults: [{ pointer: `/${[...at, 'occurred_at'].join('/')}`, detail }] };
}

const conflict = {
  code: 'llm_usage_conflict',
  detail: (event: LlmUsage) =>
    `the event ${event.gatewayRequestId} was stored with other content; it is not changed`,
};

const toReceipt = (event: LlmUsage, stored: LlmUsageReceipt): z.input<typeof receipt> => ({
  id: stored.id,
  gateway_request_id: event.gatewayRequestId,
  duplicate: stored.outcome === 'duplicate',
  state: stored.state,
  problem: stored.problem,
});

function judged(index: number, event: LlmUsage, stored: LlmUsageReceipt): z.input<typeof result> {
  const common = { index, gateway_request_id: event.gatewayRequestId };
  if (stored.outcome === 'conflict') {
    const refusal = { code: conflict.code, detail: conflict.detail(event), errors: [] };
    return { ...common, status: 409, receipt: null, refusal };
  }
  const status = stored.outcome === 'stored' ? 201 : 200;
  return { ...common, status, receipt: toReceipt(event, stored), refusal: null };
}

function refused(index: number, value: unknown, faults: readonly InputFault[]): z.input<typeof result> {
  const { code, message, errors } = invalidInput(faults);
  const id =
    typeof value === 'object' && value !== null && 'gateway_request_id' in value
      ? value.gateway_request_id
      : null;
  return {
    index,
    status: 422,
    gateway_request_id: typeof id === 'string' ? id.slice(0, 200) : null,
    receipt: null,
    refusal: { code, detail: message, errors: [...errors] },
  };
}
