import type { Account, Droplet, Volume } from './account.ts';
import { addTag } from './droplets.ts';
import { conflict, unprocessable } from './problem.ts';

/** The body of `POST /v2/volumes`, as far as it is read. */
export interface VolumeRequest {
  readonly name?: unknown;
  readonly region?: unknown;
  readonly size_gigabytes?: unknown;
  readonly description?: unknown;
  readonly filesystem_type?: unknown;
  readonly filesystem_label?: unknown;
  readonly tags?: unknown;
}

/** Makes a volume in the default project, or refuses with a 422, with a 409 where the region has one of that name. */
export function addVolume(account: Account, request: VolumeRequest): Volume {
  const { name } = request;
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]{0,63}$/.test(name)) {
    throw unprocessable(
      'Name must begin with a letter, and hold lower case letters, digits and hyphens only.',
    );
  }
  const region = account.regions.find((candidate) => candidate.slug === request.region);
  if (region === undefined) throw unprocessable('You specified an invalid region for the volume.');
  if (account.volumes.some((volume) => volume.name === name && volume.region.slug === region.slug)) {
    throw conflict('A volume of this name already exists in the region.');
  }
  const volume: Volume = {
    id: crypto.randomUUID(),
    name,
    description: textOf(request.description),
    size_gigabytes: volumeSize(request.size_gigabytes),
    created_at: new Date().toISOString(),
    droplet_ids: [],
    filesystem_type: textOf(request.filesystem_type),
    filesystem_label: textOf(request.filesystem_label),
    region,
    tags: Array.isArray(request.tags) ? request.tags.map(String) : [],
  };
  account.volumes.push(volume);
  const project = account.projects.find((candidate) => candidate.is_default);
  if (project !== undefined) {
    const urn = `do:volume:${volume.id}`;
    account.projectResources.push({ urn, projectId: project.id, assignedAt: volume.created_at });
  }
  for (const tag of volume.tags) addTag(account, tag);
  return volume;
}

/** Takes a volume out of the account, its attachment and project assignment too. Returns whether it was there. */
export function removeVolume(account: Account, id: string): boolean {
  const index = account.volumes.findIndex((volume) => volume.id === id);
  const [volume] = index < 0 ? [] : account.volumes.splice(index, 1);
  if (volume === undefined) return false;
  detachVolume(account, volume);
  const assignment = account.projectResources.findIndex((entry) => entry.urn === `do:volume:${id}`);
  if (assignment >= 0) account.projectResources.splice(assignment, 1);
  return true;
}

export function attachVolume(volume: Volume, droplet: Droplet): void {
  volume.droplet_ids = [droplet.id];
  droplet.volume_ids.push(volume.id);
}

export function detachVolume(account: Account, volume: Volume): void {
  for (const { volume_ids: attached } of account.droplets) {
    const index = attached.indexOf(volume.id);
    if (index >= 0) attached.splice(index, 1);
  }
  volume.droplet_ids = [];
}

/** GiB, or a 422. */
export function volumeSize(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 16_384) {
    throw unprocessable('size_gigabytes must be between 1 and 16384.');
  }
  return value;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
