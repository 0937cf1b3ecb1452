import type { Account, Droplet, Image, Region, Size } from './account.ts';
import { seededInteger, seededUuid } from './seeded.ts';

/** What must be known to make a droplet; everything else follows from it. */
export interface NewDroplet {
  readonly id: number;
  readonly name: string;
  readonly size: Size;
  readonly region: Region;
  readonly image: Image;
  readonly createdAt: string;
  readonly status: Droplet['status'];
  readonly tags: readonly string[];
}

/** A droplet in wire form, its addresses made from its id. */
export function buildDroplet(from: NewDroplet): Droplet {
  const { size, region } = from;
  return {
    id: from.id,
    name: from.name,
    memory: size.memory,
    vcpus: size.vcpus,
    disk: size.disk,
    locked: false,
    status: from.status,
    kernel: null,
    created_at: from.createdAt,
    features: ['monitoring', 'private_networking'],
    backup_ids: [],
    next_backup_window: null,
    snapshot_ids: [],
    image: from.image,
    volume_ids: [],
    size,
    size_slug: size.slug,
    networks: {
      v4: [
        {
          ip_address: addressOf(from.id, '10.49'),
          netmask: '255.255.0.0',
          gateway: '10.49.0.1',
          type: 'private',
        },
        {
          ip_address: addressOf(from.id, '203.0'),
          netmask: '255.255.240.0',
          gateway: '203.0.0.1',
          type: 'public',
        },
      ],
      v6: [],
    },
    region,
    tags: [...from.tags],
    vpc_uuid: seededUuid(`vpc ${region.slug}`),
  };
}

/** Gives a droplet another size; the disk grows only where `resizeDisk` says so. */
export function resizeDroplet(droplet: Droplet, size: Size, resizeDisk: boolean): void {
  droplet.size = size;
  droplet.size_slug = size.slug;
  droplet.memory = size.memory;
  droplet.vcpus = size.vcpus;
  if (resizeDisk) droplet.disk = size.disk;
}

export function findDroplet(account: Account, id: number): Droplet | undefined {
  return account.droplets.find((droplet) => droplet.id === id);
}

/** Takes a droplet out of the account, and out of everything that names it. Returns whether it was there. */
export function removeDroplet(account: Account, id: number): boolean {
  const index = account.droplets.findIndex((droplet) => droplet.id === id);
  if (index < 0) return false;
  account.droplets.splice(index, 1);
  const assignment = account.projectResources.findIndex((entry) => entry.urn === `do:droplet:${id}`);
  if (assignment >= 0) account.projectResources.splice(assignment, 1);
  for (const list of [account.volumes, account.loadBalancers, account.firewalls]) {
    for (const entry of list) entry.droplet_ids = entry.droplet_ids.filter((member) => member !== id);
  }
  for (const address of [...account.reservedIps, ...account.reservedIpv6s]) {
    if (address.dropletId === id) address.dropletId = null;
  }
  return true;
}

/** Adds a droplet to the account and assigns it to the default project, as the provider does. */
export function addDroplet(account: Account, droplet: Droplet): void {
  account.droplets.push(droplet);
  const project = account.projects.find((candidate) => candidate.is_default);
  if (project !== undefined) {
    const urn = `do:droplet:${droplet.id}`;
    account.projectResources.push({ urn, projectId: project.id, assignedAt: droplet.created_at });
  }
  for (const name of droplet.tags) addTag(account, name);
}

/** Makes sure that a tag exists. */
export function addTag(account: Account, name: string): void {
  if (!account.tags.some((tag) => tag.name === name)) account.tags.push({ name });
}

/** An address that depends on the number alone. @param prefix its first two parts */
export function addressOf(id: number, prefix: string): string {
  return `${prefix}.${seededInteger(`third ${id}`, 0, 15)}.${seededInteger(`fourth ${id}`, 2, 254)}`;
}
