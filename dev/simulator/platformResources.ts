import type { Account, Droplet, Firewall, Project, ProjectResource, Vpc } from './account.ts';
import { seededUuid } from './seeded.ts';

type PlatformResources = Pick<
  Account,
  'apps' | 'registries' | 'functionsNamespaces' | 'reservedIpv6s' | 'firewalls' | 'vpcs'
> & { readonly projectResources: ProjectResource[] };

const createdAt = '2026-05-14T05:06:07Z';
const appId = seededUuid('app status-page');

/**
 * Something of every kind that runs without machines of its own, and what the network consists of. Like the other resources, all
 * of it is of May 2026 and has names and ids that no invoice line has. Apps and namespaces carry secrets, as the real answers do:
 * a client has to drop them.
 */
export function platformResources(
  projects: readonly Project[],
  droplets: readonly Droplet[],
): PlatformResources {
  const operations = projects.find((project) => project.name === 'Operations');
  const bastion = droplets.find((droplet) => droplet.name === 'ops-bastion');
  if (!operations || !bastion) throw new RangeError('the golden inventory lacks Operations or ops-bastion');
  const vpcs = vpcsOf(droplets);
  return {
    apps: [app(operations)],
    registries: [
      {
        name: 'arcadia-images',
        created_at: createdAt,
        region: 'syd1',
        storage_usage_bytes: 29_393_920,
        storage_usage_bytes_updated_at: createdAt,
      },
    ],
    functionsNamespaces: [
      {
        api_host: 'https://faas-syd1-0.functions.example.com',
        namespace: `fn-${seededUuid('functions hooks')}`,
        created_at: createdAt,
        updated_at: createdAt,
        label: 'hooks',
        region: 'syd1',
        uuid: seededUuid('functions hooks'),
        key: 'simulated-namespace-key',
      },
    ],
    reservedIpv6s: [
      { ip: '2001:db8::10', regionSlug: 'syd1', reservedAt: createdAt, dropletId: bastion.id },
      { ip: '2001:db8::11', regionSlug: 'syd1', reservedAt: createdAt, dropletId: null },
    ],
    firewalls: [firewall(bastion)],
    vpcs,
    projectResources: vpcs.map(({ id }) => ({
      urn: `do:vpc:${id}`,
      projectId: operations.id,
      assignedAt: createdAt,
    })),
  };
}

function app(project: Project) {
  return {
    id: appId,
    owner_uuid: seededUuid('golden team'),
    project_id: project.id,
    created_at: createdAt,
    updated_at: createdAt,
    last_deployment_created_at: createdAt,
    tier_slug: 'basic',
    default_ingress: 'https://status-page-abcde.ondigitalocean.example',
    live_url: 'https://status-page-abcde.ondigitalocean.example',
    live_url_base: 'https://status-page-abcde.ondigitalocean.example',
    live_domain: 'status-page-abcde.ondigitalocean.example',
    region: {
      slug: 'syd',
      label: 'Sydney',
      flag: 'australia',
      continent: 'Australia',
      data_centers: ['syd1'],
      default: false,
      disabled: false,
    },
    spec: {
      name: 'status-page',
      region: 'syd',
      envs: [{ key: 'SHARED_TOKEN', value: 'simulated-app-secret', scope: 'RUN_TIME', type: 'SECRET' }],
      services: [
        {
          name: 'web',
          image: {
            registry_type: 'DOCKER_HUB',
            registry: 'arcadia',
            repository: 'status',
            tag: 'latest',
            registry_credentials: 'arcadia:simulated-app-secret',
          },
          envs: [
            {
              key: 'DATABASE_URL',
              value: 'postgres://status:simulated-app-secret@db.example.com/status',
              scope: 'RUN_AND_BUILD_TIME',
              type: 'GENERAL',
            },
          ],
          instance_count: 2,
          instance_size_slug: 'apps-s-1vcpu-0.5gb',
          http_port: 8080,
        },
      ],
      static_sites: [{ name: 'docs', build_command: 'npm run build', output_dir: 'dist' }],
    },
  };
}

function firewall(droplet: Droplet): Firewall {
  return {
    id: seededUuid('firewall bastion'),
    name: 'bastion-only-ssh',
    status: 'succeeded',
    created_at: createdAt,
    pending_changes: [],
    droplet_ids: [droplet.id],
    tags: [],
    inbound_rules: [{ protocol: 'tcp', ports: '22', sources: { addresses: ['192.0.2.0/24'] } }],
    outbound_rules: [{ protocol: 'tcp', ports: 'all', destinations: { addresses: ['0.0.0.0/0', '::/0'] } }],
  };
}

/** The default VPC of each region that has droplets, under the id that they name. */
function vpcsOf(droplets: readonly Droplet[]): Vpc[] {
  const ids = new Map(droplets.map((droplet) => [droplet.region.slug, droplet.vpc_uuid]));
  return [...ids].map(([region, id], index) => ({
    id,
    urn: `do:vpc:${id}`,
    name: `default-${region}`,
    description: '',
    region,
    ip_range: `10.${104 + index}.0.0/20`,
    default: true,
    created_at: createdAt,
  }));
}
