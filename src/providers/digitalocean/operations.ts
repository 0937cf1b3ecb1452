import type { ResourceKind } from '../../domain/resourceKind.ts';
import type { NewResource, ProviderOperations, ProviderResource } from '../provider.ts';
import { listActions, readAction, startAction } from './actions.ts';
import type { DigitalOceanClient } from './client.ts';
import { addToFirewall, removeFromFirewall } from './firewallMembers.ts';
import { newDomainRecords } from './newDomainRecords.ts';
import { newDroplets } from './newDroplets.ts';
import { newLoadBalancers } from './newLoadBalancers.ts';
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
    create: (wanted, signal) => create(client, wanted, signal),
    find: (wanted, signal) => find(client, wanted, signal),
    destroy: (kind, externalId, signal) =>
      unlessNotFound(makers[kind].destroy(client, externalId, signal), undefined),
  };
}

function create(client: DigitalOceanClient, wanted: NewResource, signal?: AbortSignal) {
  switch (wanted.kind) {
    case 'droplet':
      return newDroplets.create(client, wanted, signal);
    case 'volume':
      return newVolumes.create(client, wanted, signal);
    case 'load_balancer':
      return newLoadBalancers.create(client, wanted, signal);
    case 'domain_record':
      return newDomainRecords.create(client, wanted, signal);
  }
}

function find(client: DigitalOceanClient, wanted: NewResource, signal?: AbortSignal) {
  switch (wanted.kind) {
    case 'droplet':
      return newDroplets.find(client, wanted, signal);
    case 'volume':
      return newVolumes.find(client, wanted, signal);
    case 'load_balancer':
      return newLoadBalancers.find(client, wanted, signal);
    case 'domain_record':
      return newDomainRecords.find(client, wanted, signal);
  }
}
