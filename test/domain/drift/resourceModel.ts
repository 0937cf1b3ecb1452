import { type LiveResource, liveValue } from '../../../src/domain/drift/liveValues.ts';
import type { RevertOperation } from '../../../src/domain/drift/revertPlan.ts';
import { sizes } from './liveResource.ts';

/** A resource after an operation, as the provider documents it; an operation that it would refuse is an error. */
export function applied(live: LiveResource, operation: RevertOperation): LiveResource {
  const withAttributes = (attributes: LiveResource['attributes']) => ({
    ...live,
    attributes: { ...live.attributes, ...attributes },
  });
  switch (operation.action) {
    case 'power_off':
      if (live.status !== 'active') throw new Error(`power_off while ${live.status}`);
      return { ...live, status: 'off' };
    case 'power_on':
      if (live.status !== 'off') throw new Error(`power_on while ${live.status}`);
      return { ...live, status: 'active' };
    case 'resize': {
      const { size: slug, disk } = operation.parameters;
      const size = sizes.get(slug);
      if (live.status !== 'off') throw new Error(`resize while ${live.status}`);
      if (size === undefined || slug === live.sizeSlug) throw new Error(`resize to ${slug}`);
      if (size.diskGib < diskOf(live)) throw new Error(`resize to a disk of ${size.diskGib} GiB`);
      return { ...withAttributes(disk ? { disk: size.diskGib } : {}), sizeSlug: slug };
    }
    case 'rename':
      return { ...live, name: operation.parameters.name };
    case 'add_tags':
      return { ...live, tags: [...new Set([...live.tags, ...operation.parameters.tags])] };
    case 'remove_tags':
      return { ...live, tags: live.tags.filter((tag) => !operation.parameters.tags.includes(tag)) };
    case 'grow_volume': {
      const { size_gigabytes: size } = operation.parameters;
      if (size <= Number(liveValue(live, 'size_gigabytes'))) throw new Error(`growth to ${size} GiB`);
      return withAttributes({ size_gigabytes: size });
    }
    case 'enable_backups':
    case 'disable_backups':
      return withAttributes({ backups_enabled: operation.action === 'enable_backups' });
    case 'add_to_firewall':
    case 'remove_from_firewall': {
      const ids = operation.parameters.droplet_ids;
      const others = membersOf(live).filter((id) => !ids.includes(id));
      return withAttributes({
        droplet_ids: operation.action === 'add_to_firewall' ? [...others, ...ids] : others,
      });
    }
  }
}

export function diskOf(live: LiveResource): number {
  return Number(live.attributes['disk']);
}

function membersOf(live: LiveResource): string[] {
  const ids = live.attributes['droplet_ids'];
  return Array.isArray(ids) ? ids.map(String) : [];
}
