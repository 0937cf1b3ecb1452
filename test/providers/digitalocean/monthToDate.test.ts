import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../../dev/simulator/simulator.ts';
import { sum } from '../../../src/domain/money.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import { answerJson, providerAt, rejectionOf, startAnsweringServer } from './answeringServer.ts';

let simulator: Simulator;
let provider: Provider;

beforeEach(async () => {
  simulator = await startSimulator();
  provider = providerAt(simulator.url, { token: simulator.token });
});
afterEach(() => simulator.close());

describe('the month-to-date invoice', () => {
  it('is the running month, with when it was computed', async () => {
    const found = await provider.monthToDate?.();
    expect(found).toMatchObject({
      period: '2026-05-01',
      currency: 'USD',
      estimatedAt: new Date('2026-05-28T06:00:00Z'),
    });
    const balance = await provider.balance();
    expect(found?.amount).toEqual(balance.monthToDateUsage);
  });

  it('has lines that add up to it, with ids, kinds and what they charge for', async () => {
    const found = await provider.monthToDate?.();
    const lines = (await Array.fromAsync(found?.lines() ?? [])).flat();
    expect(sum(lines.map(({ amount }) => amount))).toEqual(found?.amount);
    expect(lines.map(({ position }) => position)).toEqual(lines.map((_, index) => index + 1));
    expect(lines.find(({ description }) => description.startsWith('ops-bastion'))).toMatchObject({
      kind: 'droplet',
      lineClass: 'resource',
      resourceId: '412000105',
    });
    expect(lines.at(-1)).toMatchObject({ product: 'GST', lineClass: 'tax', kind: null, resourceId: null });
  });

  it('is not taken for whole where the provider computes it anew while it is read', async () => {
    const found = await provider.monthToDate?.();
    Object.assign(simulator.state.account.preview, { updatedAt: '2026-05-29T06:00:00Z' });
    const lines = async () => Array.fromAsync(found?.lines() ?? []);
    expect(await rejectionOf(lines())).toMatchObject({ code: 'partial_listing', retryable: true });
  });

  it('is none where the provider has none', async () => {
    for (const body of [{ invoices: [] }, { invoices: [], invoice_preview: null }]) {
      const server = await startAnsweringServer(answerJson({ '/v2/customers/my/invoices': body }));
      expect(await providerAt(server.url).monthToDate?.()).toBeNull();
      await server.close();
    }
  });

  it('is refused where it does not say when it was computed', async () => {
    const invoice_preview = { amount: '1.00', invoice_period: '2026-05', updated_at: '' };
    const body = { invoices: [], invoice_preview };
    const server = await startAnsweringServer(answerJson({ '/v2/customers/my/invoices': body }));
    expect(await rejectionOf(Promise.resolve(providerAt(server.url).monthToDate?.()))).toMatchObject({
      code: 'provider_bad_answer',
    });
    await server.close();
  });
});
