import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import fc from 'fast-check';
import { startOrm } from '../../src/orm.ts';
import { arrayLiteral } from '../../src/services/arrayLiteral.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let orm: MikroORM;

beforeAll(async () => {
  database = await createTestDatabase();
  orm = await startOrm({ url: database.appUrl });
});
afterAll(async () => {
  await orm?.close(true);
  await database?.drop();
});

async function readBack(values: readonly (string | null)[]): Promise<(string | null)[]> {
  const [row] = await forSession(orm, systemSession).execute<{ values: (string | null)[] }[]>(
    'select to_jsonb(?::text[]) as values',
    [arrayLiteral(values)],
  );
  return row?.values ?? [];
}

it.each([
  [[]],
  [['']],
  [[null, 'null', 'NULL', 'Null']],
  [[' a ', 'a b', '\ta\n', 'a,b', '{a}', '"a"', "it's", 'a\\b', '\\', '$1 ? ??', ':a', 'é', '💡']],
])('PostgreSQL reads %j as it was', async (values: (string | null)[]) => {
  expect(await readBack(values)).toEqual(values);
});

it('PostgreSQL reads any texts as they were', async () => {
  // What no text of PostgreSQL can hold is left out.
  const text = fc.string({ unit: 'grapheme' }).map((value) => value.replaceAll('\0', ''));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(text)), async (values) => {
      expect(await readBack(values)).toEqual(values);
    }),
    { numRuns: 200 },
  );
});
