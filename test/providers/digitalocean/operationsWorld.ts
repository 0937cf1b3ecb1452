import { setTimeout as sleep } from 'node:timers/promises';
import { type Simulator, startSimulator } from '../../../dev/simulator/simulator.ts';
import type { DigitalOceanOptions } from '../../../src/providers/digitalocean/provider.ts';
import type {
  NewDomainRecord,
  NewDroplet,
  NewLoadBalancer,
  NewResource,
  NewVolume,
  ProviderAction,
  ProviderOperations,
} from '../../../src/providers/provider.ts';
import { providerAt } from './answeringServer.ts';

export const bastion = { kind: 'droplet', externalId: '412000105' } as const;
const deployment = 'arcadia:0b6f3c1e-7a53-4a7e-9f61-5f0f2c6f0001';

/** A simulator with quick actions, and the operations of a provider that asks it. */
export async function startWorld(options: Partial<DigitalOceanOptions> = {}): Promise<{
  readonly simulator: Simulator;
  readonly operations: ProviderOperations;
}> {
  const simulator = await startSimulator({ actionMilliseconds: 20 });
  return { simulator, operations: operationsAt(simulator.url, { token: simulator.token, ...options }) };
}

export function operationsAt(url: string, options: Partial<DigitalOceanOptions>): ProviderOperations {
  const { operations } = providerAt(url, options);
  if (operations === undefined) throw new TypeError('the provider has no operations');
  return operations;
}

/** The action as it ended. */
export async function ended(operations: ProviderOperations, { id }: ProviderAction): Promise<ProviderAction> {
  for (;;) {
    const action = await operations.readAction(id);
    if (action.status !== 'in_progress') return action;
    await sleep(5);
  }
}

export const newDroplet: NewDroplet = {
  kind: 'droplet',
  tag: `${deployment}:app-1`,
  name: 'pilot-app-1',
  region: 'syd1',
  sizeSlug: 's-1vcpu-1gb',
  image: 'ubuntu-24-04-x64',
  tags: ['customer'],
};
export const newVolume: NewVolume = {
  kind: 'volume',
  tag: `${deployment}:data-1`,
  name: 'pilot-data-1',
  region: 'syd1',
  sizeGigabytes: 25,
  filesystemType: 'ext4',
};
export const newLoadBalancer: NewLoadBalancer = {
  kind: 'load_balancer',
  tag: `${deployment}:lb-1`,
  name: 'pilot-lb-1',
  region: 'syd1',
  forwardingRules: [{ entryProtocol: 'http', entryPort: 80, targetProtocol: 'http', targetPort: 8080 }],
  healthCheck: { protocol: 'http', port: 8080, path: '/health' },
  dropletIds: [bastion.externalId],
};
export const newRecord: NewDomainRecord = {
  kind: 'domain_record',
  tag: `${deployment}:dns-1`,
  name: 'pilot',
  domain: 'arcadia.example',
  type: 'A',
  data: '198.51.100.7',
  ttl: 300,
};
export const everyKind: readonly NewResource[] = [newDroplet, newVolume, newLoadBalancer, newRecord];

/** How many of a kind the simulated account holds. */
export function countOf({ state: { account } }: Simulator, kind: NewResource['kind']): number {
  const lists = {
    droplet: account.droplets,
    volume: account.volumes,
    load_balancer: account.loadBalancers,
    domain_record: account.domainRecords,
  };
  return lists[kind].length;
}
