import { setTimeout as delay } from 'node:timers/promises';
import type { MikroORM } from '@mikro-orm/postgresql';
import type { LlmUsage } from '../domain/llmUsage.ts';
import { type LlmUsageReceipt, recordLlmUsage } from './recordLlmUsage.ts';
import { type SharedCommit, shareCommits } from './sharedCommit.ts';

export type LlmUsageWriter = SharedCommit<LlmUsage, LlmUsageReceipt>;

/** The most events of a commit, and the most that wait for those under way: a second or two of work. */
const largestGroup = 2_000;
const longestQueue = 20_000;

/** So many inserts cost more than the commit around them, and who sent them needs as long to read the answers as the next group to be written. */
const goodGroup = 32;
/** In which so many come together where so much comes. */
const gatherMilliseconds = 4;

/** While one group waits for the disk PostgreSQL can work on another, and this process on a third; each holds a connection. */
const mostAtOnce = 4;

/** Where a process takes in LLM usage: requests that are in flight together share a commit. */
export function startLlmUsageWriter(orm: MikroORM): LlmUsageWriter {
  return shareCommits({
    write: (events) => recordLlmUsage(orm, events),
    largestGroup,
    longestQueue,
    goodGroup,
    mostAtOnce,
    gather: () => delay(gatherMilliseconds),
  });
}
