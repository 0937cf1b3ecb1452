import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Decimal } from '../../src/domain/money.ts';
import { recordBalance } from '../../src/services/recordBalance.ts';
import { openWorld, type World } from './world.ts';

describe('recordBalance', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  const balance = (generatedAt: string, amount: string) => ({
    monthToDateBalance: new Decimal(amount),
    accountBalance: new Decimal('86.92'),
    monthToDateUsage: new Decimal('0.1234567890123456789'),
    currency: 'USD',
    generatedAt: new Date(generatedAt),
  });

  it('keeps one snapshot for each time that the provider computed a balance, exactly as stated', async () => {
    const record = (generatedAt: string, amount: string, takenAt: string) =>
      recordBalance(world.em(), 'digitalocean', balance(generatedAt, amount), new Date(takenAt));
    expect(await record('2026-05-28T06:00:00Z', '100.10', '2026-05-28T06:07:00Z')).toBe(true);
    expect(await record('2026-05-28T06:00:00Z', '100.10', '2026-05-28T07:07:00Z')).toBe(false);
    expect(await record('2026-05-28T07:00:00Z', '-3.00', '2026-05-28T08:07:00Z')).toBe(true);
    const rows = await world.em().execute(
      `select month_to_date_balance::text as balance, month_to_date_usage::text as usage
       from cloud_balance_snapshots order by generated_at`,
    );
    expect(rows).toEqual([
      { balance: '100.1', usage: '0.1234567890123456789' },
      { balance: '-3', usage: '0.1234567890123456789' },
    ]);
  });
});
