import { z } from 'zod';
import type { NewLoadBalancer } from '../provider.ts';
import { readJson, whenDone } from './client.ts';
import { loadBalancers } from './inventory.ts';
import { streaming } from './listing.ts';
import { type Maker, oldestFirst } from './newResource.ts';
import { numericId, segment } from './pathSegments.ts';

const created = z.object({ load_balancer: z.object({ id: z.string().min(1) }) });

/** A load balancer's one tag says which droplets it serves, so its name in its region is its identity. */
export const newLoadBalancers: Maker<NewLoadBalancer> = {
  async create({ json }, wanted, signal) {
    const call = json.POST('/v2/load_balancers', { body: bodyOf(wanted), ...streaming(signal) });
    const { load_balancer: balancer } = await readJson(`the new load balancer ${wanted.name}`, call, created);
    return { externalId: balancer.id };
  },

  async find(client, { name, region }, signal) {
    const balancers = await loadBalancers(client, signal);
    const own = balancers.filter((balancer) => balancer.name === name && balancer.region === region);
    return oldestFirst(own).map((balancer) => ({ externalId: balancer.id }));
  },

  async destroy({ json }, externalId, signal) {
    await whenDone(
      json.DELETE('/v2/load_balancers/{lb_id}', {
        params: { path: { lb_id: segment('id', 'a load balancer id', externalId) } },
        ...streaming(signal),
      }),
    );
  },
};

function bodyOf({ healthCheck, vpcUuid, ...wanted }: NewLoadBalancer) {
  return {
    name: wanted.name,
    region: wanted.region,
    size_unit: wanted.sizeUnit ?? 1,
    forwarding_rules: wanted.forwardingRules.map((rule) => ({
      entry_protocol: rule.entryProtocol,
      entry_port: rule.entryPort,
      target_protocol: rule.targetProtocol,
      target_port: rule.targetPort,
    })),
    droplet_ids: wanted.dropletIds.map((id) => numericId('a droplet id', id)),
    ...(healthCheck === undefined ? {} : { health_check: healthCheck }),
    ...(vpcUuid === undefined ? {} : { vpc_uuid: vpcUuid }),
  };
}
