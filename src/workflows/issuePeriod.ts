import {
  condition,
  continueAsNew,
  defineSignal,
  patched,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { databaseActivities } from './activityOptions.ts';
import { clearProblem, enterPhase, reportProblem } from './progress.ts';
import { provePeriod } from './provePeriod.ts';
import { type IssuePeriodInput, type IssuePeriodResult, issueMessages } from './rollUpMessages.ts';
import { searchAttributes } from './searchAttributes.ts';
import { startAlone } from './startAlone.ts';
import { workflowStarts } from './workflowStarts.ts';

const pageSize = 500;

export const issueNowSignal = defineSignal(issueMessages.issueNowSignal);
export const draftsAddedSignal = defineSignal(issueMessages.draftsAddedSignal);

/**
 * Issues a period's drafts once its grace time is over: those whose usage changed are priced again, every invoice is checked, and then
 * they get their numbers, in the order of their tenants. What is issued goes to the finance system.
 */
export async function issuePeriod(input: IssuePeriodInput): Promise<IssuePeriodResult> {
  const { period, carried } = input;
  const { workflowId } = workflowInfo();
  let isUrgent = carried !== undefined;
  let draftsCame = false;
  let step = carried?.step ?? 'reprice';
  let after = carried?.after ?? null;
  let repriced = carried?.repriced ?? 0;
  let issued = carried?.issued ?? 0;
  setHandler(issueNowSignal, () => {
    isUrgent = true;
  });
  setHandler(draftsAddedSignal, () => {
    draftsCame = true;
  });
  upsertSearchAttributes([{ key: searchAttributes.period, value: period }]);

  if (!isUrgent) {
    const { issueAfter } = await databaseActivities.readIssueTime({ period });
    const wait = new Date(issueAfter).getTime() - Date.now();
    if (wait > 0) {
      enterPhase('waiting', `Drafts are open to late usage until ${issueAfter}`);
      await condition(() => isUrgent, wait);
    }
  }
  let held = await issueAll();
  if (issued > 0) await push();
  // Drafts may have come while finance was being told.
  while (draftsCame && patched('drafts-while-pushing')) {
    held = await issueAll();
    await push();
  }

  const summary = `${issued} issued, ${repriced} of them priced again; ${held} drafts are held`;
  enterPhase('done', summary);
  if (held > 0) reportProblem('drafts_held', summary);
  else clearProblem();
  return { period, repriced, issued, held };

  /** @returns how many drafts are held */
  async function issueAll(): Promise<number> {
    let left = 0;
    do {
      draftsCame = false;
      if (step === 'reprice') {
        enterPhase('repricing', 'Pricing drafts again whose usage changed');
        await repriceDrafts();
        enterPhase('checking', 'Computing every invoice again from its inputs');
        await provePeriod(period);
        step = 'issue';
      }
      enterPhase('issuing', 'Issuing the drafts');
      await issueDrafts();
      left = await databaseActivities.recordIssue({ period });
      step = 'reprice';
    } while (draftsCame);
    return left;
  }

  async function repriceDrafts(): Promise<void> {
    do {
      const page = await databaseActivities.repriceDrafts({ period, after, limit: pageSize });
      repriced += page.result.invoiced;
      after = page.after;
      if (after !== null) await continueWhereLong();
    } while (after !== null);
  }

  async function issueDrafts(): Promise<void> {
    do {
      const page = await databaseActivities.issueDrafts({ period, after, limit: pageSize, workflowId });
      issued += page.result;
      after = page.after;
      if (after !== null) await continueWhereLong();
    } while (after !== null);
  }

  async function continueWhereLong(): Promise<void> {
    if (!workflowInfo().continueAsNewSuggested) return;
    await continueAsNew<typeof issuePeriod>({ period, carried: { step, after, repriced, issued } });
  }
}

/** One process tells the finance system of whatever was issued; where it runs already, it will find these too. */
async function push(): Promise<void> {
  await startAlone(workflowStarts.pushReceivables({}));
}
