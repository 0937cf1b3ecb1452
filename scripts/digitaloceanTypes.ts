import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';

/**
 * Prints the part of DigitalOcean's OpenAPI document that the provider reads, as input for openapi-typescript. The
 * types of all paths would be 17,000 lines, nearly all about calls that we never make.
 */
const source = new URL('../dev/simulator/openapi/digitalocean.yaml', import.meta.url);

const paths = [
  '/v2/apps',
  '/v2/customers/my/balance',
  '/v2/customers/my/billing_history',
  '/v2/customers/my/invoices',
  '/v2/customers/my/invoices/{invoice_uuid}',
  '/v2/customers/my/invoices/{invoice_uuid}/csv',
  '/v2/customers/my/invoices/{invoice_uuid}/summary',
  '/v2/databases',
  '/v2/domains',
  '/v2/droplets',
  '/v2/firewalls',
  '/v2/functions/namespaces',
  '/v2/images',
  '/v2/kubernetes/clusters',
  '/v2/load_balancers',
  '/v2/monitoring/metrics/droplet/bandwidth',
  '/v2/projects',
  '/v2/projects/{project_id}/resources',
  '/v2/registries',
  '/v2/reserved_ips',
  '/v2/reserved_ipv6',
  '/v2/snapshots',
  '/v2/volumes',
  '/v2/vpcs',
];

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

const document: unknown = parse(readFileSync(source, 'utf8'), { maxAliasCount: -1 });
if (!isTree(document)) throw new Error(`${source.pathname} is not an OpenAPI document`);
const allPaths = branch(document, 'paths');
const allComponents = branch(document, 'components');

const keptPaths = Object.fromEntries(
  paths.map((path) => {
    const { parameters, get } = branch(allPaths, path);
    if (get === undefined) throw new Error(`${path} has no GET`);
    return [path, { ...(parameters === undefined ? {} : { parameters }), get }];
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
      paths: keptPaths,
      components: keptComponents,
    },
    { aliasDuplicateObjects: false },
  ),
);
