import { ArcadiaError } from '../domain/errors.ts';

/** So much waits to be written already that more would only wait longer. */
export class WriterBusy extends ArcadiaError {
  constructor(waiting: number) {
    super('writer_busy', `${waiting} events wait to be written already, try again soon`, {
      retryable: true,
      retryAfterSeconds: 1,
    });
  }
}

export interface SharedCommitOptions<Item, Result> {
  /** Writes one group in one transaction. @returns one result an item, in their order */
  readonly write: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** The most items that share a commit. Items that were submitted together stay together, even if they are more. */
  readonly largestGroup: number;
  /** The most items that may wait for the commits under way. */
  readonly longestQueue: number;
  /** So many items make good use of a commit. */
  readonly goodGroup: number;
  /** The most groups that are written at once; beside another one only where a good group waits. */
  readonly mostAtOnce: number;
  /** A moment in which those who were just answered may send again. */
  readonly gather: () => Promise<void>;
}

export interface SharedCommit<Item, Result> {
  /**
   * Answers when the items are committed. Should their group fail, exactly those fail that were in it.
   * @throws WriterBusy at once, where the queue is full
   */
  submit(items: readonly Item[]): Promise<readonly Result[]>;
}

interface Waiting<Item, Result> {
  readonly items: readonly Item[];
  readonly resolve: (results: readonly Result[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writers that share their commits: what arrives while a group is written waits, and is the next group. What comes alone is written
 * at once. What is enough for a good group does not wait for another one to be done. After a group that several shared, but fewer
 * items than make good use of a commit, the next one gathers for a moment: there is more to come.
 */
export function shareCommits<Item, Result>(
  options: SharedCommitOptions<Item, Result>,
): SharedCommit<Item, Result> {
  let queue: Waiting<Item, Result>[] = [];
  let waiting = 0;
  let underWay = 0;

  function writeWhatWaits(): void {
    while (
      queue.length > 0 &&
      (underWay === 0 || (underWay < options.mostAtOnce && waiting >= options.goodGroup))
    )
      void writeNext();
  }

  async function writeNext(): Promise<void> {
    underWay += 1;
    const group = takeGroup();
    await writeGroup(group);
    if (group.length > 1 && sizeOf(group) < options.goodGroup) await options.gather();
    underWay -= 1;
    writeWhatWaits();
  }

  function takeGroup(): readonly Waiting<Item, Result>[] {
    let size = 0;
    const end = queue.findIndex(({ items }, index) => {
      size += items.length;
      return index > 0 && size > options.largestGroup;
    });
    const group = end === -1 ? queue : queue.slice(0, end);
    queue = end === -1 ? [] : queue.slice(end);
    waiting -= sizeOf(group);
    return group;
  }

  async function writeGroup(group: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await options.write(group.flatMap(({ items }) => items));
      let from = 0;
      for (const { items, resolve } of group) {
        resolve(results.slice(from, from + items.length));
        from += items.length;
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  return {
    submit(items) {
      if (waiting + items.length > options.longestQueue && waiting > 0) {
        return Promise.reject(new WriterBusy(waiting));
      }
      return new Promise((resolve, reject) => {
        queue.push({ items, resolve, reject });
        waiting += items.length;
        writeWhatWaits();
      });
    },
  };
}

function sizeOf(group: readonly { readonly items: readonly unknown[] }[]): number {
  return group.reduce((size, { items }) => size + items.length, 0);
}
