import { type MeteredDays, meterDays } from '../services/meterDays.ts';
import { type DayRange, findDaysToMeter } from '../services/meteredDays.ts';
import { type ActivityDependencies, systemEntityManager } from './dependencies.ts';

export function createMeteringActivities(dependencies: ActivityDependencies) {
  return {
    /** The days that wait for metering, as ranges. */
    async findDaysToMeter(): Promise<DayRange[]> {
      return findDaysToMeter(systemEntityManager(dependencies), new Date());
    },

    /** Meters every kind on the days of a range, `until` excluded, in one transaction; again changes nothing that is the same. */
    async meterDays(range: DayRange): Promise<MeteredDays> {
      return meterDays(systemEntityManager(dependencies), { ...range, now: new Date() });
    },
  };
}
