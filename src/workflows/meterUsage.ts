import { continueAsNew, workflowInfo } from '@temporalio/workflow';
import { addDays, daysBetween } from '../domain/calendar.ts';
import { databaseActivities } from './activityOptions.ts';
import type { MeterUsageInput, MeterUsageResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';

/** Each transaction meters that many days at most, for all deployments. */
const daysAtOnce = 7;

/**
 * Meters what deployments use, by day: the running day, each day that is not closed, or, where days are asked for, those, closed or
 * not. The newest come first. Metering a day again gives the same rows, so a run may stop anywhere.
 */
export async function meterUsage(input: MeterUsageInput): Promise<MeterUsageResult> {
  const waiting = [...(input.carried?.waiting ?? input.days ?? (await databaseActivities.findDaysToMeter()))];
  let result: MeterUsageResult = input.carried?.result ?? {
    added: 0,
    changed: 0,
    removed: 0,
    unknown: 0,
    firstUnknown: null,
  };
  for (let range = waiting.pop(); range !== undefined; range = waiting.pop()) {
    const isLong = daysBetween(range.from, range.until) > daysAtOnce;
    const from = isLong ? addDays(range.until, -daysAtOnce) : range.from;
    if (isLong) waiting.push({ from: range.from, until: from });
    enterPhase('metering', `Metering the days from ${from} up to ${addDays(range.until, -1)}`);
    const metered = await databaseActivities.meterDays({ from, until: range.until });
    result = {
      added: result.added + metered.added,
      changed: result.changed + metered.changed,
      removed: result.removed + metered.removed,
      unknown: result.unknown + metered.unknown,
      firstUnknown: metered.firstUnknown ?? result.firstUnknown,
    };
    if (waiting.length > 0 && workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof meterUsage>({ ...input, carried: { waiting, result } });
    }
  }
  const summary = `${result.added} rows are new, ${result.changed} changed, ${result.removed} vanished; ${result.unknown} days of a kind are unknown`;
  enterPhase('done', summary);
  if (result.firstUnknown !== null) {
    const { day, resourceKind, reason } = result.firstUnknown;
    reportProblem('usage_unknown', `${summary}: first ${resourceKind} on ${day}: ${reason}`);
  }
  return result;
}
