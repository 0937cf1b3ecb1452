/** What a product is in the words of FOCUS; category and subcategory are of the specification's closed lists. */
export interface FocusService {
  readonly name: string;
  readonly category: string;
  readonly subcategory: string;
  /** What the unit price is for. */
  readonly meter: string;
  /** Where the description names the price, not the resource. */
  readonly skuInDescription: boolean;
}

type Row = readonly [
  products: readonly string[],
  name: string,
  category: string,
  subcategory: string,
  meter: string,
  skuInDescription?: boolean,
];

/** DigitalOcean's products, as its invoices name them, in lower case. */
const rows: readonly Row[] = [
  [['droplets'], 'Droplets', 'Compute', 'Virtual Machines', 'Droplet Usage'],
  [['gpu droplets'], 'GPU Droplets', 'Compute', 'Virtual Machines', 'GPU Droplet Usage'],
  [['kubernetes', 'kubernetes clusters'], 'Kubernetes', 'Compute', 'Containers', 'Kubernetes Cluster Usage'],
  [
    ['container registry', 'container registries', 'registries', 'registry'],
    'Container Registry',
    'Compute',
    'Containers',
    'Container Registry Usage',
    true,
  ],
  [
    ['functions', 'serverless functions'],
    'Functions',
    'Compute',
    'Serverless Compute',
    'Function Usage',
    true,
  ],
  [['apps', 'app platform', 'app'], 'App Platform', 'Web', 'Application Platforms', 'App Usage'],
  [['volumes'], 'Volumes', 'Storage', 'Block Storage', 'Volume Usage'],
  [['spaces', 'spaces subscription'], 'Spaces', 'Storage', 'Object Storage', 'Object Storage Usage', true],
  [
    ['snapshots', 'droplet snapshots', 'volume snapshots'],
    'Snapshots',
    'Storage',
    'Backup Storage',
    'Snapshot Usage',
  ],
  [['backups', 'droplet backups'], 'Backups', 'Storage', 'Backup Storage', 'Backup Usage'],
  [
    ['load balancers', 'load balancer'],
    'Load Balancers',
    'Networking',
    'Application Networking',
    'Load Balancer Usage',
  ],
  [
    [
      'floating ips',
      'floating ip',
      'reserved ips',
      'reserved ip',
      'reserved ipv6',
      'reserved ipv6s',
      'reserved ipv6 addresses',
    ],
    'Reserved IPs',
    'Networking',
    'Network Infrastructure',
    'Reserved IP Usage',
  ],
  [['domains', 'dns'], 'Domains', 'Networking', 'Other (Networking)', 'Domain Usage'],
  [
    ['bandwidth', 'bandwidth overage'],
    'Bandwidth',
    'Networking',
    'Network Connectivity',
    'Data Transfer',
    true,
  ],
  [
    ['databases', 'managed databases', 'database clusters'],
    'Managed Databases',
    'Databases',
    'Other (Databases)',
    'Database Cluster Usage',
  ],
  [
    ['support', 'premium support', 'support plans'],
    'Support',
    'Management and Governance',
    'Support',
    'Support',
    true,
  ],
];

const byProduct: ReadonlyMap<string, FocusService> = new Map(
  rows.flatMap(([products, name, category, subcategory, meter, skuInDescription = false]) =>
    products.map((product) => [product, { name, category, subcategory, meter, skuInDescription }] as const),
  ),
);

const other = { category: 'Other', subcategory: 'Other (Other)' } as const;

/** The service that a product is part of. What we don't know is a service of its own in the category Other. */
export function focusService(product: string, provider: string): FocusService {
  const text = product.trim();
  const known = byProduct.get(text.replaceAll(/\s+/g, ' ').toLowerCase());
  if (known !== undefined) return known;
  const name = text === '' ? provider : text;
  return { name, ...other, meter: `${name} Usage`, skuInDescription: false };
}

/** Names under which the specification's readers know a provider; invoices and rows carry our short one. */
const providerNames: Readonly<Record<string, string>> = {
  digitalocean: 'DigitalOcean',
};
export const focusProviderName = (provider: string): string => providerNames[provider] ?? provider;

const cities: Readonly<Record<string, string>> = {
  ams: 'Amsterdam',
  atl: 'Atlanta',
  blr: 'Bangalore',
  fra: 'Frankfurt',
  lon: 'London',
  nyc: 'New York',
  ric: 'Richmond',
  sfo: 'San Francisco',
  sgp: 'Singapore',
  syd: 'Sydney',
  tor: 'Toronto',
};

/** A region's display name: `syd1` is `Sydney 1`. A region that we don't know is called by its slug. */
export function focusRegionName(region: string): string {
  const parts = /^([a-z]{3})(\d+)$/.exec(region);
  const city = cities[parts?.[1] ?? ''];
  return city === undefined ? region : `${city} ${parts?.[2]}`;
}

/** A kind as a display name: `load_balancer` is `Load Balancer`, `reserved_ip` is `Reserved IP`. */
export function focusResourceType(kind: string): string {
  return kind
    .split('_')
    .map((word) => acronyms[word] ?? `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
    .join(' ');
}
const acronyms: Readonly<Record<string, string>> = { ip: 'IP', ipv6: 'IPv6', gpu: 'GPU', vpc: 'VPC' };
