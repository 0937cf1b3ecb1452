import { type DigitalOceanClient, whenDone } from './client.ts';
import { streaming } from './listing.ts';
import { numericId, segment } from './pathSegments.ts';

export async function addToFirewall(
  { json }: DigitalOceanClient,
  firewallId: string,
  dropletIds: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  await whenDone(
    json.POST('/v2/firewalls/{firewall_id}/droplets', {
      ...members(firewallId, dropletIds),
      ...streaming(signal),
    }),
  );
}

export async function removeFromFirewall(
  { json }: DigitalOceanClient,
  firewallId: string,
  dropletIds: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  await whenDone(
    json.DELETE('/v2/firewalls/{firewall_id}/droplets', {
      ...members(firewallId, dropletIds),
      ...streaming(signal),
    }),
  );
}

function members(firewallId: string, dropletIds: readonly string[]) {
  return {
    params: { path: { firewall_id: segment('id', 'a firewall id', firewallId) } },
    body: { droplet_ids: dropletIds.map((id) => numericId('a droplet id', id)) },
  };
}
