import type { MikroORM } from '@mikro-orm/postgresql';

/** One read for all who ask the same: what each wishes for, and what each gets, in their order. */
export type SharedRead<Wish, Result> = (wishes: readonly Wish[]) => Promise<readonly Result[]>;

interface Waiting {
  readonly wish: unknown;
  readonly read: SharedRead<unknown, unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Who waits for the next read, by what is read; where there is an entry, one is under way. */
type Queues = Map<string, Waiting[]>;

const queuesOf = new WeakMap<MikroORM, Queues>();

/**
 * Reads that take long are shared: whoever asks for the same while one is under way waits for its end, and then all who wait are answered by
 * the next one. It begins after the last of them has asked, so nobody sees books older than its own question; nothing is kept. Should it
 * fail, exactly those fail that waited for it.
 * @param key names what is read, and by whom, where not everybody sees the same
 * @param read that of the last who asked is called for all of them
 */
export function readTogether<Wish, Result>(
  orm: MikroORM,
  key: string,
  wish: Wish,
  read: SharedRead<Wish, Result>,
): Promise<Result> {
  const queues = queuesOf.get(orm) ?? new Map<string, Waiting[]>();
  queuesOf.set(orm, queues);
  return new Promise<Result>((resolve, reject) => {
    // Of one key all wishes and results are of one type: the key is made where they are.
    const waiting = { wish, read, resolve, reject } as unknown as Waiting;
    const queue = queues.get(key);
    if (queue !== undefined) {
      queue.push(waiting);
      return;
    }
    queues.set(key, []);
    void answerAll(queues, key, [waiting]);
  });
}

async function answerAll(queues: Queues, key: string, first: readonly Waiting[]): Promise<void> {
  let group = first;
  for (let last = group.at(-1); last !== undefined; last = group.at(-1)) {
    try {
      const results = await last.read(group.map(({ wish }) => wish));
      for (const [index, { resolve }] of group.entries()) resolve(results[index]);
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
    group = queues.get(key) ?? [];
    if (group.length > 0) queues.set(key, []);
  }
  queues.delete(key);
}
