import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { shareCommits, WriterBusy } from '../../src/services/sharedCommit.ts';

interface Group {
  readonly items: readonly number[];
  commit(): void;
  fail(error: Error): void;
}

/** A writer whose groups the test commits and fails by hand; a result is ten times its item. */
function byHand(
  options: { largestGroup?: number; longestQueue?: number; goodGroup?: number; mostAtOnce?: number } = {},
) {
  const groups: Group[] = [];
  const moments: (() => void)[] = [];
  const commits = shareCommits<number, number>({
    largestGroup: options.largestGroup ?? 100,
    longestQueue: options.longestQueue ?? 1_000,
    goodGroup: options.goodGroup ?? 1,
    mostAtOnce: options.mostAtOnce ?? 1,
    gather: () => new Promise((resolve) => moments.push(resolve)),
    write: (items) =>
      new Promise((resolve, reject) => {
        groups.push({ items, commit: () => resolve(items.map((item) => item * 10)), fail: reject });
      }),
  });
  /** Submits, and says what came of it so far. */
  const submit = (...items: number[]) => {
    const outcome: { state: unknown } = { state: 'waiting' };
    commits.submit(items).then(
      (results) => {
        outcome.state = results;
      },
      (error: unknown) => {
        outcome.state = error instanceof Error ? error.message : error;
      },
    );
    return outcome;
  };
  const written = () => groups.map(({ items }) => items);
  /** Ends the moment in which the writer waits for more. */
  const goOn = () => moments.shift()?.();
  return { groups, moments, submit, written, goOn };
}

describe('commits that are shared', () => {
  it('write at once what comes alone', async () => {
    const { groups, submit, written } = byHand();
    const first = submit(1);
    expect(written()).toEqual([[1]]);
    groups[0]?.commit();
    await turn();
    expect(first.state).toEqual([10]);
    submit(2);
    expect(written()).toEqual([[1], [2]]);
  });

  it('put what comes while a group is written into the next one, in order, each with its own results', async () => {
    const { groups, submit, written } = byHand();
    submit(1);
    const outcomes = [submit(2, 3), submit(4), submit(), submit(5)];
    await turn();
    expect(written()).toEqual([[1]]);
    groups[0]?.commit();
    await turn();
    expect(written()).toEqual([[1], [2, 3, 4, 5]]);
    expect(outcomes.map(({ state }) => state)).toEqual(Array(4).fill('waiting'));
    groups[1]?.commit();
    await turn();
    expect(outcomes.map(({ state }) => state)).toEqual([[20, 30], [40], [], [50]]);
  });

  it('answer nobody before the commit', async () => {
    const { submit } = byHand();
    const outcomes = [submit(1), submit(2)];
    await turn();
    expect(outcomes.map(({ state }) => state)).toEqual(['waiting', 'waiting']);
  });

  it('fail exactly those whose group fails, and write the next group', async () => {
    const { groups, submit } = byHand();
    const first = submit(1);
    const second = [submit(2), submit(3)];
    groups[0]?.commit();
    await turn();
    const third = submit(4);
    groups[1]?.fail(new Error('the database went away'));
    await turn();
    groups[2]?.commit();
    await turn();
    expect(first.state).toEqual([10]);
    expect(second.map(({ state }) => state)).toEqual(['the database went away', 'the database went away']);
    expect(third.state).toEqual([40]);
  });

  it('keep a group to its size, and what was submitted together in one group, however many', async () => {
    const { groups, submit, written } = byHand({ largestGroup: 3 });
    submit(0);
    for (const items of [[1, 2], [3], [4], [5, 6, 7, 8], [9]]) submit(...items);
    for (let index = 0; index < 5; index += 1) {
      groups[index]?.commit();
      await turn();
    }
    expect(written()).toEqual([[0], [1, 2, 3], [4], [5, 6, 7, 8], [9]]);
  });

  it('gather for a moment after a group that several shared, where it made little use of its commit', async () => {
    const { groups, moments, submit, written, goOn } = byHand({ goodGroup: 4 });
    submit(1);
    submit(2);
    submit(3);
    groups[0]?.commit();
    await turn();
    groups[1]?.commit();
    await turn();
    submit(4);
    await turn();
    expect([written(), moments.length]).toEqual([[[1], [2, 3]], 1]);
    submit(5, 6, 7);
    goOn();
    await turn();
    expect(written()).toEqual([[1], [2, 3], [4, 5, 6, 7]]);
    submit(8);
    groups[2]?.commit();
    await turn();
    expect(written()).toEqual([[1], [2, 3], [4, 5, 6, 7], [8]]);
  });

  it('write what is enough for a good group beside the one under way, and no more at once than is allowed', async () => {
    const { groups, submit, written } = byHand({ goodGroup: 3, mostAtOnce: 2 });
    const outcomes = [submit(1), submit(2, 3), submit(4), submit(5, 6, 7), submit(8)];
    await turn();
    expect(written()).toEqual([[1], [2, 3, 4]]);
    groups[1]?.commit();
    await turn();
    expect(outcomes.map(({ state }) => state)).toEqual(['waiting', [20, 30], [40], 'waiting', 'waiting']);
    expect(written()).toEqual([[1], [2, 3, 4], [5, 6, 7, 8]]);
    groups[0]?.fail(new Error('the database went away'));
    groups[2]?.commit();
    await turn();
    expect(outcomes.map(({ state }) => state)).toEqual([
      'the database went away',
      [20, 30],
      [40],
      [50, 60, 70],
      [80],
    ]);
  });

  it('write less than a good group only when nothing else is under way', async () => {
    const { groups, submit, written } = byHand({ goodGroup: 3, mostAtOnce: 3 });
    submit(1, 2, 3);
    submit(4, 5, 6);
    submit(7);
    await turn();
    groups[0]?.commit();
    await turn();
    expect(written()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    groups[1]?.commit();
    await turn();
    expect(written().at(-1)).toEqual([7]);
  });

  it('refuse at once what the queue has no place for, and take it again when it has', async () => {
    const { groups, submit } = byHand({ longestQueue: 3 });
    submit(0);
    const outcomes = [submit(1, 2), submit(3), submit(4)];
    await turn();
    expect(outcomes.map(({ state }) => state)).toEqual(['waiting', 'waiting', new WriterBusy(3).message]);
    groups[0]?.commit();
    await turn();
    const later = submit(5);
    groups[1]?.commit();
    await turn();
    groups[2]?.commit();
    await turn();
    expect([outcomes[0]?.state, outcomes[1]?.state, later.state]).toEqual([[10, 20], [30], [50]]);
  });

  it('lose nothing, answer each request with its own results and begin to write in order, however requests and commits interleave', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 15 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 4 }),
        async (scheduler, requests, largestGroup, goodGroup, mostAtOnce) => {
          let next = 0;
          const numbered = requests.map((request) =>
            request.map((isPoison) => {
              next += 1;
              return isPoison ? -next : next;
            }),
          );
          const written: number[] = [];
          const groups: (readonly number[])[] = [];
          let underWay = 0;
          let mostUnderWay = 0;
          const commits = shareCommits<number, number>({
            largestGroup,
            longestQueue: 1_000,
            goodGroup,
            mostAtOnce,
            gather: () => scheduler.schedule(Promise.resolve(), 'moment'),
            write: async (items) => {
              groups.push(items);
              underWay += 1;
              mostUnderWay = Math.max(mostUnderWay, underWay);
              await scheduler.schedule(Promise.resolve(), 'commit');
              underWay -= 1;
              if (items.some((item) => item < 0)) throw new Error('poison');
              written.push(...items);
              return items.map((item) => item * 10);
            },
          });
          const submitted: number[][] = [];
          const answers = numbered.map(async (items) => {
            await scheduler.schedule(Promise.resolve(), 'request');
            submitted.push(items);
            return commits.submit(items).then(
              (results) => ({ items, results }),
              () => ({ items, results: undefined }),
            );
          });
          await scheduler.waitFor(Promise.all(answers));
          for (const { items, results } of await Promise.all(answers)) {
            const group = groups.find((candidate) => items.some((item) => candidate.includes(item))) ?? [];
            const isPoisoned = group.some((item) => item < 0);
            expect(results).toEqual(isPoisoned ? undefined : items.map((item) => item * 10));
            for (const item of items) expect(written.includes(item)).toBe(!isPoisoned);
          }
          expect(groups.flat()).toEqual(submitted.flat());
          expect(mostUnderWay).toBeLessThanOrEqual(mostAtOnce);
        },
      ),
    );
  });
});
