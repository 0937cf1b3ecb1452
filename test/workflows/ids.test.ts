import { describe, expect, it } from '@jest/globals';
import { syncSpeeds } from '../../src/domain/resourceKind.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import * as workflows from '../../src/workflows/index.ts';
import { searchAttributes, searchAttributeTypes } from '../../src/workflows/searchAttributes.ts';
import { allTaskQueues, syncQueues } from '../../src/workflows/taskQueues.ts';

describe('the names that operators see', () => {
  it('builds ids from business facts', () => {
    expect(syncSpeeds.map(workflowIds.syncInventory)).toEqual([
      'sync-inventory:fast',
      'sync-inventory:full',
      'sync-inventory:slow',
    ]);
    expect(workflowIds.snapshotBalance()).toBe('snapshot-balance');
    expect(workflowIds.estimateMonth()).toBe('estimate-month');
    expect(workflowIds.measureSpaces()).toBe('measure-spaces');
    expect(workflowIds.measureBandwidth()).toBe('measure-bandwidth');
    expect(workflowIds.meterUsage()).toBe('meter-usage');
    expect(workflowIds.sweepDrift()).toBe('sweep-drift');
    expect(workflowIds.discoverInvoices()).toBe('discover-invoices');
    expect(workflowIds.ingestFocusFile('0123456789abcdef0123')).toBe('ingest-focus-file:0123456789abcdef');
    expect(workflowIds.scanFocusFolder()).toBe('scan-focus-folder');
    expect(workflowIds.sweepLifecycle()).toBe('sweep-lifecycle');
    expect(workflowIds.pushReceivables()).toBe('push-receivables');
    expect(workflowIds.evaluateAlerts()).toBe('evaluate-alerts');
    expect(workflowIds.deliverWebhooks('e-1')).toBe('deliver-webhooks:e-1');
    expect(workflowIds.rollUpPeriod('2026-04-01')).toBe('roll-up:2026-04-01');
    expect(workflowIds.rollUpShard('2026-04-01', 3)).toBe('roll-up:2026-04-01:3');
    expect(workflowIds.checkClosure('2026-04-01')).toBe('check-closure:2026-04-01');
    expect(workflowIds.issuePeriod('2026-04-01')).toBe('issue:2026-04-01');
    expect(workflowIds.provisionDeployment('d-1')).toBe('provision:d-1');
    expect(workflowIds.decommissionDeployment('d-1')).toBe('decommission:d-1');
    expect(workflowIds.revertDrift('r-1')).toBe('revert-drift:r-1');
    expect(workflowIds.ingestInvoice('digitalocean', 'a-b')).toBe('ingest-invoice:digitalocean:a-b');
  });

  it('serves each speed of the sync by a task queue of its own, as it does billing and metering', () => {
    expect(syncQueues).toEqual({
      fast: 'cloud-sync-fast',
      full: 'cloud-sync-full',
      slow: 'cloud-sync-slow',
    });
    expect(allTaskQueues).toEqual([
      ...Object.values(syncQueues),
      'cloud-billing',
      'metering',
      'provisioning',
      'webhooks',
    ]);
  });

  it('exports each workflow under the name that schedules and the API start', () => {
    expect(Object.keys(workflows).toSorted()).toEqual([
      'checkClosure',
      'checkPeriod',
      'decommissionDeployment',
      'deliverWebhooks',
      'discoverInvoices',
      'estimateMonth',
      'evaluateAlerts',
      'ingestFocusFile',
      'ingestInvoice',
      'issuePeriod',
      'launch',
      'launchRollUp',
      'measureBandwidth',
      'measureSpaces',
      'meterUsage',
      'provisionDeployment',
      'pushReceivables',
      'revertDrift',
      'rollUpPeriod',
      'rollUpShard',
      'scanFocusFolder',
      'snapshotBalance',
      'sweepDrift',
      'sweepLifecycle',
      'syncInventory',
    ]);
  });

  it('declares to the namespace every search attribute that a workflow sets, with its type', () => {
    const keys = Object.values(searchAttributes).map(({ name, type }) => [name, type.toLowerCase()]);
    const declared = Object.entries(searchAttributeTypes).map(([name, type]) => [name, type.toLowerCase()]);
    expect(keys.toSorted()).toEqual(declared.toSorted());
  });
});
