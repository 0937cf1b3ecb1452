import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { UniqueConstraintViolationException } from '@mikro-orm/postgresql';
import { executeBound } from '../../src/services/boundStatement.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world?.close();
});

describe('a bound statement', () => {
  it('hands over values as they are', async () => {
    const values = [`it's "so"`, '? $1 \\ %s', 'line\nbreak', null];
    const rows = await world
      .em()
      .transactional((em) =>
        executeBound<{ first: string }>(
          em,
          'select $1::text as a, $2::text as b, $3::text as c, $4::text as d',
          values,
        ),
      );
    expect(rows).toEqual([{ a: values[0], b: values[1], c: values[2], d: null }]);
  });

  it('keeps an instant', async () => {
    const now = new Date('2026-04-01T00:00:00.123Z');
    const rows = await world
      .em()
      .transactional((em) =>
        executeBound<{ same: boolean }>(em, `select $1::timestamptz = '2026-04-01T00:00:00.123Z' as same`, [
          now,
        ]),
      );
    expect(rows).toEqual([{ same: true }]);
  });

  it("runs in its caller's transaction and session", async () => {
    const [here, bound] = await world.em().transactional(async (em) => {
      const where = `select pg_current_xact_id()::text as id, current_setting('app.role') as role`;
      return [await em.execute(where), await executeBound(em, where, [])];
    });
    expect(bound).toEqual(here);
  });

  it('fails as other statements do', async () => {
    const twice = world
      .em()
      .transactional((em) =>
        executeBound(em, 'insert into document_numbers (series, last) values ($1, 1), ($1, 2)', ['TWICE']),
      );
    await expect(twice).rejects.toThrow(UniqueConstraintViolationException);
  });

  it('is refused outside of a transaction, where no session decides what is visible', async () => {
    await expect(executeBound(world.em(), 'select 1', [])).rejects.toThrow('needs a transaction');
  });
});
