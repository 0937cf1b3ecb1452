import { randomUUID } from 'node:crypto';
import { type CallerRole, callerRoles } from '../../src/api/requestState.ts';
import type { RouteWorld } from './routeWorld.ts';

/** A request over the seeded world. */
export interface RowRequest {
  /** What stands for `:id` and the like. */
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** `application/json` unless given. */
  readonly contentType?: string;
}

/** Who may call a route, and a request that succeeds once for who may; the empty one where none is given. */
export type RouteRow = readonly [
  roles: readonly CallerRole[],
  request?: (world: RouteWorld, role: CallerRole) => RowRequest,
];

const everybody = callerRoles;
const platform: readonly CallerRole[] = ['platform_admin', 'platform_viewer'];
const admin: readonly CallerRole[] = ['platform_admin'];
const withTenants: readonly CallerRole[] = [...platform, 'tenant'];
const tenantsAndAdmin: readonly CallerRole[] = [...admin, 'tenant'];

const reason = 'test';
const withReason = { body: { reason } };
const today = () => new Date().toISOString().slice(0, 10);
/** The same in a request that is sent twice. */
const tomorrow = () => `${new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)}T23:00:00Z`;
const april = { period: '2026-04-01' };
const week = { from: '2026-04-01', until: '2026-04-08' };
const deploymentsOf = (world: RouteWorld, role: CallerRole) =>
  world.deployments[role === 'tenant' ? 'tenant' : 'admin'];

/** The one table, by method and path: a new route is a new row here, and a route without one fails its test. */
export const routeTable: Readonly<Record<string, RouteRow>> = {
  'get /api/health': [everybody],
  'get /api/ready': [everybody],
  'get /api/openapi.json': [everybody],
  'get /api/docs': [everybody],
  'get /api/docs/:file': [everybody, () => ({ params: { file: 'swagger-ui.css' } })],

  'get /api/v1/inventory': [withTenants],
  'get /api/v1/inventory/listings': [platform],
  'get /api/v1/inventory/:id': [withTenants, ({ tenant }) => ({ params: { id: tenant.droplet } })],

  'get /api/v1/inventory/:id/provisioned': [platform, ({ drift }) => ({ params: { id: drift.managed } })],
  'put /api/v1/inventory/:id/provisioned': [
    admin,
    ({ tenant }) => ({ params: { id: tenant.deployed }, body: { spec: { region: 'ams3' }, reason } }),
  ],

  'get /api/v1/drift': [platform],
  'get /api/v1/drift/summary': [platform],
  'get /api/v1/drift/:id': [platform, ({ drift }) => ({ params: { id: drift.toAccept } })],
  'post /api/v1/drift/accept': [admin, ({ drift }) => ({ body: { ids: drift.toAcceptAtOnce, reason } })],
  'post /api/v1/drift/sweep': [admin],
  'post /api/v1/drift/:id/accept': [
    admin,
    ({ drift }) => ({ params: { id: drift.toAccept }, ...withReason }),
  ],
  'post /api/v1/drift/:id/ignore': [
    admin,
    ({ drift }) => ({ params: { id: drift.toIgnore }, body: { reason, expires_at: tomorrow() } }),
  ],
  'post /api/v1/drift/:id/revert': [
    admin,
    ({ reverts }) => ({ params: { id: reverts.toPlan }, ...withReason }),
  ],
  'post /api/v1/drift/:id/revert/approve': [
    admin,
    ({ reverts: { toApprove } }) => ({
      params: { id: toApprove.driftId },
      body: { revert_id: toApprove.revertId, reason },
    }),
  ],
  'post /api/v1/drift/:id/revert/cancel': [
    admin,
    ({ reverts }) => ({ params: { id: reverts.toCancel.driftId }, ...withReason }),
  ],
  'get /api/v1/drift/ignore-rules': [platform],
  'post /api/v1/drift/ignore-rules': [
    admin,
    () => ({ body: { kind: 'app', field: 'unmanaged', reason, expires_at: tomorrow() } }),
  ],
  'delete /api/v1/drift/ignore-rules/:id': [
    admin,
    ({ drift }) => ({ params: { id: drift.ruleToEnd }, query: { reason } }),
  ],

  'get /api/v1/deployments': [withTenants],
  'post /api/v1/deployments': [
    tenantsAndAdmin,
    (world, role) => ({ body: { tenant_id: 'tenant-a', slug: deploymentsOf(world, role).newSlug } }),
  ],
  'get /api/v1/deployments/:id': [
    withTenants,
    (world, role) => ({ params: { id: deploymentsOf(world, role).subscribed } }),
  ],
  'patch /api/v1/deployments/:id': [
    tenantsAndAdmin,
    (world, role) => ({
      params: { id: deploymentsOf(world, role).bare },
      body: { display_name: 'Another' },
    }),
  ],
  'post /api/v1/deployments/:id/transition': [
    tenantsAndAdmin,
    (world, role) => ({ params: { id: deploymentsOf(world, role).toPause }, body: { to: 'paused' } }),
  ],
  'post /api/v1/deployments/:id/resources': [
    admin,
    (world, role) => ({
      params: { id: deploymentsOf(world, role).bare },
      body: { resource_id: world.tenant.deployed },
    }),
  ],
  'delete /api/v1/deployments/:id/resources/:resource_id': [
    admin,
    (world, role) => ({
      params: { id: deploymentsOf(world, role).subscribed, resource_id: world.tenant.deployed },
    }),
  ],
  'post /api/v1/deployments/:id/subscribe': [
    tenantsAndAdmin,
    (world, role) => ({
      params: { id: deploymentsOf(world, role).bare },
      body: { plan_code: 'seeded', addons: ['seeded_50gb'] },
    }),
  ],
  'post /api/v1/deployments/:id/change-plan': [
    tenantsAndAdmin,
    (world, role) => ({
      params: { id: deploymentsOf(world, role).subscribed },
      body: { plan_code: 'seeded' },
    }),
  ],
  'post /api/v1/deployments/:id/addons': [
    tenantsAndAdmin,
    (world, role) => ({
      params: { id: deploymentsOf(world, role).subscribed },
      body: { code: 'seeded_50gb' },
    }),
  ],
  'delete /api/v1/deployments/:id/addons/:addon_id': [
    tenantsAndAdmin,
    (world, role) => {
      const { subscribed, addonId } = deploymentsOf(world, role);
      return { params: { id: subscribed, addon_id: addonId } };
    },
  ],

  'get /api/v1/templates': [platform],
  'get /api/v1/deployments/:id/provisioning': [
    platform,
    ({ provisioned }) => ({ params: { id: provisioned.toHold } }),
  ],
  'post /api/v1/deployments/:id/provision': [
    admin,
    ({ provisioned }) => ({
      params: { id: provisioned.bare },
      body: {
        template_code: 'droplet-app',
        parameters: { name: 'app', region: 'syd1', size_slug: 's-1vcpu-1gb', image: 'ubuntu-24-04-x64' },
        reason,
      },
    }),
  ],
  'post /api/v1/deployments/:id/provision/cancel': [
    admin,
    ({ provisioned }) => ({ params: { id: provisioned.toCancel }, ...withReason }),
  ],
  'post /api/v1/deployments/:id/decommission': [
    admin,
    ({ provisioned }) => ({ params: { id: provisioned.toDecommission }, body: { grace_hours: 1, reason } }),
  ],
  'post /api/v1/deployments/:id/decommission/cancel': [
    admin,
    ({ provisioned }) => ({ params: { id: provisioned.toCallOff }, ...withReason }),
  ],
  'post /api/v1/deployments/:id/hold': [
    admin,
    ({ provisioned }) => ({ params: { id: provisioned.toHold }, body: { held: true, reason } }),
  ],
  'post /api/v1/deployments/:id/provisioning/retry': [
    admin,
    ({ provisioned }) => ({ params: { id: provisioned.stuck }, body: { leave: true, reason } }),
  ],

  'get /api/v1/usage': [
    withTenants,
    ({ usedDeploymentId }) => ({ query: { ...april, deployment_id: usedDeploymentId } }),
  ],
  'get /api/v1/usage/days': [
    withTenants,
    ({ usedDeploymentId }) => ({
      query: { ...april, deployment_id: usedDeploymentId, resource_kind: 'droplet_hours' },
    }),
  ],
  'post /api/v1/usage': [
    admin,
    ({ usedDeploymentId }) => ({
      body: {
        deployment_id: usedDeploymentId,
        resource_kind: 'llm_tokens',
        day: today(),
        quantity: '5',
        reason,
      },
    }),
  ],
  'post /api/v1/usage/meter': [admin, () => ({ body: week })],
  'post /api/v1/usage/days/accept': [
    admin,
    () => ({ body: { ...week, resource_kind: 'bandwidth_gb', reason } }),
  ],

  'get /api/v1/tenants/:id/billing-profile': [withTenants, () => ({ params: { id: 'tenant-a' } })],
  'put /api/v1/tenants/:id/billing-profile': [
    tenantsAndAdmin,
    () => ({ params: { id: 'tenant-a' }, body: { legal_name: 'Ours Pty Ltd' } }),
  ],
  'get /api/v1/projects': [platform],
  'put /api/v1/projects/:id': [
    admin,
    ({ tenant }) => ({ params: { id: tenant.projectId }, body: { tenant_id: 'tenant-a', reason } }),
  ],

  'get /api/v1/billing/balance': [platform],
  'post /api/v1/billing/discover': [admin],
  'get /api/v1/billing/invoices': [platform],
  'get /api/v1/billing/invoices/:uuid': [
    platform,
    ({ providerInvoiceUuid }) => ({ params: { uuid: providerInvoiceUuid } }),
  ],
  'post /api/v1/billing/invoices/:uuid/ingest': [
    admin,
    ({ providerInvoiceUuid }) => ({ params: { uuid: providerInvoiceUuid } }),
  ],
  'post /api/v1/billing/invoices/:uuid/accept-difference': [
    admin,
    ({ heldUuid }) => ({ params: { uuid: heldUuid }, body: { difference: '1.250', reason } }),
  ],
  'get /api/v1/billing/cost-lines': [platform, () => ({ query: april })],
  'get /api/v1/billing/estimate': [platform],
  'post /api/v1/billing/focus-files': [admin, () => ({ body: 'a,b\n1,2\n', contentType: 'text/csv' })],
  'get /api/v1/billing/focus-files': [platform],
  'get /api/v1/billing/focus-files/:id': [platform, ({ focusFileId }) => ({ params: { id: focusFileId } })],
  'get /api/v1/billing/focus-periods': [platform],
  'get /api/v1/billing/focus-export': [platform, () => ({ query: april })],

  // No tenant was subscribed then: the rollup takes nobody.
  'post /api/v1/rollups': [admin, () => ({ body: { period: '2018-01-01' } })],
  'get /api/v1/rollups': [platform],
  'get /api/v1/rollups/:period': [platform, ({ rollup }) => ({ params: { period: rollup.period } })],
  'post /api/v1/rollups/:period/tenants/:tenant_id/retry': [
    admin,
    ({ rollup }) => ({ params: { period: rollup.period, tenant_id: rollup.toRetry }, ...withReason }),
  ],
  'post /api/v1/rollups/:period/tenants/:tenant_id/skip': [
    admin,
    ({ rollup }) => ({ params: { period: rollup.period, tenant_id: rollup.toSkip }, ...withReason }),
  ],
  'post /api/v1/rollups/:period/retry': [
    admin,
    ({ rollup }) => ({ params: { period: rollup.period }, ...withReason }),
  ],
  'post /api/v1/rollups/:period/issue': [
    admin,
    ({ rollup }) => ({ params: { period: rollup.period }, ...withReason }),
  ],
  'post /api/v1/rollups/:period/check': [admin, ({ rollup }) => ({ params: { period: rollup.period } })],

  'get /api/v1/catalog/plans': [everybody],
  'post /api/v1/catalog/plans': [admin, () => ({ body: { code: 'new', name: 'New' } })],
  'get /api/v1/catalog/plans/:code': [platform, () => ({ params: { code: 'seeded' } })],
  'post /api/v1/catalog/plans/:code/versions': [
    admin,
    () => ({ params: { code: 'seeded' }, body: { base_price_cents: 5500 } }),
  ],
  'post /api/v1/catalog/plans/:code/versions/:n/publish': [
    admin,
    () => ({ params: { code: 'drafted', n: '1' } }),
  ],
  'get /api/v1/catalog/addons': [everybody],
  'post /api/v1/catalog/addons': [
    admin,
    () => ({ body: { code: 'new', resource_kind: 'llm_tokens', qty: '1', price_cents: 1 } }),
  ],
  'put /api/v1/catalog/addons/:code': [
    admin,
    () => ({ params: { code: 'seeded_50gb' }, body: { qty: '1', price_cents: 1 } }),
  ],
  'get /api/v1/catalog/resource-prices': [platform],
  'post /api/v1/catalog/resource-prices': [
    admin,
    () => ({
      body: {
        resource_kind: 'dns_zones',
        unit: 'zone',
        price_cents: '1',
        effective_from: '2026-01-01',
        reason,
      },
    }),
  ],
  'get /api/v1/catalog/plans/:code/subscribers': [platform, () => ({ params: { code: 'seeded' } })],
  'post /api/v1/catalog/plans/:code/migrations/preview': [
    platform,
    () => ({ params: { code: 'moved' }, body: { from_version: 1, to_version: 2 } }),
  ],
  'post /api/v1/catalog/plans/:code/migrations': [
    admin,
    () => ({ params: { code: 'moved' }, body: { from_version: 1, to_version: 2, reason } }),
  ],
  'get /api/v1/catalog/plans/:code/migrations': [platform, () => ({ params: { code: 'moved' } })],
  'post /api/v1/quote': [
    everybody,
    () => ({
      body: {
        plan_code: 'seeded',
        addons: ['seeded_50gb'],
        projected_usage: { droplet_hours: 1500 },
        starts_on: '2026-05-20',
      },
    }),
  ],

  'get /api/v1/invoices': [withTenants],
  'get /api/v1/invoices/focus-export': [withTenants, () => ({ query: april })],
  'get /api/v1/invoices/:id': [withTenants, ({ invoices }) => ({ params: { id: invoices.ofOurs } })],
  'get /api/v1/invoices/:id/pdf': [withTenants, ({ invoices }) => ({ params: { id: invoices.draftOfOurs } })],
  'get /api/v1/credit-notes/:id/pdf': [
    withTenants,
    ({ invoices }) => ({ params: { id: invoices.creditNoteOfOurs } }),
  ],
  'post /api/v1/invoices/:id/lines': [
    admin,
    ({ invoices }) => ({
      params: { id: invoices.withoutLine },
      body: { description: 'manual', amount_cents: -1, reason },
    }),
  ],
  'delete /api/v1/invoices/:id/lines/:line_id': [
    admin,
    ({ invoices }) => ({
      params: { id: invoices.withLine, line_id: invoices.lineId },
      query: { reason },
    }),
  ],
  'post /api/v1/invoices/:id/issue': [admin, ({ invoices }) => ({ params: { id: invoices.toIssue } })],
  'post /api/v1/invoices/:id/pay': [
    admin,
    ({ invoices }) => ({
      params: { id: invoices.toPay },
      body: { amount_cents: 1, paid_on: '2026-07-05', reference: 'of the operator' },
    }),
  ],
  'post /api/v1/invoices/:id/void': [
    admin,
    ({ invoices }) => ({ params: { id: invoices.toVoid }, ...withReason }),
  ],
  'post /api/v1/invoices/:id/reissue': [
    admin,
    ({ invoices }) => ({ params: { id: invoices.toReissue }, ...withReason }),
  ],
  'post /api/v1/invoices/:id/credit-notes': [
    admin,
    ({ invoices }) => ({ params: { id: invoices.toCredit }, body: { amount_cents: 1, reason } }),
  ],
  'get /api/v1/dashboard/margin': [platform, ({ rollup }) => ({ query: { period: rollup.period } })],
  'get /api/v1/dashboard/by-kind': [platform, ({ rollup }) => ({ query: { period: rollup.period } })],
  'get /api/v1/dashboard/trend': [
    platform,
    ({ rollup }) => ({ query: { from: rollup.period, to: rollup.period } }),
  ],
  'get /api/v1/dashboard/explain': [
    platform,
    ({ rollup }) => ({ query: { figure: 'margin', period: rollup.period } }),
  ],
  'get /api/v1/dashboard/closure': [platform, () => ({ query: april })],
  'post /api/v1/dashboard/closure': [admin, () => ({ body: april })],
  'get /api/v1/dashboard/accrual': [platform],
  'get /api/v1/accrual': [['tenant']],
  'get /api/v1/shared-cost-policies': [platform],
  'post /api/v1/shared-cost-policies': [
    admin,
    () => ({ body: { method: 'even', effective_from: '2030-01-01', reason } }),
  ],
  'get /api/v1/exchange-rates': [platform],
  'post /api/v1/exchange-rates': [
    admin,
    () => ({ body: { from: 'EUR', to: 'AUD', rate: '1.6', effective_from: '2026-01-01' } }),
  ],
  'post /api/v1/exchange-rates/import': [
    admin,
    () => ({ body: 'from,to,rate,effective_from\nGBP,AUD,2,2026-01-01\n', contentType: 'text/csv' }),
  ],
  'get /api/v1/alert-rules': [platform],
  'post /api/v1/alert-rules': [admin, () => ({ body: { type: 'period_missed' } })],
  'patch /api/v1/alert-rules/:id': [
    admin,
    ({ alerts }) => ({ params: { id: alerts.rule }, body: { threshold: '12.5' } }),
  ],
  'delete /api/v1/alert-rules/:id': [admin, ({ alerts }) => ({ params: { id: alerts.ruleToDelete } })],
  'get /api/v1/alerts': [platform],
  'post /api/v1/alerts/evaluate': [admin],
  'post /api/v1/alerts/:id/acknowledge': [
    admin,
    ({ alerts }) => ({ params: { id: alerts.alert }, ...withReason }),
  ],
  'get /api/v1/webhook-endpoints': [platform],
  'post /api/v1/webhook-endpoints': [
    admin,
    ({ alerts }) => ({ body: { url: 'https://hooks.example.com/new', secret: alerts.secret } }),
  ],
  'patch /api/v1/webhook-endpoints/:id': [
    admin,
    ({ alerts }) => ({ params: { id: alerts.endpoint }, body: { event_types: ['alert.opened'] } }),
  ],
  'delete /api/v1/webhook-endpoints/:id': [
    admin,
    ({ alerts }) => ({ params: { id: alerts.endpointToDelete } }),
  ],
  'get /api/v1/webhook-deliveries': [platform],
  'post /api/v1/webhook-deliveries/:id/redeliver': [
    admin,
    ({ alerts }) => ({ params: { id: alerts.delivery } }),
  ],
  'get /api/v1/reports/gst': [platform, () => ({ query: { period: '2026-07-01' } })],
  'get /api/v1/reports/receivables': [platform],
  'post /api/v1/integrations/payments': [
    ['finance', 'platform_admin'],
    ({ invoices }, role) => ({
      body: {
        invoice_id: invoices.toPay,
        amount_cents: 1,
        currency: 'AUD',
        paid_on: '2026-07-05',
        reference: `of ${role}`,
      },
    }),
  ],
  'get /api/v1/receivables': [platform],
  'post /api/v1/receivables/:invoice_id/retry': [
    admin,
    ({ invoices }) => ({ params: { invoice_id: invoices.refused }, ...withReason }),
  ],

  'post /api/v1/integrations/llm-usage': [
    ['gateway'],
    ({ llm }) => ({
      body: {
        gateway_request_id: randomUUID(),
        tenant_id: 'tenant-a',
        deployment_id: llm.deploymentId,
        model: 'some-model',
        tokens: 1,
        charge: '0.01',
        currency: 'AUD',
        occurred_at: new Date().toISOString(),
      },
    }),
  ],
  'get /api/v1/llm-usage': [withTenants, () => ({ query: { state: 'unassigned' } })],
  'post /api/v1/llm-usage/:id/assign': [
    admin,
    ({ llm }) => ({
      params: { id: llm.unassignedId },
      body: { deployment_id: llm.deploymentId, reason },
    }),
  ],

  'get /api/v1/processes': [platform],
  'get /api/v1/processes/:workflow_id': [platform, () => ({ params: { workflow_id: 'snapshot-balance' } })],
  'get /api/v1/schedules': [platform],
  'post /api/v1/schedules/:id/pause': [admin, () => ({ params: { id: 'balance' }, ...withReason })],
  'post /api/v1/schedules/:id/unpause': [admin, () => ({ params: { id: 'balance' }, ...withReason })],
  'post /api/v1/schedules/:id/trigger': [admin, () => ({ params: { id: 'balance' } })],
  'post /api/v1/schedules/:id/backfill': [
    admin,
    () => ({
      params: { id: 'balance' },
      body: { start: '2026-04-01T00:00:00Z', end: '2026-04-01T03:00:00+00:00' },
    }),
  ],
  'get /api/v1/audit': [platform],
};

/** Method and path of a route or row, with the request filled in. @throws where the path names what the request does not */
export function toCall(
  name: string,
  request: RowRequest,
): { readonly method: string; readonly path: string } {
  const [method = '', pattern = ''] = name.split(' ');
  const path = pattern.replaceAll(/:(\w+)/g, (_, param: string) => {
    const value = request.params?.[param];
    if (value === undefined) throw new Error(`the row of ${name} says no ${param}`);
    return encodeURIComponent(value);
  });
  const query = new URLSearchParams(request.query).toString();
  return { method: method.toUpperCase(), path: query === '' ? path : `${path}?${query}` };
}
