import type { KillableStack } from './killableStack.ts';
import { until } from './killableWait.ts';

/** The point in the store's transaction at which it is held up. */
export type HeldPoint =
  /** Before the lines are inserted; the new version is already written. */
  | 'before_lines'
  /** In COMMIT itself, which goes through once the hold ends, whether or not the client still lives. */
  | 'in_commit';

export interface Hold {
  /** Waits until so many stores have come to the point. @returns how many wait there */
  untilWaiting(atLeast: number): Promise<number>;
  release(): Promise<void>;
}

/** Any number does that the service itself doesn't lock. */
const COMMIT_LOCK = 4_005_003;

const waiting: Readonly<Record<HeldPoint, string>> = {
  before_lines: `locktype = 'relation' and relation = 'cloud_cost_lines'::regclass`,
  in_commit: `locktype = 'advisory' and objid = ${COMMIT_LOCK} and lower(query) = 'commit'`,
};

/** From now on every store comes to a halt at the point, until the hold is released. */
export async function holdStores(stack: KillableStack, point: HeldPoint): Promise<Hold> {
  const connection = await stack.connect();
  if (point === 'before_lines') {
    await connection.query('begin');
    await connection.query('lock table cloud_cost_lines in share mode');
  } else {
    await connection.query(`select pg_advisory_lock(${COMMIT_LOCK})`);
    await connection.query(`create function wait_in_commit() returns trigger language plpgsql as
      $$ begin perform pg_advisory_xact_lock_shared(${COMMIT_LOCK}); return null; end $$`);
    await connection.query(`create constraint trigger wait_in_commit after insert on cloud_invoice_versions
      deferrable initially deferred for each row execute function wait_in_commit()`);
  }
  return {
    untilWaiting: (atLeast) =>
      until(`${atLeast} stores wait ${point}`, async () => {
        const [row] = await stack.query<{ count: number }>(
          `select count(distinct pid)::int as count from pg_locks join pg_stat_activity using (pid)
           where not granted and ${waiting[point]}`,
        );
        return row !== undefined && row.count >= atLeast ? row.count : undefined;
      }),
    // What it holds, it holds by its session or its transaction.
    release: () => connection.end(),
  };
}

/** Waits until PostgreSQL has done with what a dead worker had begun. */
export async function untilWorkerIsForgotten(stack: KillableStack): Promise<void> {
  await until('no connection of the worker is left', async () => {
    const sessions = await stack.query(
      `select pid from pg_stat_activity where application_name = 'arcadia-cloud'`,
    );
    return sessions.length === 0 ? true : undefined;
  });
}
