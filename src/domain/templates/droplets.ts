import { itemTag, itemTagPrefix } from './itemTag.ts';
import {
  flagOf,
  optionalTextOf,
  type ParameterValues,
  type TemplateParameter,
  textOf,
  textsOf,
} from './parameters.ts';
import type { PlannedItem } from './plannedItem.ts';

/** What every template with droplets asks for. */
export const dropletParameters: readonly TemplateParameter[] = [
  {
    name: 'name',
    type: 'text',
    description: 'What the names of its resources begin with.',
    required: true,
    // Volumes have the strictest names: lower case, 64 characters at most, with what is appended here.
    pattern: '[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?',
  },
  {
    name: 'region',
    type: 'text',
    description: 'The slug of its region.',
    required: true,
    pattern: '[a-z]{2,10}[0-9]{1,2}',
  },
  {
    name: 'size_slug',
    type: 'text',
    description: 'The size of its droplets.',
    required: true,
    pattern: '[a-z0-9][a-z0-9.-]{0,63}',
  },
  {
    name: 'image',
    type: 'text',
    description: "A public image's slug, or an image's number.",
    required: true,
    pattern: '[a-z0-9][a-z0-9.-]{0,127}',
  },
  {
    name: 'tags',
    type: 'text_list',
    description: 'Tags of its droplets, besides the one that identifies each.',
    required: false,
    default: [],
    pattern: `(?!${itemTagPrefix})[a-zA-Z0-9:_-]{1,255}`,
    maximum: 50,
  },
  {
    name: 'backups',
    type: 'boolean',
    description: 'Whether its droplets are backed up weekly.',
    required: false,
    default: false,
  },
  {
    name: 'monitoring',
    type: 'boolean',
    description: "Whether its droplets run the provider's monitoring agent.",
    required: false,
    default: true,
  },
  {
    name: 'ssh_keys',
    type: 'text_list',
    description: 'Ids or fingerprints of keys that the account has.',
    required: false,
    default: [],
    pattern: '[0-9]{1,20}|[0-9a-f]{2}(?::[0-9a-f]{2}){15}',
    maximum: 50,
  },
  {
    name: 'vpc_uuid',
    type: 'text',
    description: "Its VPC; the region's default one unless given.",
    required: false,
    pattern: '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}',
  },
];

/** A droplet of a template, with volumes of it attached from its start. */
export function dropletItem(
  values: ParameterValues,
  deploymentId: string,
  key: string,
  volumeKeys: readonly string[] = [],
): PlannedItem {
  const tag = itemTag(deploymentId, key);
  const name = `${textOf(values, 'name')}-${key}`;
  const [region, sizeSlug, image] = [
    textOf(values, 'region'),
    textOf(values, 'size_slug'),
    textOf(values, 'image'),
  ];
  const tags = [...new Set(textsOf(values, 'tags'))];
  const backups = flagOf(values, 'backups');
  const vpcUuid = optionalTextOf(values, 'vpc_uuid');
  return {
    key,
    kind: 'droplet',
    tag,
    wanted: {
      kind: 'droplet',
      tag,
      name,
      region,
      sizeSlug,
      image,
      tags,
      ...(vpcUuid !== null && { vpcUuid }),
      backups,
      monitoring: flagOf(values, 'monitoring'),
      sshKeys: textsOf(values, 'ssh_keys'),
      volumeIds: [],
    },
    references: volumeKeys.length > 0 ? [{ field: 'volumeIds', of: 'external_id', keys: volumeKeys }] : [],
    dependsOn: volumeKeys,
    spec: {
      name,
      region,
      size_slug: sizeSlug,
      [/^\d+$/.test(image) ? 'image_id' : 'image_slug']: image,
      tags: [...tags, tag],
      backups_enabled: backups,
      volume_ids: [],
      ...(vpcUuid !== null && { vpc_uuid: vpcUuid }),
    },
  };
}
