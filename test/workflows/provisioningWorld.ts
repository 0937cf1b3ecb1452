import type { EntityManager } from '@mikro-orm/postgresql';
import type { Account } from '../../dev/simulator/account.ts';
import { createDeployment } from '../../src/services/createDeployment.ts';
import { systemSession } from '../../src/session.ts';
import type { ProvisioningTimes } from '../../src/workflows/provisioningMessages.ts';
import type { OperatorRequest } from '../../src/workflows/rollUpMessages.ts';

/** In the simulated account. */
export const domain = 'arcadia.example';
export const operator: OperatorRequest = { subject: 'olga', role: 'platform_admin', reason: 'because' };
/** Long enough for what happens, short enough for a test. The simulator's client gives up after `clientTimeoutMs`. */
export const testTimes: ProvisioningTimes = {
  stepMs: 15_000,
  settleMs: 1_200,
  pollMs: 50,
  destroyMs: 15_000,
};
export const clientTimeoutMs = 400;

export type TemplateCode = 'droplet-app' | 'web-app';

/** The steps of each template in order, each with the request that creates it and the one that destroys it. */
export const steps: Readonly<Record<TemplateCode, readonly Step[]>> = {
  'droplet-app': [
    { key: 'app-1', create: '/v2/droplets$', skip: 0, destroy: '/v2/droplets/\\d+$', destroySkip: 0 },
  ],
  'web-app': [
    { key: 'data', create: '/v2/volumes$', skip: 0, destroy: '/v2/volumes/[^/]+$', destroySkip: 0 },
    { key: 'app-1', create: '/v2/droplets$', skip: 0, destroy: '/v2/droplets/\\d+$', destroySkip: 1 },
    { key: 'app-2', create: '/v2/droplets$', skip: 1, destroy: '/v2/droplets/\\d+$', destroySkip: 0 },
    {
      key: 'balancer',
      create: '/v2/load_balancers$',
      skip: 0,
      destroy: '/v2/load_balancers/[^/]+$',
      destroySkip: 0,
    },
    {
      key: 'record',
      create: '/v2/domains/[^/]+/records$',
      skip: 0,
      destroy: '/v2/domains/[^/]+/records/\\d+$',
      destroySkip: 0,
    },
  ],
};
export interface Step {
  readonly key: string;
  readonly create: string;
  /** How many requests of the same path come before. */
  readonly skip: number;
  readonly destroy: string;
  readonly destroySkip: number;
}

export const templateOf = (code: TemplateCode) => ({ code, version: 1 });
export function parametersOf(code: TemplateCode, name: string) {
  const droplets = { name, region: 'syd1', size_slug: 's-1vcpu-1gb', image: 'ubuntu-24-04-x64' };
  return code === 'droplet-app' ? droplets : { ...droplets, domain, record_name: name };
}

/** A deployment of its own, active. */
export async function newDeployment(em: EntityManager, slug: string): Promise<string> {
  const request = { actor: systemSession, now: new Date() };
  return (await createDeployment(em, { tenantId: 'tenant-a', slug }, request)).id;
}

export const cancelDeployment = (em: EntityManager, id: string) =>
  em.execute(`update cloud_deployments set state = 'cancelled' where id = ?`, [id]);

/** What the account holds of a deployment, by its identity alone: kind and id of each. */
export function standing(account: Account, deploymentId: string, name: string): string[] {
  const isOwn = (tags: readonly string[]) => tags.some((tag) => tag.startsWith(`arcadia:${deploymentId}:`));
  return [
    ...account.volumes.filter(({ tags }) => isOwn(tags)).map(({ id }) => `volume ${id}`),
    ...account.droplets.filter(({ tags }) => isOwn(tags)).map(({ id }) => `droplet ${id}`),
    ...account.loadBalancers
      .filter((balancer) => balancer.name.includes(deploymentId))
      .map(({ id }) => `load_balancer ${id}`),
    ...account.domainRecords
      .filter((record) => record.domain === domain && record.name === name)
      .map(({ id }) => `domain_record ${domain}/${id}`),
  ];
}

/** Where an item is destroyed, as a regular expression that fits no other item's request. */
export function destructionOf(kind: string, externalId: string): string {
  if (kind === 'domain_record') return `^/v2/domains/${externalId.replace('/', '/records/')}$`;
  return `^/v2/${kind}s/${externalId}$`;
}

/** Fits the bodies alone that ask for something of a deployment's. */
export const bodyOf = (deploymentId: string, name: string) => `${deploymentId}|"${name}"`;

interface StoredItem {
  readonly key: string;
  readonly kind: string;
  readonly state: string;
  readonly external_id: string | null;
}

export const itemsOf = (em: EntityManager, deploymentId: string) =>
  em.execute<StoredItem[]>(
    `select item.key, item.kind, item.state, item.external_id from provisioned_items item
     where item.deployment_id = ? order by item.run_id, item.position`,
    [deploymentId],
  );

export async function lastRun(em: EntityManager, deploymentId: string) {
  const [run] = await em.execute<
    { type: string; state: string; problem: { code: string; message: string } | null; is_ended: boolean }[]
  >(
    `select type, state, problem, ended_at is not null as is_ended from provisioning_runs
     where deployment_id = ? order by created_at desc limit 1`,
    [deploymentId],
  );
  return run;
}
