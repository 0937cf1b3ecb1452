import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startOrm } from '../../../src/orm.ts';
import { forSession, systemSession } from '../../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

const cli = fileURLToPath(new URL('../../../src/cli.ts', import.meta.url));
const sample = (name: string) =>
  fileURLToPath(new URL(`../../integrations/centralBanks/${name}`, import.meta.url));
let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** Runs the command as an operator does. @returns what it wrote, and how it ended */
async function fetchRates(...options: string[]): Promise<{ code: number; text: string }> {
  const env = { ...process.env, DATABASE_URL: database.appUrl };
  return promisify(execFile)(process.execPath, [cli, 'rates:fetch', ...options], { env }).then(
    ({ stdout }) => ({ code: 0, text: stdout.trim() }),
    ({ code, stderr }: { code: number; stderr: string }) => ({ code, text: stderr.trim() }),
  );
}

describe('rates:fetch', () => {
  it('stores the rates of the last day, as stated, once', async () => {
    const options = ['--source', 'rba', '--file', sample('f11.1-data.csv')];
    const stored = '1 of 1 rates are new; the last day is 2026-09-28';
    expect(await fetchRates(...options)).toEqual({ code: 0, text: stored });
    const again = '0 of 1 rates are new; the last day is 2026-09-28';
    expect(await fetchRates(...options)).toEqual({ code: 0, text: again });
  });

  it('stores those of every day since one, with where they are from', async () => {
    const options = ['--source', 'ecb', '--file', sample('eurofxref-hist.csv'), '--since', '2026-09-24'];
    expect((await fetchRates(...options)).text).toBe('6 of 6 rates are new; the last day is 2026-09-25');
    const orm = await startOrm({ url: database.appUrl, poolSize: 1 });
    const em = forSession(orm, systemSession);
    const rows = await em.execute(
      `select from_currency, to_currency, trim_scale(rate)::text as rate, effective_from::text, source, created_by
       from exchange_rates where source = 'ecb' and to_currency = 'AUD' order by effective_from`,
    );
    await orm.close(true);
    expect(rows).toEqual([
      {
        from_currency: 'EUR',
        to_currency: 'AUD',
        rate: '1.665',
        effective_from: '2026-09-24',
        source: 'ecb',
        created_by: 'cli',
      },
      {
        from_currency: 'EUR',
        to_currency: 'AUD',
        rate: '1.67',
        effective_from: '2026-09-25',
        source: 'ecb',
        created_by: 'cli',
      },
    ]);
  });

  it('says why it stores nothing', async () => {
    const since = await fetchRates(
      '--source',
      'rba',
      '--file',
      sample('f11.1-data.csv'),
      '--since',
      '2026-10-01',
    );
    expect(since).toEqual({
      code: 1,
      text: 'the file of rba states no rate since 2026-10-01; its last day is 2026-09-28',
    });
    const other = await fetchRates('--source', 'rba', '--file', sample('eurofxref.csv'));
    expect(other.code).toBe(1);
    expect(other.text).toContain("the file of rates can't be read: it has no row Title or no row Series ID");
  });
});
