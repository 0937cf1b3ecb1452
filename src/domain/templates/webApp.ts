import { dropletItem, dropletParameters } from './droplets.ts';
import { itemTag } from './itemTag.ts';
import {
  integerOf,
  optionalTextOf,
  type ParameterValues,
  type TemplateParameter,
  textOf,
} from './parameters.ts';
import type { PlannedItem } from './plannedItem.ts';

export const webAppParameters: readonly TemplateParameter[] = [
  ...dropletParameters,
  {
    name: 'volume_size_gigabytes',
    type: 'integer',
    description: 'The size of the volume of its first droplet, in GiB. It grows later, and never shrinks.',
    required: false,
    default: 10,
    minimum: 1,
    maximum: 16_384,
  },
  {
    name: 'balancer_nodes',
    type: 'integer',
    description: 'How many nodes its load balancer has.',
    required: false,
    default: 1,
    minimum: 1,
    maximum: 100,
  },
  {
    name: 'port',
    type: 'integer',
    description: 'Where its droplets listen for HTTP.',
    required: false,
    default: 80,
    minimum: 1,
    maximum: 65_535,
  },
  {
    name: 'health_path',
    type: 'text',
    description: 'The path that answers while a droplet is well.',
    required: false,
    default: '/',
    pattern: '/[\\x21-\\x7e]{0,255}',
  },
  {
    name: 'domain',
    type: 'text',
    description: "The domain at the provider that gets the load balancer's address.",
    required: true,
    pattern: '(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}',
  },
  {
    name: 'record_name',
    type: 'text',
    description: 'The name of its record, relative to the domain; @ is the domain itself.',
    required: false,
    default: '@',
    pattern: '@|(?=.{1,200}$)[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9])?',
  },
  {
    name: 'record_ttl',
    type: 'integer',
    description: 'How long resolvers keep its record, in seconds.',
    required: false,
    default: 1800,
    minimum: 30,
    maximum: 86_400,
  },
];

/** A volume, the droplet that has it, another droplet, the load balancer in front of both, and the record of its address. */
export function planWebApp(values: ParameterValues, deploymentId: string): PlannedItem[] {
  return [
    volume(values, deploymentId),
    dropletItem(values, deploymentId, 'app-1', ['data']),
    dropletItem(values, deploymentId, 'app-2'),
    balancer(values, deploymentId),
    record(values, deploymentId),
  ];
}

function volume(values: ParameterValues, deploymentId: string): PlannedItem {
  const tag = itemTag(deploymentId, 'data');
  // A region has each volume's name once: two deployments with the same parameters mustn't collide.
  const name = `${textOf(values, 'name')}-data-${deploymentId.slice(-12).toLowerCase()}`;
  const region = textOf(values, 'region');
  const sizeGigabytes = integerOf(values, 'volume_size_gigabytes');
  return {
    key: 'data',
    kind: 'volume',
    tag,
    wanted: { kind: 'volume', tag, name, region, sizeGigabytes, filesystemType: 'ext4', tags: [] },
    references: [],
    dependsOn: [],
    spec: { name, region, size_gigabytes: sizeGigabytes, filesystem_type: 'ext4', tags: [tag] },
  };
}

function balancer(values: ParameterValues, deploymentId: string): PlannedItem {
  const [region, path] = [textOf(values, 'region'), textOf(values, 'health_path')];
  const [sizeUnit, port] = [integerOf(values, 'balancer_nodes'), integerOf(values, 'port')];
  const vpcUuid = optionalTextOf(values, 'vpc_uuid');
  // Load balancers wear no tags of their own: the name is the identity.
  const name = `arcadia-${deploymentId}-balancer`;
  return {
    key: 'balancer',
    kind: 'load_balancer',
    tag: itemTag(deploymentId, 'balancer'),
    wanted: {
      kind: 'load_balancer',
      tag: itemTag(deploymentId, 'balancer'),
      name,
      region,
      sizeUnit,
      forwardingRules: [{ entryProtocol: 'http', entryPort: 80, targetProtocol: 'http', targetPort: port }],
      healthCheck: { protocol: 'http', port, path },
      dropletIds: [],
      ...(vpcUuid !== null && { vpcUuid }),
    },
    references: [{ field: 'dropletIds', of: 'external_id', keys: ['app-1', 'app-2'] }],
    dependsOn: ['app-1', 'app-2'],
    spec: {
      name,
      region,
      size_unit: sizeUnit,
      forwarding_rules: [
        { entry_protocol: 'http', entry_port: 80, target_protocol: 'http', target_port: port },
      ],
      health_check: { protocol: 'http', port, path },
      droplet_ids: [],
      ...(vpcUuid !== null && { vpc_uuid: vpcUuid }),
    },
  };
}

function record(values: ParameterValues, deploymentId: string): PlannedItem {
  const tag = itemTag(deploymentId, 'record');
  return {
    key: 'record',
    kind: 'domain_record',
    tag,
    wanted: {
      kind: 'domain_record',
      tag,
      name: textOf(values, 'record_name'),
      domain: textOf(values, 'domain'),
      type: 'A',
      data: '',
      ttl: integerOf(values, 'record_ttl'),
    },
    references: [{ field: 'data', of: 'ip', keys: ['balancer'] }],
    dependsOn: ['balancer'],
    // The inventory lists domains, not their records.
    spec: null,
  };
}
