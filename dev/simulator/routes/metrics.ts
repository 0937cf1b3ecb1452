import type { Router } from '@koa/router';
import { findDroplet } from '../droplets.ts';
import { unprocessable } from '../problem.ts';
import { seededInteger } from '../seeded.ts';
import { type Context, found, integerParameter, type RequestState, type SimulatorState } from '../state.ts';

/** A reading each five minutes, on the minute. */
export const metricStepSeconds = 300;

/**
 * The bandwidth of droplets, from their creation to now, less the lag of the settings. A reading depends on the droplet, the
 * direction and its second alone, so that whoever asks again reads the same.
 */
export function addMetricRoutes(router: Router<RequestState>, { account, settings }: SimulatorState): void {
  router.get('/v2/monitoring/metrics/droplet/bandwidth', (ctx) => {
    const droplet = found(findDroplet(account, integerParameter(text(ctx, 'host_id'))));
    const series = {
      host_id: String(droplet.id),
      interface: oneOf(ctx, 'interface', ['public', 'private']),
      direction: oneOf(ctx, 'direction', ['inbound', 'outbound']),
    };
    const createdAt = Math.floor(Date.parse(droplet.created_at) / 1000);
    const servedUntil = Math.floor(Date.now() / 1000) - settings.metricLagSeconds;
    const start = Math.max(integerParameter(text(ctx, 'start')), createdAt);
    const end = Math.min(integerParameter(text(ctx, 'end')), servedUntil);
    const values: [number, string][] = [];
    for (
      let second = Math.ceil(start / metricStepSeconds) * metricStepSeconds;
      second <= end;
      second += metricStepSeconds
    ) {
      values.push([second, bandwidthReading(series, second)]);
    }
    const result = values.length === 0 ? [] : [{ metric: series, values }];
    ctx.body = { status: 'success', data: { resultType: 'matrix', result } };
  });
}

/** Megabits per second, up to two, with more places than any sum of money has. */
export function bandwidthReading(
  series: { readonly host_id: string; readonly interface: string; readonly direction: string },
  second: number,
): string {
  const { host_id: host, interface: network, direction } = series;
  const billionths = seededInteger(`${host} ${network} ${direction} ${second}`, 0, 2_000_000_000);
  const digits = String(billionths).padStart(10, '0');
  return `${digits.slice(0, 1)}.${digits.slice(1)}`;
}

function text(ctx: Context, name: string): string {
  const value = ctx.query[name];
  if (typeof value !== 'string') throw unprocessable(`${name} is required.`);
  return value;
}

function oneOf(ctx: Context, name: string, allowed: readonly string[]): string {
  const value = text(ctx, name);
  if (!allowed.includes(value)) throw unprocessable(`${name} must be one of ${allowed.join(', ')}.`);
  return value;
}
