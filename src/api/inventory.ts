import { z } from 'zod';
import { resourceKinds } from '../domain/resourceKind.ts';
import type { CloudResource } from '../entities/cloudResource.ts';
import { resourceEventTypes } from '../entities/cloudResourceEvent.ts';
import { findResource, listInventory, listResourceEvents, readListings } from '../services/listInventory.ts';
import { cursorOf, toPage } from './pages.ts';
import { notFound } from './problems.ts';
import type { Caller } from './requestState.ts';
import { defineRoute, type Route } from './route.ts';
import {
  amount,
  currency,
  flag,
  instant,
  json,
  limit,
  pageOf,
  tenantId,
  text,
  toAmount,
  toInstant,
  toInstantOrNull,
  uuid,
} from './schemas.ts';

const eventsShown = 100;

/** What a tenant sees of its own resources: nothing of what they cost us, nor of the provider's account. */
const tenantResource = z
  .strictObject({
    id: uuid,
    kind: z.enum(resourceKinds),
    name: z.string(),
    region: z.string().nullable(),
    size_slug: z.string().nullable(),
    status: z.string().nullable(),
    project_id: uuid.nullable(),
    deployment_id: uuid.nullable(),
    created_at: instant.nullable(),
    first_seen_at: instant,
    last_seen_at: instant,
    gone_at: instant.nullable(),
  })
  .meta({ id: 'TenantResource' });

const platformResource = z
  .strictObject({
    ...tenantResource.shape,
    provider: z.string(),
    external_id: z.string(),
    tags: z.array(z.string()),
    price_monthly: amount.nullable(),
    currency,
    attributes: z.record(z.string(), json),
    tenant_id: z.string().nullable(),
  })
  .meta({ id: 'PlatformResource' });

const resourceEvent = z
  .strictObject({
    type: z.enum(resourceEventTypes),
    occurred_at: instant,
    changes: z.record(z.string(), z.strictObject({ from: json, to: json })),
  })
  .meta({ id: 'ResourceEvent' });

const platformResourceWithEvents = z
  .strictObject({ ...platformResource.shape, events: z.array(resourceEvent) })
  .meta({ id: 'PlatformResourceWithEvents' });

const listing = z
  .strictObject({
    provider: z.string(),
    kind: z.string().meta({ description: 'A resource kind, or `project`.' }),
    state: z.enum(['fresh', 'unknown']),
    attempted_at: instant,
    complete_at: instant.nullable(),
    live: z.int().nullable(),
    error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: 'InventoryListing' });

const toTenantResource = (resource: CloudResource): z.input<typeof tenantResource> => ({
  id: resource.id,
  kind: resource.kind,
  name: resource.name,
  region: resource.region ?? null,
  size_slug: resource.sizeSlug ?? null,
  status: resource.status ?? null,
  project_id: resource.project ?? null,
  deployment_id: resource.deploymentId ?? null,
  created_at: toInstantOrNull(resource.createdAt ?? null),
  first_seen_at: toInstant(resource.firstSeenAt),
  last_seen_at: toInstant(resource.lastSeenAt),
  gone_at: toInstantOrNull(resource.goneAt ?? null),
});

const toPlatformResource = (resource: CloudResource): z.input<typeof platformResource> => ({
  ...toTenantResource(resource),
  provider: resource.provider,
  external_id: resource.externalId,
  tags: resource.tags,
  price_monthly: resource.priceMonthly == null ? null : toAmount(resource.priceMonthly),
  currency: resource.currency,
  attributes: resource.attributes,
  tenant_id: resource.tenantId ?? null,
});

/** The condition that every list of a tenant carries; row level security holds without it. */
const ownTenant = (caller: Caller) => (caller.role === 'tenant' ? [caller.tenantId] : []);

export const inventoryRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/inventory',
    tag: 'Inventory',
    summary:
      "The caller's cloud resources; platform roles see all. Live ones, unless `gone=true` asks for gone ones.",
    roles: ['platform_admin', 'platform_viewer', 'tenant'],
    query: z.strictObject({
      kind: z.enum(resourceKinds, { error: `expected one of ${resourceKinds.join(', ')}` }).optional(),
      region: text(100).optional(),
      project: uuid.optional(),
      deployment: uuid.optional(),
      tenant: tenantId.optional(),
      gone: flag.optional(),
      limit,
      cursor: cursorOf('inventory', uuid),
    }),
    answer: {
      status: 200,
      description: 'A page of resources, by id.',
      schema: z.union([pageOf(tenantResource), pageOf(platformResource)]),
    },
    async handle({ em, caller, query }) {
      const rows = await listInventory(
        em,
        {
          kind: query.kind,
          region: query.region,
          project: query.project,
          deployment: query.deployment,
          tenants: [...ownTenant(caller), ...(query.tenant === undefined ? [] : [query.tenant])],
          isGone: query.gone ?? false,
        },
        { after: query.cursor, limit: query.limit },
      );
      const idOf = (resource: CloudResource) => resource.id;
      return {
        status: 200,
        body:
          caller.role === 'tenant'
            ? toPage('inventory', rows, query.limit, idOf, toTenantResource)
            : toPage('inventory', rows, query.limit, idOf, toPlatformResource),
      };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/inventory/listings',
    tag: 'Inventory',
    summary:
      'How fresh the inventory of each kind is: `unknown` where its last listing failed or came partial.',
    roles: ['platform_admin', 'platform_viewer'],
    answer: {
      status: 200,
      description: 'Every kind that was ever listed.',
      schema: z.strictObject({ items: z.array(listing) }),
    },
    async handle({ em }) {
      const items = (await readListings(em)).map((row) => ({
        provider: row.provider,
        kind: row.kind,
        state: row.state,
        attempted_at: toInstant(row.attemptedAt),
        complete_at: toInstantOrNull(row.completeAt ?? null),
        live: row.live ?? null,
        error: row.errorCode == null ? null : { code: row.errorCode, message: row.errorMessage ?? '' },
      }));
      return { status: 200, body: { items } };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/inventory/:id',
    tag: 'Inventory',
    summary: `One resource; platform roles see its last ${eventsShown} events too.`,
    roles: ['platform_admin', 'platform_viewer', 'tenant'],
    params: z.strictObject({ id: uuid }),
    answer: {
      status: 200,
      description: 'The resource.',
      schema: z.union([tenantResource, platformResourceWithEvents]),
    },
    problems: { 404: "No such resource, or another tenant's." },
    async handle({ em, caller, params }) {
      const resource = await findResource(em, params.id);
      const isForeign = ownTenant(caller).some((tenant) => tenant !== resource?.tenantId);
      if (resource === null || isForeign) throw notFound('resource');
      if (caller.role === 'tenant') return { status: 200, body: toTenantResource(resource) };
      const events = await listResourceEvents(em, resource.id, eventsShown);
      return {
        status: 200,
        body: {
          ...toPlatformResource(resource),
          events: events.map((event) => ({
            type: event.type,
            occurred_at: toInstant(event.occurredAt),
            changes: event.changes,
          })),
        },
      };
    },
  }),
];
