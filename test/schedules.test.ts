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
      id: 'drift',
      minute: 20,
      hour: '*',
      starts: 'sweepDrift',
      as: 'sweep-drift',
      on: 'provisioning',
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
      id: 'metering',
      minute: 45,
      hour: '*',
      starts: 'meterUsage',
      as: 'meter-usage',
      on: 'metering',
    },
    {
      id: 'lifecycle',
      minute: 20,
      hour: 0,
      starts: 'sweepLifecycle',
      as: 'sweep-lifecycle',
      on: 'cloud-billing',
    },
    {
      id: 'receivables',
      minute: [2, 32],
      hour: '*',
      starts: 'pushReceivables',
      as: 'push-receivables',
      on: 'cloud-billing',
    },
    {
      id: 'alerts',
      minute: 50,
      hour: '*',
      starts: 'evaluateAlerts',
      as: 'evaluate-alerts',
      on: 'cloud-billing',
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
      expect(schedule?.note).not.toBe('');
      // What reads from a provider says from which; the rest works on what is stored.
      const readsProvider = !['metering', 'lifecycle', 'receivables', 'alerts'].includes(id);
      expect(schedule?.launch.input).toEqual(
        expect.objectContaining(readsProvider ? { provider: 'digitalocean' } : {}),
      );
      expect(schedule?.launch.summary.includes('digitalocean')).toBe(readsProvider);
    },
  );

  it('holds these fourteen and no other, each under an id of its own', () => {
    expect(schedules.map(({ id }) => id)).toEqual([
      'inventory-fast',
      'inventory-full',
      'inventory-slow',
      'balance',
      'estimate',
      'drift',
      'spaces-usage',
      'bandwidth',
      'metering',
      'lifecycle',
      'receivables',
      'alerts',
      'rollup',
      'discovery',
    ]);
    expect(new Set(schedules.map(({ launch }) => launch.workflowId)).size).toBe(14);
  });

  it('skips an hourly run while the one before is launched, makes it up within half an hour, and ends one that hangs before the next, a measurement of buckets before the next day', () => {
    for (const schedule of schedules.filter(({ at }) => at.hour === '*')) {
      expect(schedule.overlap).toBe('SKIP');
      expect(schedule.catchupWindow).toBe('30 minutes');
      // It waits for a finance system that is away, and does not hang.
      if (schedule.id === 'receivables') continue;
      expect(schedule.launch.timeoutMinutes).toBeLessThan(schedule.id === 'spaces-usage' ? 24 * 60 : 60);
    }
  });

  it('sweeps the lifecycle of deployments daily, also a day late, before the rollup of the first', () => {
    const lifecycle = schedules.find(({ id }) => id === 'lifecycle');
    expect(lifecycle?.overlap).toBe('BUFFER_ONE');
    expect(lifecycle?.catchupWindow).toBe('1 day');
    expect(lifecycle?.launch.timeoutMinutes).toBeLessThan(24 * 60);
    expect(lifecycle?.at.hour).toBeLessThan(3);
  });

  it('keeps one daily discovery waiting, makes it up within a day, and ends one that hangs before the next', () => {
    const discovery = schedules.find(({ id }) => id === 'discovery');
    expect(discovery?.overlap).toBe('BUFFER_ONE');
    expect(discovery?.catchupWindow).toBe('1 day');
    expect(discovery?.launch.timeoutMinutes).toBeLessThan(24 * 60);
  });
});
