import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { z } from 'zod';
import type { ApiConfig } from '../config.ts';
import { describeProcess, type Process, type ProcessState, processStates } from './describeProcess.ts';
import { cursorOf, toNextCursor } from './pages.ts';
import { invalidInput, notFound } from './problems.ts';
import { defineRoute, type Route } from './route.ts';
import { countOr, instant, link, pageOf, text } from './schemas.ts';
import { callTemporal } from './temporalCalls.ts';

/** Visibility pages looked through for one answer; `stuck` filters what the server can't. */
const pagesLookedThrough = 10;
/** Descriptions asked for at once. */
const describedAtOnce = 8;

const pendingActivity = z.strictObject({
  type: z.string(),
  attempt: z.int(),
  last_failure: z.string().nullable(),
  last_started_at: instant.nullable(),
  next_retry_at: instant.nullable(),
});

const processSchema = z
  .strictObject({
    workflow_id: z.string(),
    run_id: z.string(),
    type: z.string(),
    task_queue: z.string(),
    state: z.enum(processStates),
    status: z.string().meta({ description: "Temporal's own word, like RUNNING or TIMED_OUT." }),
    phase: z.string().nullable(),
    problem: z.string().nullable(),
    tenant: z.string().nullable(),
    period: z.string().nullable(),
    provider_invoice: z.string().nullable(),
    started_at: instant,
    closed_at: instant.nullable(),
    activities: z.array(pendingActivity).readonly(),
    workflow_task_attempt: z.int(),
    last_failure: z.string().nullable(),
    links: z.strictObject({ self: link, temporal_ui: link }),
  })
  .meta({ id: 'Process' });

/** The server's own page token. It can't judge one that it did not give, so ours are signed. */
const signedToken = z.strictObject({ token: z.base64().max(1500), signature: z.hex().length(64) });
type SignedToken = z.output<typeof signedToken>;

/** Which runs visibility has to name for a state; what runs is told apart by its description. */
const visibilityQueries: Readonly<Record<ProcessState | 'all', string>> = {
  all: '',
  running: "ExecutionStatus = 'Running'",
  stuck: "ExecutionStatus = 'Running'",
  failed: "ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated', 'Canceled')",
  completed: "ExecutionStatus = 'Completed'",
};

export const processRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/processes',
    tag: 'Operators',
    summary:
      'Durable processes with attempt, last failure and next retry. `stuck` ones retry a step for the third time or name a problem; `running` ones do neither.',
    roles: ['platform_admin', 'platform_viewer'],
    query: z.strictObject({
      state: z.enum(processStates, { error: `expected one of ${processStates.join(', ')}` }).optional(),
      limit: countOr(20, 50),
      cursor: cursorOf('processes', signedToken),
    }),
    answer: {
      status: 200,
      description: 'A page of processes; it may be shorter than `limit` before the last.',
      schema: pageOf(processSchema),
    },
    problems: { 503: "Temporal can't be reached." },
    async handle({ api, query }) {
      const found = await callTemporal(api, (client) => listProcesses(client, api.config, query));
      return { status: 200, body: found };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/processes/:workflow_id',
    tag: 'Operators',
    summary: 'The latest run of one process.',
    roles: ['platform_admin', 'platform_viewer'],
    params: z.strictObject({ workflow_id: text(1000) }),
    answer: { status: 200, description: 'The process.', schema: processSchema },
    problems: {
      404: 'No such process, or finished longer ago than Temporal remembers.',
      503: "Temporal can't be reached.",
    },
    async handle({ api, params }) {
      const body = await callTemporal(api, (client) => findProcess(client, api.config, params.workflow_id));
      if (body === undefined) throw notFound('process');
      return { status: 200, body };
    },
  }),
];

async function listProcesses(
  client: Client,
  config: ApiConfig,
  query: {
    readonly state?: ProcessState | undefined;
    readonly limit: number;
    readonly cursor?: SignedToken | undefined;
  },
): Promise<{ items: Process[]; next_cursor: string | null }> {
  let token = readToken(config, query.cursor);
  for (let page = 1; ; page += 1) {
    const answer = await client.workflowService.listWorkflowExecutions({
      namespace: client.options.namespace,
      query: visibilityQueries[query.state ?? 'all'],
      pageSize: query.limit,
      nextPageToken: token,
    });
    token = Buffer.from(answer.nextPageToken ?? []);
    const described = await describeAll(client, config, answer.executions ?? []);
    const items = described.filter((process) => query.state === undefined || process.state === query.state);
    if (token.length === 0) return { items, next_cursor: null };
    if (items.length > 0 || page >= pagesLookedThrough) {
      return { items, next_cursor: toNextCursor('processes', signToken(config, token)) };
    }
  }
}

function signToken(config: ApiConfig, token: Buffer): SignedToken {
  const signature = createHmac('sha256', config.JWT_SECRET).update('processes:').update(token).digest('hex');
  return { token: token.toString('base64'), signature };
}

/** @throws Problem 422 for a token that we did not sign */
function readToken(config: ApiConfig, cursor: SignedToken | undefined): Buffer {
  const token = Buffer.from(cursor?.token ?? '', 'base64');
  if (cursor === undefined) return token;
  const ours = signToken(config, token).signature;
  if (timingSafeEqual(Buffer.from(ours), Buffer.from(cursor.signature))) return token;
  throw invalidInput([{ pointer: '/query/cursor', detail: 'expected a cursor that this list gave out' }]);
}

async function describeAll(
  client: Client,
  config: ApiConfig,
  executions: readonly { execution?: { workflowId?: string | null; runId?: string | null } | null }[],
): Promise<Process[]> {
  const described: Process[] = [];
  for (let start = 0; start < executions.length; start += describedAtOnce) {
    const group = executions.slice(start, start + describedAtOnce);
    const processes = await Promise.all(
      group.map(({ execution }) =>
        findProcess(client, config, execution?.workflowId ?? '', execution?.runId ?? undefined),
      ),
    );
    described.push(...processes.filter((process) => process !== undefined));
  }
  return described;
}

/** Undefined where Temporal has forgotten it since it was listed, or never knew it. */
async function findProcess(
  client: Client,
  config: ApiConfig,
  workflowId: string,
  runId?: string,
): Promise<Process | undefined> {
  try {
    return await describeProcess(client, config, workflowId, runId);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
