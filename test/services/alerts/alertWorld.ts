import { randomUUID } from 'node:crypto';
import { setExchangeRates } from '../../../src/services/margin/exchangeRates.ts';
import { admin, writeDeployment, writeIssued } from '../invoiceWorld.ts';
import { ingest, resource, sync, type World } from '../world.ts';

const april = '2026-04-01';
const now = new Date('2026-05-10T12:00:00Z');

/** What alert rules look at, in April and May of 2026. */
export function alertWorld(world: () => World) {
  return {
    /** Notes that a month was rolled up. */
    async rolledUp(period: string): Promise<void> {
      await world()
        .em()
        .execute(
          `insert into period_ledger (period_start, state, workflow_id, run_id, started_at, rolled_up_at, issue_after)
           values (?, 'rolled_up', ?, 'run', now(), now(), now())`,
          [period, `roll-up:${period}`],
        );
    },

    /** A tenant that April's rollup billed, with a resource that costs something. */
    async tenant(tenantId: string, planCents: number, cogs: string): Promise<void> {
      const provider = `provider of ${tenantId}`;
      const deploymentId = await writeDeployment(world().em(), tenantId);
      await sync(world(), {
        provider,
        at: '2026-03-01T00:00:00Z',
        resources: [resource({ externalId: '1', name: 'app' })],
      });
      await world()
        .em()
        .execute(
          `insert into cloud_resource_memberships (resource_id, deployment_id, starts_at)
         select id, ?, '2026-03-01' from cloud_resources where provider = ?`,
          [deploymentId, provider],
        );
      const charges = [{ name: 'app', id: '1', amount: cogs }];
      await ingest(world(), { provider, invoiceUuid: randomUUID(), period: april, charges });
      await writeIssued(world().em(), { tenantId, period: april, planCents, deploymentId });
    },

    /** AUD for one USD. */
    rate: (value: string, replace = false) =>
      setExchangeRates(
        world().em(),
        [{ fromCurrency: 'USD', toCurrency: 'AUD', rate: value, effectiveFrom: '2026-01-01' }],
        { actor: admin, now, reason: 'test', source: 'operator', replace },
      ),

    /** What the provider says that a month has cost so far, in USD. */
    estimate: (amount: string, at: string, period = '2026-05-01') =>
      world()
        .em()
        .execute(
          `insert into cloud_cost_estimates (provider, period_start, estimated_at, amount, currency, complete_at)
         values ('digitalocean', ?, ?, ?, 'USD', now())`,
          [period, at, amount],
        ),

    setHeld: (invoiceUuid: string, status: 'held' | 'ingested') =>
      world()
        .em()
        .execute(
          `update cloud_invoices set ingest_status = ?, error = '{"code": "lines_disagree", "message": "a dollar is missing", "context": {}}'
         where invoice_uuid = ?`,
          [status, invoiceUuid],
        ),
  };
}
