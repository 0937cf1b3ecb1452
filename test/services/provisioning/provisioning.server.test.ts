import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EntityManager } from '@mikro-orm/postgresql';
import { beginDecommission } from '../../../src/services/provisioning/beginDecommission.ts';
import { beginProvisioning } from '../../../src/services/provisioning/beginProvisioning.ts';
import { noteItemCreated, prepareItem } from '../../../src/services/provisioning/provisionedItems.ts';
import type { ProvisioningRequest } from '../../../src/services/provisioning/provisioningRequest.ts';
import { recordItem, recordItemGone } from '../../../src/services/provisioning/recordItem.ts';
import { changeRun } from '../../../src/services/provisioning/runStates.ts';
import { systemSession } from '../../../src/session.ts';
import {
  newDeployment,
  parametersOf,
  type TemplateCode,
  templateOf,
} from '../../workflows/provisioningWorld.ts';
import { openWorld, resource, type World } from '../world.ts';

let world: World;
let em: EntityManager;
beforeAll(async () => {
  world = await openWorld();
  em = world.em();
}, 60_000);
afterAll(() => world?.close());

const requestOf = (workflowId: string): ProvisioningRequest => ({
  actor: systemSession,
  now: new Date(),
  reason: 'test',
  workflowId,
});
const wanted = (deploymentId: string, code: TemplateCode, runId = randomUUID()) => ({
  deploymentId,
  provider: 'digitalocean',
  template: templateOf(code),
  parameters: parametersOf(code, 'app'),
  runId,
});
async function begun(slug: string, code: TemplateCode = 'droplet-app') {
  const deploymentId = await newDeployment(em, slug);
  const request = requestOf(`provision:${deploymentId}`);
  const run = await beginProvisioning(em, wanted(deploymentId, code), request);
  return { deploymentId, request, ...run };
}
const counts = async (deploymentId: string) =>
  (
    await em.execute(
      `select (select count(*)::int from provisioning_runs where deployment_id = ?) as runs,
         (select count(*)::int from provisioned_items where deployment_id = ?) as items,
         (select count(*)::int from audit_log where action = 'provisioning_run.begin' and workflow_id = ?) as audited`,
      [deploymentId, deploymentId, `provision:${deploymentId}`],
    )
  )[0];

/** A droplet as the provider shows it once it runs. */
const dropletOf = (deploymentId: string, externalId: string, createdAt: Date) =>
  resource({
    externalId,
    name: 'app-app-1',
    tags: [`arcadia:${deploymentId}:app-1`],
    createdAt,
    attributes: { public_ipv4: ['203.0.113.7'], volume_ids: [] },
  });

describe('beginProvisioning', () => {
  it('writes the run and everything that it will create, once, however often it is tried', async () => {
    const deploymentId = await newDeployment(em, 'once');
    const request = requestOf(`provision:${deploymentId}`);
    const input = wanted(deploymentId, 'web-app');
    const first = await beginProvisioning(em, input, request);
    expect(first.items.map(({ key }) => key)).toEqual(['data', 'app-1', 'app-2', 'balancer', 'record']);
    expect(await beginProvisioning(em, input, request)).toEqual(first);
    expect(await counts(deploymentId)).toEqual({ runs: 1, items: 5, audited: 1 });
  });

  it('lets one of several begin at once, and tells the others which run has the deployment', async () => {
    const deploymentId = await newDeployment(em, 'race');
    const outcomes = await Promise.allSettled(
      [1, 2, 3, 4].map((n) =>
        beginProvisioning(world.em(), wanted(deploymentId, 'droplet-app'), requestOf(`provision:${n}`)),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') {
        expect(outcome.reason).toMatchObject({
          code: 'provisioning_running',
          context: { type: 'provision' },
        });
      }
    }
    expect(await counts(deploymentId)).toMatchObject({ runs: 1, items: 1 });
  });

  it('does not begin with parameters that the template does not take, nor where the deployment is none', async () => {
    const deploymentId = await newDeployment(em, 'parameters');
    const request = requestOf(`provision:${deploymentId}`);
    const bad = { ...wanted(deploymentId, 'droplet-app'), parameters: {} };
    await expect(beginProvisioning(em, bad, request)).rejects.toMatchObject({ retryable: false });
    await expect(beginProvisioning(em, wanted(randomUUID(), 'droplet-app'), request)).rejects.toMatchObject({
      code: 'deployment_not_found',
    });
    expect(await counts(deploymentId)).toMatchObject({ runs: 0, items: 0 });
  });
});

describe('beginDecommission', () => {
  it('is refused while a provisioning has the deployment, and while that is not cancelled', async () => {
    const { deploymentId, provisioningId, request } = await begun('not-yet');
    const asked = { deploymentId, runId: randomUUID(), notBefore: new Date() };
    const decommission = requestOf(`decommission:${deploymentId}`);
    await expect(beginDecommission(world.em(), asked, decommission)).rejects.toMatchObject({
      code: 'deployment_not_cancelled',
    });
    await em.execute(`update cloud_deployments set state = 'cancelled' where id = ?`, [deploymentId]);
    await expect(beginDecommission(world.em(), asked, decommission)).rejects.toMatchObject({
      code: 'provisioning_running',
    });
    await changeRun(world.em(), { provisioningId, state: 'done' }, request);
    const run = await beginDecommission(world.em(), asked, decommission);
    expect(run.items.map(({ key }) => key)).toEqual(['app-1']);
    expect(await beginDecommission(world.em(), asked, decommission)).toEqual(run);
  });
});

describe('recordItem', () => {
  it('takes the item into the inventory, records its spec and attaches it from its creation, once', async () => {
    const { deploymentId, request, items } = await begun('recorded');
    const itemId = items[0]?.itemId ?? '';
    await prepareItem(em, itemId);
    await noteItemCreated(em, { itemId, externalId: '81', now: new Date() });
    const createdAt = new Date(Date.now() - 90_000);
    const seen = { resource: dropletOf(deploymentId, '81', createdAt), readAt: new Date() };
    await recordItem(em, itemId, seen, request);
    await recordItem(em, itemId, seen, request);
    const rows = await em.execute(
      `select resource.deployment_id, provisioned.spec_version, provisioned.spec->>'size_slug' as size_slug,
         extract(epoch from membership.starts_at)::float8 as since
       from cloud_resources resource
       join cloud_provisioned provisioned on provisioned.resource_id = resource.id and withdrawn_at is null
       join cloud_resource_memberships membership on membership.resource_id = resource.id
       where resource.external_id = '81'`,
    );
    expect(rows).toEqual([
      {
        deployment_id: deploymentId,
        spec_version: 1,
        size_slug: 's-1vcpu-1gb',
        since: Math.floor(createdAt.getTime() / 1000),
      },
    ]);
  });

  it('attaches from now where the clock of the provider is ahead of ours', async () => {
    const { deploymentId, request, items } = await begun('ahead');
    const itemId = items[0]?.itemId ?? '';
    await prepareItem(em, itemId);
    await noteItemCreated(em, { itemId, externalId: '82', now: new Date() });
    const seen = {
      resource: dropletOf(deploymentId, '82', new Date(Date.now() + 600_000)),
      readAt: new Date(),
    };
    await recordItem(em, itemId, seen, request);
    const rows = await em.execute(
      `select membership.starts_at <= now() as is_past from cloud_resource_memberships membership where deployment_id = ?`,
      [deploymentId],
    );
    expect(rows).toEqual([{ is_past: true }]);
  });

  it('brings nothing back once its run undoes, however late it comes', async () => {
    const { deploymentId, provisioningId, request, items } = await begun('late');
    const itemId = items[0]?.itemId ?? '';
    await prepareItem(em, itemId);
    await noteItemCreated(em, { itemId, externalId: '83', now: new Date() });
    await changeRun(em, { provisioningId, state: 'undoing' }, request);
    const seen = { resource: dropletOf(deploymentId, '83', new Date()), readAt: new Date() };
    await expect(recordItem(em, itemId, seen, request)).rejects.toMatchObject({ code: 'run_not_creating' });
    const [row] = await em.execute<{ known: number }[]>(
      `select count(*)::int as known from cloud_resources where external_id = '83'`,
    );
    expect(row).toEqual({ known: 0 });
  });
});

describe('recordItemGone', () => {
  async function recorded(slug: string, externalId: string) {
    const run = await begun(slug);
    const itemId = run.items[0]?.itemId ?? '';
    await prepareItem(em, itemId);
    await noteItemCreated(em, { itemId, externalId, now: new Date() });
    const resourceNow = dropletOf(run.deploymentId, externalId, new Date(Date.now() - 3_600_000));
    await recordItem(em, itemId, { resource: resourceNow, readAt: new Date() }, run.request);
    return { ...run, itemId };
  }
  const stateOf = async (deploymentId: string, externalId: string) =>
    (
      await em.execute(
        `select resource.gone_at is not null as is_gone, resource.deployment_id, provisioned.withdrawn_at is not null as is_withdrawn,
           (select count(*)::int from cloud_resource_memberships where resource_id = resource.id and deployment_id = ?) as memberships,
           (select coalesce(sum(quantity), 0)::int from metered_usage where deployment_id = ?) as seconds
         from cloud_resources resource join cloud_provisioned provisioned on provisioned.resource_id = resource.id
         where resource.external_id = ?`,
        [deploymentId, deploymentId, externalId],
      )
    )[0];

  it('ends what was undone as if it had never been the deployment’s: nothing of it is metered', async () => {
    const { deploymentId, itemId, request } = await recorded('undone', '84');
    const gone = { itemId, externalIds: ['84'], readAt: new Date(Date.now() + 1), detachedAt: null };
    await recordItemGone(em, gone, request);
    await recordItemGone(em, gone, request);
    expect(await stateOf(deploymentId, '84')).toEqual({
      is_gone: true,
      deployment_id: null,
      is_withdrawn: true,
      memberships: 0,
      seconds: 0,
    });
  });

  it('ends what was destroyed at that time: up to then it is metered', async () => {
    const { deploymentId, itemId, request } = await recorded('destroyed', '85');
    const detachedAt = new Date();
    const gone = { itemId, externalIds: ['85'], readAt: new Date(Date.now() + 1), detachedAt };
    await recordItemGone(em, gone, { ...request, now: new Date(Date.now() + 1_000) });
    const state = await stateOf(deploymentId, '85');
    expect(state).toMatchObject({ is_gone: true, deployment_id: null, is_withdrawn: true, memberships: 1 });
    const seconds = Number(state?.['seconds']);
    expect(seconds).toBeGreaterThanOrEqual(3_598);
    expect(seconds).toBeLessThanOrEqual(3_602);
  });
});

describe('changeRun', () => {
  it('says each change once in the audit log, and closes what a failed run never came to', async () => {
    const { deploymentId, provisioningId, request } = await begun('changed', 'web-app');
    const problem = { code: 'provider_rejected', message: 'no' };
    for (let tries = 0; tries < 2; tries += 1) {
      await changeRun(world.em(), { provisioningId, state: 'undoing', problem }, request);
    }
    await changeRun(world.em(), { provisioningId, state: 'failed' }, request);
    const rows = await em.execute(
      `select before->>'state' as "from", after->>'state' as "to" from audit_log
       where action = 'provisioning_run.change' and subject_id = ? order by id`,
      [provisioningId],
    );
    expect(rows).toEqual([
      { from: 'running', to: 'undoing' },
      { from: 'undoing', to: 'failed' },
    ]);
    const items = await em.execute(
      `select distinct state, destroyed_at is not null as is_dated from provisioned_items where deployment_id = ?`,
      [deploymentId],
    );
    expect(items).toEqual([{ state: 'destroyed', is_dated: true }]);
  });
});
