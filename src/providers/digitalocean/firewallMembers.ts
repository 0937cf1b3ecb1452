import { type DigitalOceanClient, whenDone } from './client.ts';
import { streaming } from './listing.ts';
import { numericId, segment } from './pathSegments.ts';

const path = '/v2/firewalls/{firewall_id}/droplets';

export async function addToFirewall({ json }: DigitalOceanClient, ...members: Members): Promise<void> {
  await whenDone(json.POST(path, callWith(...members)));
}

export async function removeFromFirewall({ json }: DigitalOceanClient, ...members: Members): Promise<void> {
  await whenDone(json.DELETE(path, callWith(...members)));
}

type Members = [firewallId: string, dropletIds: readonly string[], signal?: AbortSignal | undefined];

function callWith(...[firewallId, dropletIds, signal]: Members) {
  return {
    params: { path: { firewall_id: segment('id', 'a firewall id', firewallId) } },
    body: { droplet_ids: dropletIds.map((id) => numericId('a droplet id', id)) },
    ...streaming(signal),
  };
}
