import type { Period } from '../domain/period.ts';
import {
  type CheckedInvoices,
  type CheckedPart,
  checkInvoices,
  storedTotals,
} from '../services/rollup/checkInvoices.ts';
import { freezeWorklist } from '../services/rollup/freezeWorklist.ts';
import { issueDraftPage, type PageDone, repriceChangedDrafts } from '../services/rollup/issueDrafts.ts';
import {
  readLedger,
  recordCheck,
  recordIssue,
  recordRolledUp,
  summariseWorklist,
} from '../services/rollup/periodLedger.ts';
import { type RollUpCounts, rollUpTenants } from '../services/rollup/rollUpTenants.ts';
import {
  NotInRollup,
  readTenantWork,
  reopenFailed,
  reopenTenant,
  skipTenant,
} from '../services/rollup/worklistExceptions.ts';
import type { OperatorRequest, RollUpSummary, TenantUpdateResult } from '../workflows/rollUpMessages.ts';
import { type ActivityDependencies, systemEntityManager } from './dependencies.ts';
import { toDecision } from './operatorDecision.ts';

const defaultGraceHours = 72;

interface TenantActivityInput {
  readonly period: Period;
  readonly tenantId: string;
  readonly request: OperatorRequest;
  readonly workflowId: string;
}

export function createRollUpActivities(dependencies: ActivityDependencies) {
  const em = () => systemEntityManager(dependencies);

  async function tenantState(period: Period, tenantId: string): Promise<TenantUpdateResult> {
    const work = await readTenantWork(em(), period, tenantId);
    if (work === null) throw new NotInRollup(period, tenantId);
    return { tenantId, state: work.state, problem: work.problem ?? null, message: work.message ?? null };
  }

  return {
    /** @returns how many tenants the worklist has */
    async freezeWorklist(input: {
      period: Period;
      workflowId: string;
      runId: string;
      force: OperatorRequest | null;
    }): Promise<number> {
      const { force, ...run } = input;
      return freezeWorklist(em(), {
        ...run,
        force: force !== null,
        ...(force === null ? {} : { forcedBy: toDecision(force) }),
        graceHours: dependencies.invoiceGraceHours ?? defaultGraceHours,
        now: new Date(),
      });
    },

    /** One batch of the worklist, in one transaction. */
    async rollUpTenants(input: {
      period: Period;
      from: number;
      until: number;
      force: boolean;
    }): Promise<RollUpCounts> {
      const { period, from, until, force } = input;
      return rollUpTenants(em(), { period, part: { from, until }, force, now: new Date() });
    },

    /** Counts the worklist, also in the ledger, and names the first of those who failed. */
    async summariseRollUp(input: { period: Period }): Promise<RollUpSummary> {
      return summariseWorklist(em(), input.period);
    },

    async recordRolledUp(input: { period: Period }): Promise<void> {
      await recordRolledUp(em(), input.period, new Date());
    },

    async retryTenant(input: TenantActivityInput): Promise<TenantUpdateResult> {
      const { period, tenantId } = input;
      const now = new Date();
      await reopenTenant(em(), { ...input, ...toDecision(input.request), now });
      await rollUpTenants(em(), { period, part: { tenantIds: [tenantId] }, force: false, now });
      return tenantState(period, tenantId);
    },

    async skipTenant(input: TenantActivityInput): Promise<TenantUpdateResult> {
      await skipTenant(em(), { ...input, ...toDecision(input.request), now: new Date() });
      return tenantState(input.period, input.tenantId);
    },

    /** @returns how many tenants the worklist has */
    async reopenFailed(input: Omit<TenantActivityInput, 'tenantId'>): Promise<number> {
      return reopenFailed(em(), { ...input, ...toDecision(input.request), now: new Date() });
    },

    async countPositions(input: { period: Period }): Promise<number> {
      return (await summariseWorklist(em(), input.period)).tenants;
    },

    async checkInvoices(input: { period: Period; part: CheckedPart }): Promise<CheckedInvoices> {
      return checkInvoices(em(), input);
    },

    async storedTotals(input: { period: Period }): ReturnType<typeof storedTotals> {
      return storedTotals(em(), input.period);
    },

    async recordCheck(input: { period: Period }): Promise<void> {
      await recordCheck(em(), input.period, new Date());
    },

    /** When the grace time of a period ends; at once where it was never rolled up. */
    async readIssueTime(input: { period: Period }): Promise<{ issueAfter: string }> {
      const ledger = await readLedger(em(), input.period);
      return { issueAfter: (ledger?.issueAfter ?? new Date()).toISOString() };
    },

    async repriceDrafts(input: {
      period: Period;
      after: string | null;
      limit: number;
    }): Promise<PageDone<RollUpCounts>> {
      return repriceChangedDrafts(em(), { ...input, now: new Date() });
    },

    /** @returns how many were issued */
    async issueDrafts(input: {
      period: Period;
      after: string | null;
      limit: number;
      workflowId: string;
    }): Promise<PageDone<number>> {
      return issueDraftPage(em(), { ...input, now: new Date() });
    },

    /** @returns how many drafts are left */
    async recordIssue(input: { period: Period }): Promise<number> {
      return recordIssue(em(), input.period, new Date());
    },
  };
}
