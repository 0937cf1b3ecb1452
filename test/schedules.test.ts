import { describe, expect, it } from '@jest/globals';
import { schedulesFor } from '../src/schedules.ts';

const schedules = schedulesFor('digitalocean');

describe('the table of schedules', () => {
  it.each([
    {
      id: 'inventory-fast',
      minute: 15,
      hour: '*',
      starts: 'syncInventory',
      as: 'sync-inventory:fast',
      on: 'cloud-sync-fast',
    },
    {
      id: 'inventory-full',
      minute: 15,
      hour: '*',
      starts: 'syncInventory',
      as: 'sync-inventory:full',
      on: 'cloud-sync-full',
    },
    {
      id: 'inventory-slow',
      minute: 15,
      hour: '*',
      starts: 'syncInventory',
      as: 'sync-inventory:slow',
      on: 'cloud-sync-slow',
    },
    {
      id: 'balance',
      minute: 7,
      hour: '*',
      starts: 'snapshotBalance',
      as: 'snapshot-balance',
      on: 'cloud-billing',
    },
    {
      id: 'estimate',
      minute: 9,
      hour: '*',
      starts: 'estimateMonth',
      as: 'estimate-month',
      on: 'cloud-billing',
    },
    {
      id: 'spaces-usage',
      minute: 35,
      hour: '*',
      starts: 'measureSpaces',
      as: 'measure-spaces',
      on: 'cloud-sync-slow',
    },
    {
      id: 'bandwidth',
      minute: 40,
      hour: '*',
      starts: 'measureBandwidth',
      as: 'measure-bandwidth',
      on: 'cloud-sync-slow',
    },
    {
      id: 'discovery',
      minute: 23,
      hour: 2,
      starts: 'discoverInvoices',
      as: 'discover-invoices',
      on: 'cloud-billing',
    },
  ])(
    '$id launches $starts as $as on $on at minute $minute of hour $hour',
    ({ id, minute, hour, starts, as, on }) => {
      const schedule = schedules.find((candidate) => candidate.id === id);
      expect(schedule?.at).toEqual({ minute, hour });
      expect(schedule?.launch).toMatchObject({ workflow: starts, workflowId: as, taskQueue: on });
      expect(schedule?.launch.input).toMatchObject({ provider: 'digitalocean' });
      expect(schedule?.note).not.toBe('');
      expect(schedule?.launch.summary).toContain('digitalocean');
    },
  );

  it('holds these eight and no other, each under an id of its own', () => {
    expect(schedules.map(({ id }) => id)).toEqual([
      'inventory-fast',
      'inventory-full',
      'inventory-slow',
      'balance',
      'estimate',
      'spaces-usage',
      'bandwidth',
      'discovery',
    ]);
    expect(new Set(schedules.map(({ launch }) => launch.workflowId)).size).toBe(8);
  });

  it('skips an hourly run while the one before is launched, makes it up within half an hour, and ends one that hangs before the next, a measurement of buckets before the next day', () => {
    for (const schedule of schedules.filter(({ at }) => at.hour === '*')) {
      expect(schedule.overlap).toBe('SKIP');
      expect(schedule.catchupWindow).toBe('30 minutes');
      expect(schedule.launch.timeoutMinutes).toBeLessThan(schedule.id === 'spaces-usage' ? 24 * 60 : 60);
    }
  });

  it('keeps one daily discovery waiting, makes it up within a day, and ends one that hangs before the next', () => {
    const discovery = schedules.find(({ id }) => id === 'discovery');
    expect(discovery?.overlap).toBe('BUFFER_ONE');
    expect(discovery?.catchupWindow).toBe('1 day');
    expect(discovery?.launch.timeoutMinutes).toBeLessThan(24 * 60);
  });
});
