import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Spec } from '../../../src/domain/drift/liveValues.ts';
import {
  readProvisioned,
  recordProvisioned,
  withdrawProvisioned,
} from '../../../src/services/drift/recordProvisioned.ts';
import { reattributeCostLines } from '../../../src/services/matchCostLines.ts';
import { systemSession } from '../../../src/session.ts';
import { gb, meteringIn } from '../meteringWorld.ts';
import { openWorld, resource, type World } from '../world.ts';
import { byAdmin, now, type Sweeps, sweepsIn } from './sweepWorld.ts';

const web = resource({ externalId: '101', name: 'web' });

describe('what is asked of a resource', () => {
  let world: World;
  let sweeps: Sweeps;
  let provider: string;
  let resourceId: string;
  beforeAll(async () => {
    world = await openWorld();
    sweeps = sweepsIn(world);
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    provider = `cloud-${randomUUID()}`;
    await sweeps.list(provider, [web]);
    resourceId = await sweeps.idOf(provider, '101');
  });

  const record = (spec: Spec, request = byAdmin) =>
    recordProvisioned(world.em(), { resourceId, spec }, request);
  const withdraw = () => withdrawProvisioned(world.em(), resourceId, byAdmin);
  const events = () =>
    world
      .em()
      .execute(
        `select changes from cloud_resource_events where resource_id = ? and type = 'provisioned' order by id`,
        [resourceId],
      );
  const audit = () =>
    world
      .em()
      .execute(
        `select action, actor, reason, before, after, workflow_id from audit_log where subject_id = ? order by id`,
        [resourceId],
      );

  it('counts its versions: each spec that differs is one, and the same one again is none', async () => {
    expect(await record({ name: 'web', size_slug: 'a' })).toBe(1);
    expect(await record({ size_slug: 'a', name: 'web' })).toBe(1);
    expect(await record({ name: 'web', region: null })).toBe(2);
    expect(await record({ name: 'web' })).toBe(3);
    expect(await events()).toEqual([
      {
        changes: {
          spec_version: { from: null, to: 1 },
          name: { from: null, to: 'web' },
          size_slug: { from: null, to: 'a' },
        },
      },
      {
        changes: {
          spec_version: { from: 1, to: 2 },
          size_slug: { from: 'a', to: null },
          region: { from: null, to: null },
        },
      },
      { changes: { spec_version: { from: 2, to: 3 }, region: { from: null, to: null } } },
    ]);
    expect(await audit()).toHaveLength(3);
  });

  it('says by whom and why: an operator, or the process that did it', async () => {
    await record({ name: 'web' });
    expect(await readProvisioned(world.em(), resourceId)).toMatchObject({
      provider,
      kind: 'droplet',
      recordedBy: 'admin-1',
      reason: 'a test',
      recordedAt: now,
      withdrawnAt: null,
    });
    await record({ name: 'other' }, { ...byAdmin, actor: systemSession, workflowId: 'provision:x' });
    expect(await readProvisioned(world.em(), resourceId)).toMatchObject({ recordedBy: 'provision:x' });
    expect(await audit()).toEqual([
      {
        action: 'cloud_provisioned.record',
        actor: 'admin-1',
        reason: 'a test',
        before: { spec: null, spec_version: null },
        after: { spec: { name: 'web' }, spec_version: 1 },
        workflow_id: null,
      },
      {
        action: 'cloud_provisioned.record',
        actor: 'workflow',
        reason: 'a test',
        before: { spec: { name: 'web' }, spec_version: 1 },
        after: { spec: { name: 'other' }, spec_version: 2 },
        workflow_id: 'provision:x',
      },
    ]);
  });

  it('keeps a spec as it was said, texts of digits and nested values too', async () => {
    const spec = { image_id: '123', list: [1, '1', null, { b: 1.5, a: [] }], truth: false, nothing: null };
    await record(spec);
    expect((await readProvisioned(world.em(), resourceId))?.spec).toEqual(spec);
  });

  it('may be withdrawn once, and said again, which is a new version', async () => {
    expect(await withdraw()).toBe(false);
    await record({ name: 'web' });
    expect([await withdraw(), await withdraw()]).toEqual([true, false]);
    expect(await readProvisioned(world.em(), resourceId)).toMatchObject({ specVersion: 1, withdrawnAt: now });
    expect(await record({ name: 'web' })).toBe(2);
    expect(await readProvisioned(world.em(), resourceId)).toMatchObject({
      specVersion: 2,
      withdrawnAt: null,
    });
    expect(await events()).toMatchObject([
      {},
      { changes: { spec: { from: { name: 'web' }, to: null } } },
      { changes: { spec_version: { from: 1, to: 2 }, name: { from: null, to: 'web' } } },
    ]);
  });

  it('is nothing of a resource that there is not', async () => {
    expect(
      await recordProvisioned(world.em(), { resourceId: randomUUID(), spec: { name: 'web' } }, byAdmin),
    ).toBeNull();
    expect(await readProvisioned(world.em(), resourceId)).toBeNull();
  });

  it('said ten times at once is as many versions as there are different specs in a row, none lost', async () => {
    const versions = await Promise.all(
      Array.from({ length: 10 }, (_, index) => record({ name: `n${index}` })),
    );
    expect(versions.toSorted((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 10 }, (_, index) => index + 1),
    );
    expect(await Promise.all(Array.from({ length: 10 }, () => record({ name: 'same' })))).toEqual(
      Array<number>(10).fill(11),
    );
  });

  it('moves no cost line and meters nothing, however its fields are called', async () => {
    const meters = meteringIn(world, provider);
    const deployment = await meters.deployment();
    const createdAt = new Date('2026-04-01T00:00:00Z');
    const listed = { v: { createdAt, attributes: { size_gigabytes: 10 } }, b: { createdAt } };
    await meters.list('volume', '2026-04-01T00:15:00Z', { v: listed.v });
    await meters.list('spaces_bucket', '2026-04-01T00:15:00Z', { b: listed.b });
    await meters.attach('volume', 'v', deployment, '2026-04-01');
    await meters.attach('spaces_bucket', 'b', deployment, '2026-04-01');
    await meters.measure('b', '2026-04-01T01:00:00Z', gb);
    await reattributeCostLines(world.em(), { provider, now, cause: 'a test' });
    const usage = async () => {
      await meters.meter('2026-04-01', '2026-04-03', '2026-04-03T00:00:00Z');
      return [
        await meters.days('volume_gb_month', deployment),
        await meters.days('spaces_gb_month', deployment),
      ];
    };
    const before = await usage();
    expect(before[0]?.[0]).toEqual({
      '2026-04-01': String(10n * gb * 86_400n),
      '2026-04-02': String(10n * gb * 86_400n),
    });

    const request = { ...byAdmin, now: new Date('2026-04-01T12:00:00Z') };
    for (const [kind, externalId] of [
      ['volume', 'v'],
      ['spaces_bucket', 'b'],
    ] as const) {
      const id = await meters.idOf(kind, externalId);
      for (const gigabytes of [500, 900]) {
        const spec = { attributes: { size_gigabytes: gigabytes }, created_at: '2026-04-02T00:00:00Z' };
        await recordProvisioned(world.em(), { resourceId: id, spec }, request);
      }
    }
    expect(await usage()).toEqual(before);
    const [pending] = await world.em().execute(
      `select count(*)::int as events from cloud_resource_events event join cloud_resources resource on resource.id = event.resource_id
       where resource.provider = ? and event.attributed_at is null`,
      [provider],
    );
    expect(pending).toEqual({ events: 0 });
  });
});
