import { describe, expect, it } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import { readTogether } from '../../src/api/readTogether.ts';

/** Reads that end when they are told to; `asked` is how many wishes each began with. */
function reader() {
  const orm = {} as MikroORM;
  const asked: number[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const read = (wishes: readonly string[]) =>
    new Promise<string[]>((resolve, reject) => {
      asked.push(wishes.length);
      const number = asked.length;
      ends.push((error) =>
        error === undefined ? resolve(wishes.map((wish) => `${wish} of read ${number}`)) : reject(error),
      );
    });
  return {
    asked,
    ask: (wish: string, key = 'margin') => readTogether(orm, key, wish, read),
    end: async (number: number, error?: Error) => {
      ends[number - 1]?.(error);
      await new Promise(setImmediate);
    },
  };
}

describe('reads that are shared', () => {
  it('answer who asked meanwhile by the next read, which begins after the last of them asked', async () => {
    const { asked, ask, end } = reader();
    const first = ask('a');
    const later = [ask('b'), ask('c')];
    expect(asked).toEqual([1]);

    await end(1);
    const latest = ask('d');
    expect(asked).toEqual([1, 2]);
    await end(2);
    await end(3);

    expect(await Promise.all([first, ...later, latest])).toEqual([
      'a of read 1',
      'b of read 2',
      'c of read 2',
      'd of read 3',
    ]);
  });

  it('keep nothing: who asks after the end is read for anew', async () => {
    const { ask, end } = reader();
    const first = ask('a');
    await end(1);
    const second = ask('a');
    await end(2);
    expect(await Promise.all([first, second])).toEqual(['a of read 1', 'a of read 2']);
  });

  it('do not wait for what is read of another key', async () => {
    const { asked, ask, end } = reader();
    const both = [ask('a'), ask('b', 'trend')];
    expect(asked).toEqual([1, 1]);
    await end(2);
    await end(1);
    expect(await Promise.all(both)).toEqual(['a of read 1', 'b of read 2']);
  });

  it('fail for exactly those who waited for them', async () => {
    const { ask, end } = reader();
    const first = ask('a');
    const later = ask('b');
    const failed = expect(first).rejects.toThrow('no connection');
    await end(1, new Error('no connection'));
    await failed;
    await end(2);
    expect(await later).toBe('b of read 2');
  });
});
