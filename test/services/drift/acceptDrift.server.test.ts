import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { acceptDrift, acceptDrifts } from '../../../src/services/drift/acceptDrift.ts';
import { readProvisioned, withdrawProvisioned } from '../../../src/services/drift/recordProvisioned.ts';
import { countStatements } from '../countStatements.ts';
import { openWorld, resource, type World } from '../world.ts';
import { byAdmin, listedAt, now, type Sweeps, sweepsIn } from './sweepWorld.ts';

const later = new Date(listedAt.getTime() + 60_000);
const web = resource({ externalId: '101', name: 'web', tags: ['b', 'a'] });
const db = resource({ externalId: '102', name: 'db' });
/** Of `web`, with two faults. */
const spec = { name: 'front', region: 'syd1', size_slug: 's-4vcpu-8gb' };

describe('accepting drift', () => {
  let world: World;
  let sweeps: Sweeps;
  let provider: string;
  beforeAll(async () => {
    world = await openWorld();
    sweeps = sweepsIn(world);
  });
  afterAll(() => world.close());
  beforeEach(() => {
    provider = `cloud-${randomUUID()}`;
  });

  const accept = (id: string) => acceptDrift(world.em(), id, byAdmin);
  const specOf = async (externalId: string) => {
    const row = await readProvisioned(world.em(), await sweeps.idOf(provider, externalId));
    return row === null ? null : [row.specVersion, row.spec, row.withdrawnAt !== null];
  };
  async function drift(named: string): Promise<string> {
    const rows = await sweeps.drift(provider);
    const found = rows.find((row) => `${row.resource} ${row.field ?? row.type}` === named);
    if (found === undefined) throw new Error(`${named} is no drift`);
    return found.id;
  }
  async function drifted(): Promise<void> {
    await sweeps.list(provider, [web]);
    await sweeps.want(provider, '101', spec);
    await sweeps.sweep(provider);
    expect(await sweeps.open(provider)).toEqual(['101 name', '101 size_slug']);
  }
  const events = () =>
    world.em().execute(
      `select event.type, event.changes, event.attributed_at = event.occurred_at as is_attributed
       from cloud_resource_events event join cloud_resources resource on resource.id = event.resource_id
       where resource.provider = ? and event.type = 'drift_accepted' order by event.id`,
      [provider],
    );
  const audit = (subject: string) =>
    world
      .em()
      .execute(
        `select action, actor, reason, before, after from audit_log where subject_id = ? order by id`,
        [subject],
      );

  it('makes the live value of a field the desired one, as a new version, and leaves the other fields', async () => {
    await drifted();
    const id = await drift('101 size_slug');
    expect(await accept(id)).toBe(true);
    expect(await specOf('101')).toEqual([2, { ...spec, size_slug: 's-1vcpu-1gb' }, false]);
    expect(await sweeps.open(provider)).toEqual(['101 name']);
    const [row] = (await sweeps.drift(provider)).filter((found) => found.id === id);
    expect(row).toMatchObject({
      state: 'accepted',
      resolved_by: 'admin-1',
      reason: 'a test',
      spec_version: 1,
    });
    expect(await events()).toEqual([
      {
        type: 'drift_accepted',
        changes: {
          spec_version: { from: 1, to: 2 },
          size_slug: { from: 's-4vcpu-8gb', to: 's-1vcpu-1gb' },
        },
        is_attributed: true,
      },
    ]);
    expect(await audit(id)).toEqual([
      {
        action: 'cloud_drift.accept',
        actor: 'admin-1',
        reason: 'a test',
        before: { state: 'open', desired: 's-4vcpu-8gb', spec_version: 1 },
        after: {
          state: 'accepted',
          resource_id: await sweeps.idOf(provider, '101'),
          type: 'field',
          field: 'size_slug',
          actual: 's-1vcpu-1gb',
          spec_version: 2,
          withdrawn: false,
        },
      },
    ]);
    expect(await sweeps.sweep(provider)).toMatchObject({ opened: 0, stale: 0 });
    expect(await sweeps.open(provider)).toEqual(['101 name']);
  });

  it('gives an unmanaged resource its live values as its spec; the next sweep finds nothing', async () => {
    await sweeps.list(provider, [web]);
    await sweeps.sweep(provider);
    await accept(await drift('101 unmanaged'));
    expect(await specOf('101')).toMatchObject([
      1,
      { name: 'web', region: 'syd1', size_slug: 's-1vcpu-1gb', tags: ['a', 'b'] },
      false,
    ]);
    expect(await sweeps.sweep(provider)).toMatchObject({ opened: 0, stale: 0 });
    expect(await sweeps.open(provider)).toEqual([]);
  });

  it('asks nothing more of a missing resource; the next sweep finds nothing', async () => {
    await sweeps.list(provider, [db]);
    await sweeps.want(provider, '102', { name: 'db' });
    await sweeps.list(provider, [], { at: later });
    await sweeps.sweep(provider);
    const id = await drift('102 missing');
    await accept(id);
    expect(await specOf('102')).toEqual([1, { name: 'db' }, true]);
    expect(await audit(id)).toMatchObject([{ after: { type: 'missing', spec_version: 1, withdrawn: true } }]);
    expect(await events()).toMatchObject([{ changes: { spec: { from: { name: 'db' }, to: null } } }]);
    expect(await sweeps.sweep(provider)).toMatchObject({ opened: 0, stale: 0 });
    expect(await sweeps.open(provider)).toEqual([]);
  });

  it('takes a set at once: fields of one resource are one new version', async () => {
    await sweeps.list(provider, [web, db]);
    await sweeps.want(provider, '101', spec);
    await sweeps.sweep(provider);
    const ids = await Promise.all(['102 unmanaged', '101 name', '101 size_slug'].map(drift));
    await acceptDrifts(world.em(), ids, byAdmin);
    expect(await specOf('101')).toEqual([
      2,
      { name: 'web', region: 'syd1', size_slug: 's-1vcpu-1gb' },
      false,
    ]);
    expect(await specOf('102')).toMatchObject([1, { name: 'db' }, false]);
    expect(await sweeps.open(provider)).toEqual([]);
    expect(await events()).toHaveLength(2);
  });

  it('takes the same number of statements for one as for many', async () => {
    const many = Array.from({ length: 40 }, (_, index) =>
      resource({ externalId: String(index), name: `web-${index}` }),
    );
    await sweeps.list(provider, many);
    await sweeps.sweep(provider);
    const [first = '', ...others] = (await sweeps.drift(provider)).map(({ id }) => id);
    const counted = (ids: readonly string[]) =>
      countStatements(world, () => acceptDrifts(world.em(), ids, byAdmin));
    expect(await counted(others)).toBe(await counted([first]));
    expect(await sweeps.open(provider)).toEqual([]);
  });

  it('takes all of a set or none: an id of no drift, or a resolved one, and nothing changes', async () => {
    await drifted();
    const name = await drift('101 name');
    const size = await drift('101 size_slug');
    await expect(acceptDrifts(world.em(), [name, randomUUID()], byAdmin)).rejects.toMatchObject({
      code: 'unknown_drift',
      field: 'ids/1',
    });
    await accept(size);
    await expect(acceptDrifts(world.em(), [name, size], byAdmin)).rejects.toMatchObject({
      code: 'drift_not_open',
      context: { drift_id: size },
    });
    expect(await sweeps.open(provider)).toEqual(['101 name']);
    expect(await specOf('101')).toMatchObject([2, { name: 'front' }, false]);
  });

  it('says of a resolved one what became of it, by whom, when and why', async () => {
    await drifted();
    const id = await drift('101 name');
    await accept(id);
    await expect(accept(id)).rejects.toMatchObject({
      code: 'drift_not_open',
      context: {
        state: 'accepted',
        resolved_by: 'admin-1',
        resolved_at: now.toISOString(),
        reason: 'a test',
      },
    });
    expect(await accept(randomUUID())).toBe(false);
  });

  it('takes the shown value told otherwise, a list in another order, for the same', async () => {
    await sweeps.list(provider, [web]);
    await sweeps.want(provider, '101', { tags: ['c'] });
    await sweeps.sweep(provider);
    const id = await drift('101 tags');
    await world.em().execute(`update cloud_drift set actual = '["b", "a"]' where id = ?`, [id]);
    expect(await accept(id)).toBe(true);
  });

  describe('is refused where it would accept another thing than was shown', () => {
    const changed = (context: object) => ({ code: 'drift_changed', context });

    it('another live value', async () => {
      await drifted();
      await sweeps.list(provider, [{ ...web, sizeSlug: 's-8vcpu-16gb' }], { at: later });
      await expect(accept(await drift('101 size_slug'))).rejects.toMatchObject(
        changed({ actual: 's-1vcpu-1gb', actual_now: 's-8vcpu-16gb' }),
      );
    });

    it('another desired one', async () => {
      await drifted();
      await sweeps.want(provider, '101', { ...spec, size_slug: 's-2vcpu-4gb' });
      await expect(accept(await drift('101 size_slug'))).rejects.toMatchObject(
        changed({ desired: 's-4vcpu-8gb', desired_now: 's-2vcpu-4gb' }),
      );
      expect(await accept(await drift('101 name'))).toBe(true);
    });

    it('a field that is no longer asked for', async () => {
      await drifted();
      await sweeps.want(provider, '101', { region: 'syd1' });
      await expect(accept(await drift('101 size_slug'))).rejects.toMatchObject(
        changed({ desired_now: null }),
      );
    });

    it('a spec that was withdrawn', async () => {
      await drifted();
      await withdrawProvisioned(world.em(), await sweeps.idOf(provider, '101'), byAdmin);
      await expect(accept(await drift('101 size_slug'))).rejects.toMatchObject(
        changed({ desired_now: null }),
      );
    });

    it('a field of a resource that is gone', async () => {
      await drifted();
      await sweeps.list(provider, [], { at: later });
      await expect(accept(await drift('101 size_slug'))).rejects.toMatchObject(changed({}));
      expect(await specOf('101')).toEqual([1, spec, false]);
    });

    it('a missing resource that is there again: its spec stays', async () => {
      await sweeps.list(provider, [db]);
      await sweeps.want(provider, '102', { name: 'db' });
      await sweeps.list(provider, [], { at: later });
      await sweeps.sweep(provider);
      await sweeps.list(provider, [db], { at: new Date(later.getTime() + 1) });
      await expect(accept(await drift('102 missing'))).rejects.toMatchObject(changed({}));
      expect(await specOf('102')).toEqual([1, { name: 'db' }, false]);
    });

    it('an unmanaged resource that has a spec by now', async () => {
      await sweeps.list(provider, [db]);
      await sweeps.sweep(provider);
      await sweeps.want(provider, '102', { name: 'other' });
      await expect(accept(await drift('102 unmanaged'))).rejects.toMatchObject(changed({}));
      expect(await specOf('102')).toEqual([1, { name: 'other' }, false]);
    });
  });

  it('of two fields of one resource at once loses neither', async () => {
    await drifted();
    const ids = await Promise.all(['101 name', '101 size_slug'].map(drift));
    expect(await Promise.all(ids.map(accept))).toEqual([true, true]);
    expect(await specOf('101')).toEqual([
      3,
      { name: 'web', region: 'syd1', size_slug: 's-1vcpu-1gb' },
      false,
    ]);
  });

  it('in overlapping sets at once takes each drift once, and no set waits for the other for ever', async () => {
    const many = Array.from({ length: 20 }, (_, index) =>
      resource({ externalId: String(index), name: `web-${index}` }),
    );
    await sweeps.list(provider, many);
    await sweeps.sweep(provider);
    const ids = (await sweeps.drift(provider)).map(({ id }) => id);
    const outcomes = await Promise.allSettled([
      acceptDrifts(world.em(), ids, byAdmin),
      acceptDrifts(world.em(), ids.toReversed(), byAdmin),
      acceptDrifts(world.em(), ids.slice(5, 15), byAdmin),
    ]);
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(failures).toHaveLength(2);
    for (const failure of failures) expect(failure).toMatchObject({ code: 'drift_not_open' });
    const [counted] = await world
      .em()
      .execute(
        `select count(*)::int as rows, max(spec_version) as version from cloud_provisioned where provider = ?`,
        [provider],
      );
    expect(counted).toEqual(
      outcomes[2]?.status === 'fulfilled' ? { rows: 10, version: 1 } : { rows: 20, version: 1 },
    );
  });

  it('of a set goes on after a deadlock with a sweep, which changes the same drifts in another order', async () => {
    await sweeps.list(provider, [web, db]);
    await sweeps.sweep(provider);
    const ids = (await sweeps.drift(provider)).map(({ id }) => id).toSorted();
    const touch = 'update cloud_drift set last_seen_at = last_seen_at where id = ?';
    const [lower, higher] = ids;
    const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    const accepted = await world.em().transactional(async (sweep) => {
      await sweep.execute(touch, [higher]);
      const outcome = Promise.allSettled([acceptDrifts(world.em(), ids, byAdmin)]);
      // Whoever has waited longer is ended, and that is not the sweep.
      while ((await world.em().execute<object[]>(waiting)).length === 0) await setTimeout(20);
      await setTimeout(300);
      await sweep.execute(touch, [lower]);
      return { outcome };
    });
    expect(await accepted.outcome).toEqual([{ status: 'fulfilled', value: undefined }]);
    expect(await sweeps.open(provider)).toEqual([]);
  });
});
