import { afterEach, describe, expect, it } from '@jest/globals';
import { bandwidthReading } from '../../../dev/simulator/routes/metrics.ts';
import { startSimulator } from '../../../dev/simulator/simulator.ts';
import {
  type AnsweringServer,
  answerJson,
  providerAt,
  rejectionOf,
  startAnsweringServer,
} from './answeringServer.ts';

const range = { from: new Date('2026-05-20T10:00:00Z'), until: new Date('2026-05-20T11:00:00Z') };
let server: AnsweringServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function read(result: unknown, rest: object = {}) {
  const answer = { status: 'success', data: { resultType: 'matrix', result }, ...rest };
  server = await startAnsweringServer(answerJson({ '/v2/monitoring/metrics/droplet/bandwidth': answer }));
  return providerAt(server.url).outboundBandwidth?.('1', range);
}

const metric = { host_id: '1', interface: 'public', direction: 'outbound' };

describe('the outbound bandwidth of a droplet', () => {
  it('is what the provider serves for its public interface, to the last digit', async () => {
    const simulator = await startSimulator();
    const provider = providerAt(simulator.url, { token: simulator.token });
    const [series] = (await provider.outboundBandwidth?.('412000105', range)) ?? [];
    const again = await provider.outboundBandwidth?.('412000105', range);
    await simulator.close();
    expect(series).toHaveLength(13);
    expect(series?.map(({ atSecond }) => atSecond)[0]).toBe(range.from.getTime() / 1000);
    for (const { atSecond, megabitsPerSecond } of series ?? []) {
      const sent = bandwidthReading({ ...metric, host_id: '412000105' }, atSecond);
      expect(megabitsPerSecond?.toFixed(9)).toBe(sent);
    }
    expect(again).toEqual([series]);
  });

  it('is empty before the droplet was made', async () => {
    const simulator = await startSimulator();
    const provider = providerAt(simulator.url, { token: simulator.token });
    const long = { from: new Date('2014-01-01T00:00:00Z'), until: new Date('2014-01-01T06:00:00Z') };
    expect(await provider.outboundBandwidth?.('412000105', long)).toEqual([]);
    await simulator.close();
  });

  it('reads small rates with an exponent exactly, and what is no number as unknown', async () => {
    const values = [
      [1_747_735_200, '1.25e-05'],
      [1_747_735_260, '12'],
      [1_747_735_320, 'NaN'],
      [1_747_735_380, '+Inf'],
    ];
    const [series] = (await read([{ metric, values }])) ?? [];
    expect(series?.map(({ megabitsPerSecond }) => megabitsPerSecond?.toFixed() ?? null)).toEqual([
      '0.0000125',
      '12',
      null,
      null,
    ]);
  });

  it.each([
    ['a negative rate', [{ metric, values: [[1_747_735_200, '-1']] }]],
    ['a rate that is no text', [{ metric, values: [[1_747_735_200, 1.5]] }]],
    ['a reading without a rate', [{ metric, values: [[1_747_735_200]] }]],
    ['no list', { metric }],
  ])('refuses %s', async (_what, result) => {
    expect(await rejectionOf(read(result))).toMatchObject({ code: 'provider_bad_answer', retryable: false });
  });

  it('refuses an answer that says it failed', async () => {
    expect(await rejectionOf(read([], { status: 'error' }))).toMatchObject({ code: 'provider_bad_answer' });
  });
});
