import { Conflict } from '../../domain/errors.ts';
import type { Period } from '../../domain/period.ts';

/** A side of the margin that nothing is known of; it is never taken as zero. */
export class SideUnavailable extends Conflict {
  constructor(side: 'cogs' | 'revenue', period: Period, why: string) {
    super(`${side}_unavailable`, `there is no ${side === 'cogs' ? 'COGS' : 'revenue'} of ${period}: ${why}`, {
      context: { side, period },
    });
  }
}
