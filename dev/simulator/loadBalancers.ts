import type { LoadBalancer } from './account.ts';
import { takeId } from './actions.ts';
import { addressOf, findDroplet } from './droplets.ts';
import { unprocessable } from './problem.ts';
import { seededUuid } from './seeded.ts';
import type { RequestState, SimulatorState } from './state.ts';

/** The body of `POST /v2/load_balancers`, as far as it is read. */
export interface LoadBalancerRequest {
  readonly name?: unknown;
  readonly region?: unknown;
  readonly size_unit?: unknown;
  readonly forwarding_rules?: unknown;
  readonly health_check?: unknown;
  readonly droplet_ids?: unknown;
  readonly vpc_uuid?: unknown;
}

/** What a load balancer has that nothing else was asked of. */
export const loadBalancerDefaults = {
  algorithm: 'round_robin',
  health_check: {
    protocol: 'http',
    port: 80,
    path: '/',
    check_interval_seconds: 10,
    response_timeout_seconds: 5,
    unhealthy_threshold: 3,
    healthy_threshold: 5,
  },
  sticky_sessions: { type: 'none' },
  redirect_http_to_https: false,
  enable_proxy_protocol: false,
  enable_backend_keepalive: false,
  disable_lets_encrypt_dns_records: false,
  network: 'EXTERNAL',
  type: 'REGIONAL',
  tag: '',
};

/** Makes a load balancer, or refuses with a 422. It is `new` and has no address until its time has come. */
export function addLoadBalancer(
  state: SimulatorState,
  request: LoadBalancerRequest,
  { ending = 'completes', actionMilliseconds = state.settings.actionMilliseconds }: RequestState,
): LoadBalancer {
  const { account } = state;
  const region = account.regions.find((candidate) => candidate.slug === request.region);
  if (region === undefined) throw unprocessable('You specified an invalid region for the load balancer.');
  if (typeof request.name !== 'string' || request.name === '') throw unprocessable('Name is required.');
  const rules = request.forwarding_rules;
  if (!Array.isArray(rules) || rules.length === 0) throw unprocessable('Forwarding rules are required.');
  const dropletIds: unknown = request.droplet_ids ?? [];
  if (!Array.isArray(dropletIds)) throw unprocessable('droplet_ids must be a list of Droplet ids.');
  for (const id of dropletIds) {
    if (findDroplet(account, Number(id))?.region.slug !== region.slug) {
      throw unprocessable(`Droplet ${String(id)} is not one of the region.`);
    }
  }
  const balancer: LoadBalancer = {
    ...loadBalancerDefaults,
    id: crypto.randomUUID(),
    name: request.name,
    project_id: account.projects.find((project) => project.is_default)?.id ?? '',
    ip: '',
    size_unit: typeof request.size_unit === 'number' ? request.size_unit : 1,
    status: 'new',
    created_at: new Date().toISOString(),
    forwarding_rules: rules.map((rule: object) => ({ certificate_id: '', tls_passthrough: false, ...rule })),
    health_check: { ...loadBalancerDefaults.health_check, ...(request.health_check ?? {}) },
    vpc_uuid: typeof request.vpc_uuid === 'string' ? request.vpc_uuid : seededUuid(`vpc ${region.slug}`),
    region,
    droplet_ids: dropletIds.map(Number),
  };
  account.loadBalancers.push(balancer);
  account.projectResources.push({
    urn: `do:loadbalancer:${balancer.id}`,
    projectId: balancer.project_id,
    assignedAt: balancer.created_at,
  });
  if (ending === 'completes' || ending === 'errors') {
    const ip = addressOf(takeId(state), '198.51');
    state.transitions.push({
      dueAt: new Date(Date.now() + actionMilliseconds),
      apply() {
        balancer.status = ending === 'errors' ? 'errored' : 'active';
        balancer.ip = ending === 'errors' ? '' : ip;
      },
    });
  }
  return balancer;
}

/** Takes a load balancer and its project assignment out of the account. Returns whether it was there. */
export function removeLoadBalancer({ account }: SimulatorState, id: string): boolean {
  const index = account.loadBalancers.findIndex((balancer) => balancer.id === id);
  if (index < 0) return false;
  account.loadBalancers.splice(index, 1);
  const assignment = account.projectResources.findIndex((entry) => entry.urn === `do:loadbalancer:${id}`);
  if (assignment >= 0) account.projectResources.splice(assignment, 1);
  return true;
}
