import { createHash } from 'node:crypto';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { IdempotencyKey } from '../entities/idempotencyKey.ts';
import { forSession, type Session, systemSession } from '../session.ts';
import { invalidInput, Problem, problemBody, toProblem } from './problems.ts';
import type { ApiContext } from './requestState.ts';
import type { Reply } from './route.ts';

const keptMilliseconds = 24 * 60 * 60 * 1000;
/** No request runs this long: a first one that is older died with its process, and the next may take over. */
const abandonedMilliseconds = 5 * 60 * 1000;
/** Visible ASCII but for the quote, the comma (two headers joined) and the backslash. */
const bareKey = /^[!#-+\--[\]-~]{1,255}$/;
const quotedKey = /^"([ -~]{1,255})"$/;

interface Write {
  readonly orm: MikroORM;
  readonly session: Session;
  /** Method and pattern of the route: with the subject and its tenant, the scope of a key. */
  readonly route: string;
  readonly now: Date;
}

/** Who sent a key to which route. Two tenants may name a subject alike; `tenantId` is empty for platform callers. */
interface Scope {
  readonly tenantId: string;
  readonly subject: string;
  readonly route: string;
  readonly key: string;
}

/**
 * Does a write once for each `Idempotency-Key`. The unique constraint decides who does it; everybody else gets the stored
 * answer, 409 while it still runs, or 422 where the request is another one. Answers of 500 and above are not kept.
 */
export async function answerOnce(ctx: ApiContext, write: Write, work: () => Promise<Reply>): Promise<Reply> {
  const key = readKey(ctx.get('idempotency-key'));
  if (key === undefined) return work();
  const em = forSession(write.orm, write.session);
  const { tenantId, subject } = write.session;
  const scope = { tenantId, subject, route: write.route, key };
  const fingerprint = fingerprintOf(ctx);
  const id = await claim(em, scope, fingerprint, write.now);
  if (id === undefined) return replay(await em.findOne(IdempotencyKey, scope), fingerprint);
  let reply: Reply;
  try {
    reply = await work();
  } catch (error) {
    const problem = toProblem(error);
    if (problem.status >= 500) await em.nativeDelete(IdempotencyKey, { id });
    else await keep(em, id, toReply(problem, ctx.state.requestId));
    throw error;
  }
  await keep(em, id, reply);
  return reply;
}

/** Deletes the keys that are older than 24 hours. @returns how many */
export function forgetOldKeys(orm: MikroORM, now: Date): Promise<number> {
  return forSession(orm, systemSession).nativeDelete(IdempotencyKey, {
    createdAt: { $lt: new Date(now.getTime() - keptMilliseconds) },
  });
}

function readKey(header: string): string | undefined {
  if (header === '') return undefined;
  const key = quotedKey.exec(header)?.[1] ?? (bareKey.test(header) ? header : undefined);
  if (key !== undefined) return key;
  throw invalidInput([
    {
      pointer: '/headers/idempotency-key',
      detail: 'expected one key of 1 to 255 printable ASCII characters, quoted or bare',
    },
  ]);
}

function fingerprintOf(ctx: ApiContext): string {
  const text = JSON.stringify([ctx.method, ctx.path, ctx.querystring, ctx.request.rawBody ?? '']);
  return createHash('sha256').update(text).digest('hex');
}

/** Takes the key: a new one, one that is too old, or one whose first request died. @returns undefined where another has it */
async function claim(
  em: EntityManager,
  scope: Scope,
  fingerprint: string,
  now: Date,
): Promise<bigint | undefined> {
  const rows = await em.execute<{ id: string }[]>(
    `insert into idempotency_keys as held (tenant_id, subject, route, key, fingerprint, created_at)
     values (?, ?, ?, ?, ?, ?)
     on conflict (tenant_id, subject, route, key) do update
       set fingerprint = excluded.fingerprint, created_at = excluded.created_at, status = null, headers = null, body = null
       where held.created_at < ? or (held.status is null and held.created_at < ?)
     returning id`,
    [
      scope.tenantId,
      scope.subject,
      scope.route,
      scope.key,
      fingerprint,
      now,
      new Date(now.getTime() - keptMilliseconds),
      new Date(now.getTime() - abandonedMilliseconds),
    ],
  );
  const row = rows[0];
  return row === undefined ? undefined : BigInt(row.id);
}

function replay(stored: IdempotencyKey | null, fingerprint: string): Reply {
  // Nobody has it any more: the first request failed on our side between our two reads.
  if (stored === null) throw stillRunning();
  if (stored.fingerprint !== fingerprint) {
    throw new Problem(
      422,
      'idempotency_key_reused',
      'this Idempotency-Key was used for another request; use a new one',
    );
  }
  if (stored.status == null) throw stillRunning();
  return {
    status: stored.status,
    headers: { ...stored.headers, 'idempotency-replayed': 'true' },
    body: stored.body ?? '',
  };
}

const stillRunning = () =>
  new Problem(409, 'idempotent_request_running', 'the first request with this key still runs', {
    headers: { 'Retry-After': '1' },
  });

const toReply = (problem: Problem, requestId: string): Reply => ({
  status: problem.status,
  headers: { ...problem.headers, 'content-type': 'application/problem+json' },
  body: problemBody(problem, requestId),
});

async function keep(em: EntityManager, id: bigint, reply: Reply): Promise<void> {
  await em.nativeUpdate(
    IdempotencyKey,
    { id },
    {
      status: reply.status,
      headers: { 'content-type': 'application/json; charset=utf-8', ...reply.headers },
      body: JSON.stringify(reply.body),
    },
  );
}
