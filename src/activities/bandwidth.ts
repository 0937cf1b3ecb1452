import { cancellationSignal } from '@temporalio/activity';
import { addSeries, bytesByHour, type HourlyBandwidth, longestGapSeconds } from '../domain/bandwidth.ts';
import type { Provider } from '../providers/provider.ts';
import { ProviderError } from '../providers/providerErrors.ts';
import {
  type DropletToRead,
  dropletsToRead,
  recordBandwidth,
  rereadHours,
} from '../services/recordBandwidth.ts';
import type { BandwidthBatch } from '../workflows/messages.ts';
import { type ActivityDependencies, providerNamed, systemEntityManager } from './dependencies.ts';
import { reportProgress } from './keepAlive.ts';

type ReadBandwidth = NonNullable<Provider['outboundBandwidth']>;

const hourMs = 3_600_000;
/** What no other droplet would fare better with. */
const concernsAll = new Set(['provider_unauthorized', 'provider_rate_limited', 'limiter_unavailable']);

export function createBandwidthActivities(dependencies: ActivityDependencies) {
  return {
    /**
     * Reads the public outbound traffic of the next droplets up to a full hour, and keeps it by the hour. A droplet that can't be
     * read is set aside until the next run, which reads the same hours again; where none can be, the batch is tried again.
     */
    async readBandwidth(input: {
      provider: string;
      until: string;
      after: string | null;
      limit: number;
    }): Promise<BandwidthBatch> {
      const read = providerNamed(dependencies, input.provider).outboundBandwidth;
      if (read === undefined) return { read: 0, changedHours: 0, failed: 0, problem: null, after: null };
      const em = systemEntityManager(dependencies);
      const until = new Date(input.until);
      const droplets = await dropletsToRead(em, { ...input, until });
      const failures: ProviderError[] = [];
      let changedHours = 0;
      for (const [index, droplet] of droplets.entries()) {
        try {
          const hours = await hoursOf(read, droplet, until);
          changedHours += await recordBandwidth(
            em,
            hours.map((hour) => ({ ...hour, resourceId: droplet.resourceId })),
            new Date(),
          );
        } catch (error) {
          if (!(error instanceof ProviderError) || concernsAll.has(error.code)) throw error;
          // A droplet that is gone has no readings any more: what was read of it before is all there is.
          if (error.code !== 'provider_not_found') failures.push(error);
        }
        reportProgress({ droplets: index + 1, of: droplets.length });
      }
      const [failure] = failures;
      if (failure?.retryable === true && failures.length === droplets.length) throw failure;
      return {
        read: droplets.length - failures.length,
        changedHours,
        failed: failures.length,
        problem: failure?.code ?? null,
        after: droplets.length === input.limit ? (droplets.at(-1)?.resourceId ?? null) : null,
      };
    },
  };
}

/** Reads some hours at a time: the provider thins out the readings of a longer time. */
async function hoursOf(read: ReadBandwidth, droplet: DropletToRead, until: Date): Promise<HourlyBandwidth[]> {
  const hours: HourlyBandwidth[] = [];
  for (let from = droplet.from; from < until; ) {
    const stop = new Date(Math.min(from.getTime() + rereadHours * hourMs, until.getTime()));
    // The first reading of an hour stands for the time since one that may lie before the hour, and the last reading after it for
    // the hour's end.
    const range = {
      from: new Date(from.getTime() - longestGapSeconds * 1000),
      until: new Date(stop.getTime() + longestGapSeconds * 1000),
    };
    const series = await read(droplet.externalId, range, cancellationSignal());
    const start = from;
    // Without any series there are hours all the same, of which nothing is known.
    const known = series.length === 0 ? [[]] : series;
    hours.push(...addSeries(known.map((samples) => bytesByHour(samples, start, stop))));
    from = stop;
  }
  return hours;
}
