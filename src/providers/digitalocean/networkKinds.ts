import { z } from 'zod';
import type { JsonValue } from '../../domain/errors.ts';
import type { ResourceKind } from '../../domain/resourceKind.ts';
import type { ProviderResource } from '../provider.ts';
import { flag, numbers, texts } from './inventoryWire.ts';
import { type Lister, lister } from './listing.ts';
import { unstated } from './mapping.ts';
import type { components } from './schema.generated.ts';
import { type Fields, optionalInstant, text } from './wire.ts';

type Schemas = components['schemas'];
type FirewallSide = NonNullable<Schemas['firewall_rules']['inbound_rules']>[number]['sources'];

type ReservedIpv6 = NonNullable<Schemas['reserved_ipv6_list']['reserved_ipv6s']>[number];

const reservedIpv6 = z.object({
  ip: z.string().min(1),
  region_slug: text,
  reserved_at: optionalInstant,
  droplet: z.object({ id: z.int().optional() }).nullish(),
} satisfies Fields<ReservedIpv6>);

const firewallSide = z.object({
  addresses: texts,
  droplet_ids: numbers,
  load_balancer_uids: texts,
  kubernetes_ids: texts,
  tags: texts,
} satisfies Fields<FirewallSide>);
const firewallRule = { protocol: z.string(), ports: text };

export const firewall = z.object({
  id: z.string().min(1),
  name: z.string(),
  status: text,
  created_at: optionalInstant,
  droplet_ids: numbers,
  tags: texts,
  inbound_rules: z.array(z.object({ ...firewallRule, sources: firewallSide })).nullish(),
  outbound_rules: z.array(z.object({ ...firewallRule, destinations: firewallSide })).nullish(),
} satisfies Fields<Schemas['firewall']>);

export const vpc = z.object({
  id: z.string().min(1),
  name: z.string(),
  description: text,
  region: text,
  ip_range: text,
  default: flag,
  created_at: optionalInstant,
} satisfies Fields<Schemas['vpc']>);

/** What the network consists of besides droplets and load balancers: reserved IPv6 addresses, firewalls and VPCs. */
export const networkListers = {
  reserved_ipv6: lister(
    {
      what: 'reserved IPv6 addresses',
      key: 'reserved_ipv6s',
      item: reservedIpv6,
      identityOf: (address) => address.ip,
      call: (json, options) => json.GET('/v2/reserved_ipv6', options),
    },
    toReservedIpv6,
  ),
  firewall: lister(
    {
      what: 'firewalls',
      key: 'firewalls',
      item: firewall,
      identityOf: (one) => one.id,
      call: (json, options) => json.GET('/v2/firewalls', options),
    },
    toFirewall,
  ),
  vpc: lister(
    {
      what: 'VPCs',
      key: 'vpcs',
      item: vpc,
      identityOf: (one) => one.id,
      call: (json, options) => json.GET('/v2/vpcs', options),
    },
    toVpc,
  ),
} satisfies Partial<Record<ResourceKind, Lister>>;

/** An address is its own id and name, as a reserved IPv4 address is. */
function toReservedIpv6(address: z.output<typeof reservedIpv6>): ProviderResource {
  const dropletId = address.droplet?.id;
  return {
    ...unstated,
    kind: 'reserved_ipv6',
    externalId: address.ip,
    name: address.ip,
    region: address.region_slug,
    status: dropletId === undefined ? 'unassigned' : 'assigned',
    createdAt: address.reserved_at,
    attributes: { droplet_id: dropletId === undefined ? null : String(dropletId) },
  };
}

export function toFirewall(found: z.output<typeof firewall>): ProviderResource {
  return {
    ...unstated,
    kind: 'firewall',
    externalId: found.id,
    name: found.name,
    status: found.status,
    createdAt: found.created_at,
    tags: found.tags,
    attributes: {
      droplet_ids: found.droplet_ids.map(String),
      inbound_rules: (found.inbound_rules ?? []).map(({ sources, ...rule }) => ({
        ...rule,
        sources: toSide(sources),
      })),
      outbound_rules: (found.outbound_rules ?? []).map(({ destinations, ...rule }) => ({
        ...rule,
        destinations: toSide(destinations),
      })),
    },
  };
}

function toSide(side: z.output<typeof firewallSide>): JsonValue {
  return { ...side, droplet_ids: side.droplet_ids.map(String) };
}

export function toVpc(found: z.output<typeof vpc>): ProviderResource {
  return {
    ...unstated,
    kind: 'vpc',
    externalId: found.id,
    name: found.name,
    region: found.region,
    createdAt: found.created_at,
    attributes: { description: found.description, ip_range: found.ip_range, default: found.default },
  };
}
