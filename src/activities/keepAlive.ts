import { heartbeat } from '@temporalio/activity';

/** Heartbeats while one long statement runs, so that only a dead worker, not a busy database, has the activity tried again. */
export async function keepAlive<Result>(work: Promise<Result>): Promise<Result> {
  const beat = setInterval(() => heartbeat(), 10_000);
  try {
    return await work;
  } finally {
    clearInterval(beat);
  }
}
