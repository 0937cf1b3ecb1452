import { z } from 'zod';
import type { RateSample } from '../../domain/bandwidth.ts';
import { Decimal } from '../../domain/money.ts';
import { aborting } from './billing.ts';
import { type DigitalOceanClient, readJson } from './client.ts';
import type { components } from './schema.generated.ts';
import type { Fields } from './wire.ts';

type Schemas = components['schemas'];

/** A rate as Prometheus prints it, with an exponent where it is small; what it has no number for reads `NaN` or `+Inf`. */
const megabits = z.union([
  z
    .string()
    .regex(/^\d+(?:\.\d+)?(?:e[+-]?\d{1,3})?$/i, 'expected a rate')
    .transform((text): Decimal => new Decimal(text)),
  z.enum(['NaN', '+Inf', '-Inf']).transform(() => null),
]);

const bandwidth = z.object({
  status: z.literal('success'),
  data: z.object({
    resultType: z.literal('matrix'),
    result: z.array(
      z.object({
        values: z.array(z.tuple([z.int(), megabits])),
      } satisfies Fields<Schemas['metrics_result']>),
    ),
  } satisfies Fields<Schemas['metrics_data']>),
} satisfies Fields<Schemas['metrics']>);

/**
 * The public outbound rate of a droplet in megabits per second, from `from` to `until`, a list for each series. The provider
 * thins out the readings of a long time, so ask for hours, not weeks.
 */
export async function readOutboundBandwidth(
  { json }: DigitalOceanClient,
  dropletId: string,
  range: { readonly from: Date; readonly until: Date },
  signal?: AbortSignal,
): Promise<RateSample[][]> {
  const call = json.GET('/v2/monitoring/metrics/droplet/bandwidth', {
    params: {
      query: {
        host_id: dropletId,
        interface: 'public',
        direction: 'outbound',
        start: unixSeconds(range.from),
        end: unixSeconds(range.until),
      },
    },
    parseAs: 'stream',
    ...aborting(signal),
  });
  const answer = await readJson(`the bandwidth of droplet ${dropletId}`, call, bandwidth);
  return answer.data.result.map(({ values }) =>
    values.map(([atSecond, megabitsPerSecond]) => ({ atSecond, megabitsPerSecond })),
  );
}

function unixSeconds(instant: Date): string {
  return String(Math.floor(instant.getTime() / 1000));
}
