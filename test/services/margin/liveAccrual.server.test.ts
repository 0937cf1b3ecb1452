import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { liveAccrual, subscribedTenants } from '../../../src/services/margin/liveAccrual.ts';
import { previewRollUp } from '../../../src/services/rollup/previewRollUp.ts';
import { type BillingWorld, billingWorld, wholeDay } from '../rollup/billingWorld.ts';
import { openWorld, type World } from '../world.ts';

const april = '2026-04-01';
const middle = new Date('2026-04-11T00:00:00Z');
let world: World;
let billing: BillingWorld;

beforeEach(async () => {
  world = await openWorld();
  billing = billingWorld((sql, parameters) => world.em().execute(sql, parameters));
  await billing.seedCatalog();
}, 60_000);
afterEach(() => world?.close());

/** Five droplets of a deployment, each running on every day. */
async function runDroplets(deploymentId: string, until: string): Promise<void> {
  for (let droplet = 0; droplet < 5; droplet += 1) {
    await billing.use({ deploymentId, kind: 'droplet_hours', from: april, until, quantity: wholeDay });
  }
}

describe('the accrual of the running month', () => {
  it('has recurring and allowance of the whole month, and usage so far', async () => {
    const deploymentId = await billing.deployment({ tenantId: 'a', plan: 'studio', startsOn: '2026-03-01' });
    await runDroplets(deploymentId, '2026-04-11');

    const early = await liveAccrual(world.em(), { tenantIds: ['a'], now: middle });
    await billing.charge(deploymentId, '1.239', '2026-04-10T00:00:00Z');
    const charged = await liveAccrual(world.em(), { tenantIds: ['a'], now: middle });

    expect(early).toMatchObject({
      period: april,
      tenants: [{ tenantId: 'a', currency: 'AUD', problem: null }],
    });
    const [only] = early.tenants[0]?.deployments ?? [];
    expect(only).toMatchObject({ deploymentId, overageCents: 0, llmCents: 0 });
    expect(only?.recurringCents).toBe(only?.totalCents);
    expect(charged.tenants[0]?.totalCents).toBe((only?.recurringCents ?? 0) + 124);
  });

  it('of a month that is used to its end is its invoice before tax', async () => {
    const deploymentId = await billing.deployment({ tenantId: 'a', plan: 'studio', startsOn: april });
    await runDroplets(deploymentId, '2026-05-01');
    await billing.closeMonth(april);

    const { tenants } = await liveAccrual(world.em(), {
      tenantIds: ['a'],
      now: new Date('2026-04-30T23:59:59Z'),
    });
    const [preview] = await previewRollUp(world.em(), { period: april, tenantIds: ['a'] });

    expect(tenants[0]?.totalCents).toBe(7112);
    expect(preview?.invoice?.subtotalCents).toBe(7112);
  });

  it('counts active subscriptions alone, and says of a tenant why it can not be priced', async () => {
    await billing.deployment({
      tenantId: 'gone',
      plan: 'studio',
      startsOn: april,
      cancelledAt: '2026-04-05T00:00:00Z',
    });
    await billing.deployment({ tenantId: 'odd', plan: 'studio', startsOn: april });
    await billing.profile('odd', { currency: 'USD' });
    await billing.deployment({ tenantId: 'well', plan: 'starter', startsOn: april });

    const ids = await subscribedTenants(world.em(), { after: undefined, limit: 10 });
    const { tenants } = await liveAccrual(world.em(), { tenantIds: ids, now: middle });

    expect(ids).toEqual(['odd', 'well']);
    expect(await subscribedTenants(world.em(), { after: 'odd', limit: 1 })).toEqual(['well']);
    expect(
      tenants.map(({ tenantId, deployments, problem }) => [tenantId, deployments.length, problem?.code]),
    ).toEqual([
      ['odd', 0, 'mixed_currency'],
      ['well', 1, undefined],
    ]);
  });
});
