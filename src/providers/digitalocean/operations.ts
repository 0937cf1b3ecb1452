import type { ResourceKind } from '../../domain/resourceKind.ts';
import type { NewResource, ProviderOperations, ProviderResource } from '../provider.ts';
import { listActions, readAction, startAction } from './actions.ts';
import type { DigitalOceanClient } from './client.ts';
import { addToFirewall, removeFromFirewall } from './firewallMembers.ts';
import { newDomainRecords } from './newDomainRecords.ts';
import { newDroplets } from './newDroplets.ts';
import { newLoadBalancers } from './newLoadBalancers.ts';
import type { Maker } from './newResource.ts';
import { newVolumes } from './newVolumes.ts';
import { unlessNotFound } from './notFound.ts';
import { readResource } from './resourceReads.ts';
import { listSizes } from './sizes.ts';
import { addTags, removeTags } from './tagging.ts';

const makers = {
  droplet: newDroplets,
  volume: newVolumes,
  load_balancer: newLoadBalancers,
  domain_record: newDomainRecords,
};

/** The side of DigitalOcean that changes things. @param listKind lists what has no call for one resource */
export function operationsOf(
  client: DigitalOceanClient,
  listKind: (kind: ResourceKind, signal?: AbortSignal) => Promise<ProviderResource[]>,
): ProviderOperations {
  return {
    sizes: (signal) => listSizes(client, signal),
    read: (kind, externalId, signal) => readResource(client, { kind, externalId }, listKind, signal),
    actions: (target, signal) => listActions(client, target, signal),
    startAction: (target, request, signal) => startAction(client, target, request, signal),
    readAction: (id, signal) => readAction(client, id, signal),
    tag: (target, tags, signal) => addTags(client, target, tags, signal),
    untag: (target, tags, signal) => removeTags(client, target, tags, signal),
    addToFirewall: (firewallId, dropletIds, signal) => addToFirewall(client, firewallId, dropletIds, signal),
    removeFromFirewall: (firewallId, dropletIds, signal) =>
      removeFromFirewall(client, firewallId, dropletIds, signal),
    create: async (wanted, signal) => madeBy(client, wanted, signal).create(),
    find: async (wanted, signal) => madeBy(client, wanted, signal).find(),
    destroy: (kind, externalId, signal) =>
      unlessNotFound(makers[kind].destroy(client, externalId, signal), undefined),
  };
}

/** What can be done about a wish by the maker of its kind. */
function madeBy(client: DigitalOceanClient, wish: NewResource, signal?: AbortSignal) {
  const by = <Wanted extends NewResource>(maker: Maker<Wanted>, wanted: Wanted) => ({
    create: () => maker.create(client, wanted, signal),
    find: () => maker.find(client, wanted, signal),
  });
  switch (wish.kind) {
    case 'droplet':
      return by(makers.droplet, wish);
    case 'volume':
      return by(makers.volume, wish);
    case 'load_balancer':
      return by(makers.load_balancer, wish);
    case 'domain_record':
      return by(makers.domain_record, wish);
  }
}
