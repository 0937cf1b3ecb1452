import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';

/**
 * Prints the part of DigitalOcean's OpenAPI document that the provider calls, as input for openapi-typescript. The
 * types of all paths would be 17,000 lines, nearly all about calls that we never make.
 */
const source = new URL('../dev/simulator/openapi/digitalocean.yaml', import.meta.url);

const methodsByPath: Readonly<Record<string, readonly Method[]>> = {
  '/v2/actions/{action_id}': ['get'],
  '/v2/apps': ['get'],
  '/v2/customers/my/balance': ['get'],
  '/v2/customers/my/billing_history': ['get'],
  '/v2/customers/my/invoices': ['get'],
  '/v2/customers/my/invoices/{invoice_uuid}': ['get'],
  '/v2/customers/my/invoices/{invoice_uuid}/csv': ['get'],
  '/v2/customers/my/invoices/{invoice_uuid}/summary': ['get'],
  '/v2/databases': ['get'],
  '/v2/databases/{database_cluster_uuid}': ['get'],
  '/v2/domains': ['get'],
  '/v2/domains/{domain_name}': ['get'],
  '/v2/domains/{domain_name}/records': ['get', 'post'],
  '/v2/domains/{domain_name}/records/{domain_record_id}': ['delete'],
  '/v2/droplets': ['get', 'post'],
  '/v2/droplets/{droplet_id}': ['get', 'delete'],
  '/v2/droplets/{droplet_id}/actions': ['get', 'post'],
  '/v2/firewalls': ['get'],
  '/v2/firewalls/{firewall_id}': ['get'],
  '/v2/firewalls/{firewall_id}/droplets': ['post', 'delete'],
  '/v2/functions/namespaces': ['get'],
  '/v2/images': ['get'],
  '/v2/kubernetes/clusters': ['get'],
  '/v2/kubernetes/clusters/{cluster_id}': ['get'],
  '/v2/load_balancers': ['get', 'post'],
  '/v2/load_balancers/{lb_id}': ['get', 'delete'],
  '/v2/monitoring/metrics/droplet/bandwidth': ['get'],
  '/v2/projects': ['get'],
  '/v2/projects/{project_id}/resources': ['get'],
  '/v2/registries': ['get'],
  '/v2/reserved_ips': ['get'],
  '/v2/reserved_ips/{reserved_ip}': ['get'],
  '/v2/reserved_ipv6': ['get'],
  '/v2/sizes': ['get'],
  '/v2/snapshots': ['get'],
  '/v2/snapshots/{snapshot_id}': ['get'],
  '/v2/tags': ['post'],
  '/v2/tags/{tag_id}/resources': ['post', 'delete'],
  '/v2/volumes': ['get', 'post'],
  '/v2/volumes/{volume_id}': ['get', 'delete'],
  '/v2/volumes/{volume_id}/actions': ['get', 'post'],
  '/v2/vpcs': ['get'],
  '/v2/vpcs/{vpc_id}': ['get'],
};

type Method = 'get' | 'post' | 'delete';

type Tree = { [key: string]: unknown };

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null;

function branch(tree: Tree, key: string): Tree {
  const value = tree[key];
  if (!isTree(value)) throw new Error(`${source.pathname} has no "${key}" where one is expected`);
  return value;
}

/** Every `#/components/<section>/<name>` below a value. */
function* referencesIn(value: unknown): Generator<string> {
  if (!isTree(value)) return;
  for (const [key, child] of Object.entries(value)) {
    if (key === '$ref' && typeof child === 'string') yield child;
    else yield* referencesIn(child);
  }
}

/**
 * A schema as a request needs it. What has a default may be left out, which the generator reads the other way round. The list of
 * regions is as old as the document: a new one is no error.
 */
function asRequested(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((child) => asRequested(child));
  if (!isTree(value)) return value;
  const kept = Object.entries(value).filter(
    ([key, child]) =>
      !(key === 'default' && (!isTree(child) || Array.isArray(child))) &&
      !(name === 'region_slug' && key === 'enum'),
  );
  return Object.fromEntries(kept.map(([key, child]) => [key, asRequested(child, key)]));
}

const document: unknown = parse(readFileSync(source, 'utf8'), { maxAliasCount: -1 });
if (!isTree(document)) throw new Error(`${source.pathname} is not an OpenAPI document`);
const allPaths = branch(document, 'paths');
const allComponents = branch(document, 'components');

const keptPaths = Object.fromEntries(
  Object.entries(methodsByPath).map(([path, methods]) => {
    const { parameters, ...operations } = branch(allPaths, path);
    const kept = methods.map((method) => [method, branch(operations, method)]);
    return [path, { ...(parameters === undefined ? {} : { parameters }), ...Object.fromEntries(kept) }];
  }),
);

const keptComponents: { [section: string]: Tree } = {};
const open = [...referencesIn(keptPaths)];
for (let reference = open.pop(); reference !== undefined; reference = open.pop()) {
  const [, , section = '', name = ''] = reference.split('/');
  const kept = keptComponents[section] ?? {};
  keptComponents[section] = kept;
  if (name in kept) continue;
  const component = branch(branch(allComponents, section), name);
  kept[name] = component;
  open.push(...referencesIn(component));
}

process.stdout.write(
  stringify(
    {
      openapi: document['openapi'],
      info: document['info'],
      paths: asRequested(keptPaths),
      components: asRequested(keptComponents),
    },
    { aliasDuplicateObjects: false },
  ),
);
