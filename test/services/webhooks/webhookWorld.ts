import { randomBytes } from 'node:crypto';
import { createWebhookClient } from '../../../src/integrations/webhookClient.ts';
import { deliverDue } from '../../../src/services/webhooks/deliverDue.ts';
import type { SecretEncryption } from '../../../src/services/webhooks/secretEncryption.ts';
import { createWebhookEndpoint } from '../../../src/services/webhooks/webhookEndpoints.ts';
import { writeDeliveries } from '../../../src/services/webhooks/writeDeliveries.ts';
import { testEncryption } from '../../support/encryption.ts';
import { admin } from '../invoiceWorld.ts';
import type { World } from '../world.ts';

export const drawSecret = () => `whsec_${randomBytes(32).toString('base64')}`;

/** Endpoints on this machine, what they are to be told, and the sending of it, at whatever time a test says. */
export function webhookWorld(world: () => World) {
  const client = createWebhookClient({ allowLoopback: true, timeoutMs: 2_000 });
  const request = (now: string, encryption: SecretEncryption = testEncryption) => ({
    actor: admin,
    now: new Date(now),
    reason: 'test',
    allowLoopback: true,
    encryption,
  });
  return {
    request,

    async endpoint(url: string, secret: string, now: string): Promise<string> {
      const wanted = { url, secret, eventTypes: ['alert.opened', 'alert.resolved'], enabled: true } as const;
      return (await createWebhookEndpoint(world().em(), wanted, request(now))).id;
    },

    /** Has something for every endpoint. */
    tell: (now: string) =>
      writeDeliveries(world().em(), [{ type: 'alert.opened', data: { at: now } }], new Date(now)),

    deliver: (endpointId: string, now: string, encryption: SecretEncryption = testEncryption) =>
      deliverDue(world().em(), endpointId, {
        client,
        encryption,
        clock: () => new Date(now),
        disableAfterDays: 5,
      }),

    /** An endpoint as it is stored. */
    async stored(endpointId: string) {
      const [row] = await world()
        .em()
        .execute<
          { enabled: boolean; reason: string | null; failingSince: Date | null; secret: string | null }[]
        >(
          `select enabled, disabled_reason as reason, failing_since as "failingSince", secret from webhook_endpoints where id = ?`,
          [endpointId],
        );
      if (row === undefined) throw new Error(`there is no endpoint ${endpointId}`);
      return row;
    },
  };
}
