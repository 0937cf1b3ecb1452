import { z } from 'zod';
import type { JsonValue } from '../../domain/errors.ts';
import type { ResourceKind } from '../../domain/resourceKind.ts';
import type { ProviderResource } from '../provider.ts';
import { flag, optionalNumber, texts } from './inventoryWire.ts';
import { type Lister, list, streaming } from './listing.ts';
import { unstated } from './mapping.ts';
import type { components } from './schema.generated.ts';
import { type Fields, optionalInstant, text } from './wire.ts';

type Schemas = components['schemas'];

/**
 * What we read of an app's component: what it costs by. Its environment variables, sources, commands and log destinations hold
 * secrets or lead to them, so no schema names them.
 */
const component = z.object({
  name: z.string(),
  instance_count: optionalNumber,
  instance_size_slug: text,
  autoscaling: z
    .object({ min_instance_count: optionalNumber, max_instance_count: optionalNumber })
    .nullish()
    .transform((value) => value ?? null),
} satisfies Fields<Schemas['app_service_spec']>);
const named = z.object({ name: z.string() });

const appDatabase = z.object({
  name: z.string(),
  engine: text,
  version: text,
  production: flag,
  cluster_name: text,
} satisfies Fields<Schemas['app_database_spec']>);

const some = <Item extends z.ZodType>(item: Item) =>
  z
    .array(item)
    .nullish()
    .transform((items) => items ?? []);

const app = z.object({
  id: z.string().min(1),
  project_id: text,
  created_at: optionalInstant,
  tier_slug: text,
  default_ingress: text,
  region: z.object({ slug: text, data_centers: texts } satisfies Fields<Schemas['apps_region']>).nullish(),
  spec: z.object({
    name: z.string().min(1),
    services: some(component),
    workers: some(component),
    jobs: some(component),
    static_sites: some(named),
    functions: some(named),
    databases: some(appDatabase),
  } satisfies Fields<Schemas['app_spec']>),
} satisfies Fields<Schemas['app']>);

const registry = z.object({
  name: z.string().min(1),
  created_at: optionalInstant,
  region: text,
  storage_usage_bytes: optionalNumber,
  subscription: z
    .object({
      tier: z
        .object({ slug: text, name: text } satisfies Fields<Schemas['subscription_tier_base']>)
        .nullish(),
    })
    .nullish(),
} satisfies Fields<Schemas['registry']>);

/** Its `key` opens the namespace: it ends here. */
const functionsNamespace = z.object({
  namespace: z.string().min(1),
  label: text,
  region: text,
  created_at: optionalInstant,
  api_host: text,
} satisfies Fields<Schemas['namespace_info']>);

/** What runs without machines of its own: apps, container registries and functions namespaces. */
export const platformListers = {
  app: async ({ json }, signal) => {
    const apps = await list({
      what: 'apps',
      key: 'apps',
      item: app,
      identityOf: (one) => one.id,
      call: (query) =>
        json.GET('/v2/apps', { params: { query: { ...query, with_projects: true } }, ...streaming(signal) }),
    });
    return apps.map(toApp);
  },
  container_registry: async ({ json }, signal) => {
    const registries = await list({
      what: 'container registries',
      key: 'registries',
      item: registry,
      identityOf: (one) => one.name,
      // The published document has neither pages nor a total here, nor for the namespaces: everything comes at once.
      call: () => json.GET('/v2/registries', streaming(signal)),
    });
    return registries.map(toRegistry);
  },
  functions_namespace: async ({ json }, signal) => {
    const namespaces = await list({
      what: 'functions namespaces',
      key: 'namespaces',
      item: functionsNamespace,
      identityOf: (one) => one.namespace,
      call: () => json.GET('/v2/functions/namespaces', streaming(signal)),
    });
    return namespaces.map(toFunctionsNamespace);
  },
} satisfies Partial<Record<ResourceKind, Lister>>;

function toApp(found: z.output<typeof app>): ProviderResource {
  const { spec } = found;
  return {
    ...unstated,
    kind: 'app',
    externalId: found.id,
    name: spec.name,
    region: found.region?.slug ?? null,
    sizeSlug: found.tier_slug,
    createdAt: found.created_at,
    attributes: {
      project_id: found.project_id,
      default_ingress: found.default_ingress,
      data_centers: found.region?.data_centers ?? [],
      services: spec.services.map(toComponent),
      workers: spec.workers.map(toComponent),
      jobs: spec.jobs.map(toComponent),
      static_sites: spec.static_sites.map(({ name }) => name),
      functions: spec.functions.map(({ name }) => name),
      databases: spec.databases,
    },
  };
}

function toComponent(found: z.output<typeof component>): JsonValue {
  return { ...found };
}

/** A registry's name is unique over all of the provider's customers; it has no other id. */
function toRegistry(found: z.output<typeof registry>): ProviderResource {
  return {
    ...unstated,
    kind: 'container_registry',
    externalId: found.name,
    name: found.name,
    region: found.region,
    sizeSlug: found.subscription?.tier?.slug ?? null,
    createdAt: found.created_at,
    attributes: { storage_usage_bytes: found.storage_usage_bytes },
  };
}

function toFunctionsNamespace(found: z.output<typeof functionsNamespace>): ProviderResource {
  return {
    ...unstated,
    kind: 'functions_namespace',
    externalId: found.namespace,
    name: found.label ?? found.namespace,
    region: found.region,
    createdAt: found.created_at,
    attributes: { api_host: found.api_host },
  };
}
