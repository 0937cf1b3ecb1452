import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { applyProjects } from '../../src/services/applyProjects.ts';
import { attachResource } from '../../src/services/attachResource.ts';
import { createDeployment } from '../../src/services/createDeployment.ts';
import { detachResource } from '../../src/services/detachResource.ts';
import { recordInventory } from '../../src/services/recordInventory.ts';
import { subscribeDeployment } from '../../src/services/subscribeDeployment.ts';
import type { Session } from '../../src/session.ts';
import { addPlan } from './catalogRows.ts';
import { openWorld, resource, type World } from './world.ts';

const alice: Session = { role: 'platform_admin', tenantId: '', subject: 'alice' };
const at = (text: string) => new Date(`2026-${text}Z`);
const now = at('05-10T12:00:00');
const request = { actor: alice, now, reason: 'the customer asked', requestId: 'request-1' };

let world: World;
let one: string;
let other: string;
let droplet: string;
let made = 0;

beforeAll(async () => {
  world = await openWorld();
  await addPlan(world.em(), 'studio');
});
afterAll(() => world?.close());

beforeEach(async () => {
  made += 1;
  const create = async (tenantId: string) =>
    (await createDeployment(world.em(), { tenantId, slug: `d-${made}` }, { actor: alice, now })).id;
  one = await create('tenant-a');
  other = await create('tenant-b');
  const listed = resource({
    externalId: `droplet-${made}`,
    name: `web-${made}`,
    createdAt: at('04-01T00:00:00'),
  });
  await recordInventory(world.em(), {
    provider: `provider-${made}`,
    kind: 'droplet',
    listedAt: at('05-10T11:15:00'),
    resources: [listed],
  });
  droplet = await idOf(`droplet-${made}`);
});

const idOf = async (externalId: string) => {
  const rows = await world
    .em()
    .execute<{ id: string }[]>('select id from cloud_resources where external_id = ?', [externalId]);
  return rows[0]?.id ?? '';
};
const attach = (deployment: string, from?: string, to?: string) =>
  attachResource(
    world.em(),
    deployment,
    {
      resourceId: droplet,
      from: from === undefined ? undefined : at(from),
      to: to === undefined ? undefined : at(to),
    },
    request,
  );
const detach = (deployment: string, to?: string) =>
  detachResource(
    world.em(),
    deployment,
    { resourceId: droplet, to: to === undefined ? undefined : at(to) },
    request,
  );
/** The memberships that are stored: deployment, from, until. */
const stored = async () => {
  const rows = await world.em().execute<{ deployment_id: string; starts_at: Date; ends_at: Date | null }[]>(
    `select deployment_id, to_char(starts_at at time zone 'UTC', 'MM-DD"T"HH24:MI:SS') as starts_at,
         to_char(ends_at at time zone 'UTC', 'MM-DD"T"HH24:MI:SS') as ends_at
       from cloud_resource_memberships where resource_id = ? order by cloud_resource_memberships.starts_at`,
    [droplet],
  );
  return rows.map((row) => [row.deployment_id === one ? 'one' : 'other', row.starts_at, row.ends_at]);
};
const owner = async () => {
  const [row] = await world
    .em()
    .execute<{ deployment_id: string | null; tenant_id: string | null }[]>(
      'select deployment_id, tenant_id from cloud_resources where id = ?',
      [droplet],
    );
  return row;
};
const hours = async (deployment: string) => {
  const [row] = await world.em().execute<{ hours: number }[]>(
    `select coalesce(sum(quantity), 0)::float8 / 3600 as hours from metered_usage
       where deployment_id = ? and resource_kind = 'droplet_hours'`,
    [deployment],
  );
  return row?.hours;
};
const moves = () =>
  world
    .em()
    .execute<{ changes: object }[]>(
      `select changes from cloud_resource_events where resource_id = ? and type = 'moved' order by id`,
      [droplet],
    );

describe('attaching a resource', () => {
  it('gives it to the deployment and its tenant, with a moved event, a deployment event and an audit row', async () => {
    expect(await attach(one)).toEqual([{ deploymentId: one, startsAt: now, endsAt: null }]);
    expect(await stored()).toEqual([['one', '05-10T12:00:00', null]]);
    expect(await owner()).toEqual({ deployment_id: one, tenant_id: 'tenant-a' });
    const membership = { deployment_id: one, starts_at: now.toISOString(), ends_at: null };
    expect(await moves()).toEqual([
      {
        changes: {
          memberships: { from: [], to: [membership] },
          deployment_id: { from: null, to: one },
          tenant_id: { from: null, to: 'tenant-a' },
        },
      },
    ]);
    const events = await world
      .em()
      .execute(
        `select type, actor, reason, details from cloud_deployment_events where deployment_id = ? and type <> 'created'`,
        [one],
      );
    expect(events).toEqual([
      {
        type: 'resource_attached',
        actor: 'alice',
        reason: 'the customer asked',
        details: { resource_id: droplet, kind: 'droplet', name: `web-${made}`, memberships: [membership] },
      },
    ]);
    const audit = await world
      .em()
      .execute(
        `select action, actor, reason, before, after, request_id from audit_log where subject_id = ?`,
        [droplet],
      );
    expect(audit).toEqual([
      {
        action: 'cloud_resource.attach',
        actor: 'alice',
        reason: 'the customer asked',
        before: { deployment_id: one, memberships: [] },
        after: { deployment_id: one, memberships: [membership] },
        request_id: 'request-1',
      },
    ]);
  });

  it('in the past brings its usage with it, to the second', async () => {
    await attach(one, '04-01T00:00:00');
    expect(await hours(one)).toBe(39.5 * 24);
    await attach(other, '04-20T06:00:30');
    expect(await stored()).toEqual([
      ['one', '04-01T00:00:00', '04-20T06:00:30'],
      ['other', '04-20T06:00:30', null],
    ]);
    expect(await owner()).toEqual({ deployment_id: other, tenant_id: 'tenant-b' });
    const usageOfOne = 19 * 24 + 6 + 30 / 3600;
    expect(await hours(one)).toBeCloseTo(usageOfOne, 9);
    expect(await hours(other)).toBeCloseTo(39.5 * 24 - usageOfOne, 9);
  });

  it('for a time that has ended splits what it belonged to, which it still belongs to now', async () => {
    await attach(one, '04-01T00:00:00');
    await attach(other, '04-10T00:00:00', '04-12T00:00:00');
    expect(await stored()).toEqual([
      ['one', '04-01T00:00:00', '04-10T00:00:00'],
      ['other', '04-10T00:00:00', '04-12T00:00:00'],
      ['one', '04-12T00:00:00', null],
    ]);
    expect(await owner()).toEqual({ deployment_id: one, tenant_id: 'tenant-a' });
    expect(await hours(other)).toBe(48);
    expect(await moves()).toHaveLength(2);
    const lost = await world
      .em()
      .execute<{ type: string }[]>(
        `select type from cloud_deployment_events where deployment_id = ? order by id desc limit 1`,
        [one],
      );
    expect(lost).toEqual([{ type: 'resource_detached' }]);
  });

  it('again changes nothing', async () => {
    await attach(one, '04-01T00:00:00');
    await attach(one, '04-03T00:00:00');
    expect(await stored()).toEqual([['one', '04-01T00:00:00', null]]);
    expect(await moves()).toHaveLength(1);
  });

  it('notes the ended months that a rollup knows, for both deployments', async () => {
    await world.em().execute(
      `insert into period_ledger (period_start, state, workflow_id, run_id, started_at, issue_after)
       values ('2026-04-01', 'issued', 'test', 'test', now(), now())`,
    );
    for (const deployment of [one, other]) {
      await subscribeDeployment(world.em(), deployment, { planCode: 'studio', addons: [] }, request);
    }
    await attach(one, '04-01T00:00:00');
    await world.em().execute('delete from late_usage');
    await attach(other, '04-20T00:00:00');
    const late = await world
      .em()
      .execute<{ deployment_id: string }[]>(
        'select deployment_id, usage_month::text, source_metered from late_usage',
      );
    const month = { usage_month: '2026-04-01', source_metered: true };
    expect(new Set(late)).toEqual(
      new Set([
        { deployment_id: one, ...month },
        { deployment_id: other, ...month },
      ]),
    );
    await world.em().execute('delete from late_usage');
    await world.em().execute('delete from period_ledger');
  });

  it.each([
    ['begins in the future', '05-10T12:00:01', undefined, 'from'],
    ['ends in the future', '05-01T00:00:00', '05-10T12:00:01', 'to'],
    ['ends when it begins', '05-01T00:00:00', '05-01T00:00:00', 'to'],
    ['ends within the second in which it begins', '05-01T00:00:00.200', '05-01T00:00:00.900', 'to'],
  ])('is refused where it %s', async (_what, from, to, field) => {
    await expect(attach(one, from, to)).rejects.toMatchObject({ code: 'invalid_membership', field });
    expect(await stored()).toEqual([]);
  });

  it('is refused for a resource that there is not, and null for a deployment that there is not', async () => {
    const nobody = '00000000-0000-4000-8000-000000000000';
    await expect(attachResource(world.em(), one, { resourceId: nobody }, request)).rejects.toMatchObject({
      code: 'unknown_resource',
    });
    expect(await attachResource(world.em(), nobody, { resourceId: droplet }, request)).toBeNull();
  });

  it('of two at once to two deployments leaves no overlap', async () => {
    await Promise.all([attach(one, '04-01T00:00:00'), attach(other, '04-05T00:00:00')]);
    const rows = await stored();
    expect(rows.at(-1)?.[2]).toBeNull();
    for (const [index, row] of rows.entries()) {
      if (index > 0) expect(rows[index - 1]?.[2]).toBe(row[1]);
    }
    const sum = ((await hours(one)) ?? 0) + ((await hours(other)) ?? 0);
    expect(sum).toBe(39.5 * 24 - (rows.length === 1 && rows[0]?.[0] === 'other' ? 96 : 0));
  });
});

describe('detaching a resource', () => {
  it('ends its membership, and gives it back to the tenant of its project', async () => {
    const [project] = await world.em().execute<{ id: string }[]>(
      `insert into cloud_projects (provider, external_id, name, is_default, tenant_id, first_seen_at, last_seen_at)
       values ('p', ?, 'project', false, 'tenant-p', now(), now()) returning id`,
      [droplet],
    );
    await world
      .em()
      .execute('update cloud_resources set project_id = ? where id = ?', [project?.id, droplet]);
    await attach(one, '04-01T00:00:00');
    expect(await detach(one)).toEqual([{ deploymentId: one, startsAt: at('04-01T00:00:00'), endsAt: now }]);
    expect(await owner()).toEqual({ deployment_id: null, tenant_id: 'tenant-p' });
  });

  it('in the past takes its usage away since then', async () => {
    await attach(one, '04-01T00:00:00');
    await detach(one, '04-03T12:00:00');
    expect(await stored()).toEqual([['one', '04-01T00:00:00', '04-03T12:00:00']]);
    expect(await hours(one)).toBe(60);
    expect(await owner()).toEqual({ deployment_id: null, tenant_id: null });
  });

  it('at the moment at which it came leaves nothing', async () => {
    await attach(one, '04-01T00:00:00');
    await detach(one, '04-01T00:00:00');
    expect([await stored(), await hours(one)]).toEqual([[], 0]);
  });

  it('leaves what another deployment has', async () => {
    await attach(one, '04-01T00:00:00');
    await attach(other, '04-20T00:00:00');
    expect(await detach(one, '04-10T00:00:00')).toHaveLength(2);
    expect(await stored()).toEqual([
      ['one', '04-01T00:00:00', '04-10T00:00:00'],
      ['other', '04-20T00:00:00', null],
    ]);
    expect(await owner()).toEqual({ deployment_id: other, tenant_id: 'tenant-b' });
  });

  it('is null for what never belonged to the deployment', async () => {
    await attach(one);
    expect(await detach(other)).toBeNull();
  });
});

describe('the database', () => {
  const insert = (deployment: string, from: string, to: string | null) =>
    world
      .em()
      .execute(
        'insert into cloud_resource_memberships (resource_id, deployment_id, starts_at, ends_at) values (?, ?, ?, ?)',
        [droplet, deployment, at(from), to === null ? null : at(to)],
      );

  it('holds one membership of a resource at a time', async () => {
    await insert(one, '04-01T00:00:00', '04-10T00:00:00');
    await insert(other, '04-10T00:00:00', null);
    await expect(insert(one, '04-09T23:59:59', '04-10T00:00:00')).rejects.toThrow(/one_at_a_time/);
    await expect(insert(one, '05-01T00:00:00', null)).rejects.toThrow(/one_at_a_time/);
    await expect(insert(one, '03-01T00:00:00', '03-01T00:00:00')).rejects.toThrow(/not_empty/);
  });
});

it("a sync of projects leaves a resource of a deployment with that deployment's tenant", async () => {
  await attach(one, '04-01T00:00:00');
  await world.em().execute(`update cloud_resources set tenant_id = 'tenant-stale' where id = ?`, [droplet]);
  await applyProjects(world.em(), `provider-${made}`, now);
  expect(await owner()).toEqual({ deployment_id: one, tenant_id: 'tenant-a' });
});
