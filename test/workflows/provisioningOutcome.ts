import { expect } from '@jest/globals';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Account } from '../../dev/simulator/account.ts';
import { fieldDrift } from '../../src/domain/drift/compare.ts';
import { parseDecimal } from '../../src/domain/money.ts';
import { CloudResource } from '../../src/entities/cloudResource.ts';
import { itemsOf, lastRun, standing, steps, type TemplateCode } from './provisioningWorld.ts';

/** Done and verified: exactly the template's items exist, each once, recorded as it is to be, and the deployment's since its creation. */
export async function expectProvisioned(
  em: EntityManager,
  account: Account,
  deploymentId: string,
  code: TemplateCode,
  name: string,
): Promise<void> {
  const items = await itemsOf(em, deploymentId);
  expect(items.map(({ key, state }) => [key, state])).toEqual(steps[code].map(({ key }) => [key, 'created']));
  expect(items.map(({ kind, external_id: id }) => `${kind} ${id}`).toSorted()).toEqual(
    standing(account, deploymentId, name).toSorted(),
  );
  expect(await lastRun(em, deploymentId)).toEqual({
    type: 'provision',
    state: 'done',
    problem: null,
    is_ended: true,
  });
  const recorded = await em.execute<
    { id: string; external_id: string; spec: object; is_since_creation: boolean }[]
  >(
    `select resource.id, resource.external_id, provisioned.spec,
       membership.starts_at = date_trunc('second', least(resource.created_at, provisioned.recorded_at)) and membership.ends_at is null
         as is_since_creation
     from cloud_resources resource
     join cloud_provisioned provisioned on provisioned.resource_id = resource.id and provisioned.withdrawn_at is null
       and provisioned.spec_version = 1
     join cloud_resource_memberships membership on membership.resource_id = resource.id and membership.deployment_id = resource.deployment_id
     where resource.deployment_id = ? and resource.gone_at is null and resource.tenant_id = 'tenant-a'`,
    [deploymentId],
  );
  const inventoried = items.filter(({ kind }) => kind !== 'domain_record');
  expect(recorded.map((row) => row.external_id).toSorted()).toEqual(
    inventoried.map((item) => item.external_id).toSorted(),
  );
  for (const { id, spec, is_since_creation: isSinceCreation } of recorded) {
    expect(isSinceCreation).toBe(true);
    const live = await em.findOneOrFail(CloudResource, { id }, { disableIdentityMap: true });
    const priceMonthly = live.priceMonthly == null ? null : parseDecimal(live.priceMonthly);
    const asLive = {
      ...live,
      region: live.region ?? null,
      sizeSlug: live.sizeSlug ?? null,
      status: live.status ?? null,
      priceMonthly,
    };
    expect(fieldDrift(live.kind, spec as never, asLive as never)).toEqual([]);
  }
}

/** Undone: nothing of the deployment's identity is left anywhere, and nothing of it is expected or belongs to it any more. */
export async function expectNothingLeft(
  em: EntityManager,
  account: Account,
  deploymentId: string,
  name: string,
): Promise<void> {
  expect(standing(account, deploymentId, name)).toEqual([]);
  const items = await itemsOf(em, deploymentId);
  expect([...new Set(items.map(({ state }) => state))]).toEqual(['destroyed']);
  const rows = await em.execute(
    `select resource.kind, resource.gone_at, provisioned.withdrawn_at, resource.deployment_id from cloud_resources resource
     left join cloud_provisioned provisioned on provisioned.resource_id = resource.id
     where (resource.deployment_id = ? or resource.tags::text like '%' || ? || '%' or resource.name like '%' || ? || '%')
       and (resource.gone_at is null or resource.deployment_id is not null
         or provisioned.resource_id is not null and provisioned.withdrawn_at is null)`,
    [deploymentId, deploymentId, deploymentId],
  );
  expect(rows).toEqual([]);
}
