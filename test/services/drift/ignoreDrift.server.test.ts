import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { CloudDriftRevert } from '../../../src/entities/cloudDriftRevert.ts';
import { driftRevertStates, liveDriftRevertStates } from '../../../src/entities/cloudDriftRevert.ts';
import { acceptDrift } from '../../../src/services/drift/acceptDrift.ts';
import {
  createIgnoreRule,
  endIgnoreRule,
  listIgnoreRules,
} from '../../../src/services/drift/driftIgnoreRules.ts';
import { type IgnoreScope, ignoreDrift } from '../../../src/services/drift/ignoreDrift.ts';
import { recordProvisioned } from '../../../src/services/drift/recordProvisioned.ts';
import { openWorld, resource, type World } from '../world.ts';
import { byAdmin, now, type Sweeps, sweepsIn } from './sweepWorld.ts';

const inDays = (days: number) => new Date(now.getTime() + days * 24 * 3_600_000);
const nextMonth = inDays(30);

describe('ignoring drift', () => {
  let world: World;
  let sweeps: Sweeps;
  let provider: string;
  beforeAll(async () => {
    world = await openWorld();
    sweeps = sweepsIn(world);
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    provider = `cloud-${randomUUID()}`;
    await sweeps.list(provider, [
      resource({ externalId: '101', name: 'web' }),
      resource({ externalId: '102', name: 'db' }),
      resource({ externalId: '103', name: 'cache' }),
    ]);
    await sweeps.want(provider, '101', { name: 'front', size_slug: 's-4vcpu-8gb' });
    await sweeps.want(provider, '102', { size_slug: 's-4vcpu-8gb' });
    await sweeps.sweep(provider);
    expect(await sweeps.open(provider)).toEqual([
      '101 name',
      '101 size_slug',
      '102 size_slug',
      '103 unmanaged',
    ]);
  });

  const drift = async (named: string) => {
    const found = (await sweeps.drift(provider)).find(
      (row) => `${row.resource} ${row.field ?? row.type}` === named,
    );
    if (found === undefined) throw new Error(`${named} is no drift`);
    return found;
  };
  const ignore = async (named: string, scope: IgnoreScope, expiresAt = nextMonth) =>
    ignoreDrift(world.em(), (await drift(named)).id, { scope, expiresAt }, byAdmin);
  const rules = async () =>
    (await listIgnoreRules(world.em(), { isOver: false, now }, { limit: 200 })).filter(
      (rule) => rule.provider === provider || rule.createdBy === 'admin-1',
    );
  async function claim(named: string, state: CloudDriftRevert['state'] = 'planned'): Promise<void> {
    const { id } = await drift(named);
    await world.em().execute(
      `insert into cloud_drift_reverts (drift_id, resource_id, workflow_id, run_id, state, currency, planned_by, reason, created_at)
       select id, resource_id, 'revert-drift:x', 'run', ?, 'USD', 'operator-2', 'a test', ? from cloud_drift where id = ?`,
      [state, now, id],
    );
  }

  it('closes this difference of this resource, which a sweep leaves closed until the rule expires', async () => {
    await ignore('101 size_slug', 'resource');
    expect(await sweeps.open(provider)).toEqual(['101 name', '102 size_slug', '103 unmanaged']);
    const ignored = await drift('101 size_slug');
    const [rule] = (await rules()).filter(({ id }) => id === ignored['ignore_rule_id']);
    expect(ignored).toMatchObject({ state: 'ignored', resolved_by: 'admin-1', reason: 'a test' });
    expect(rule).toMatchObject({
      provider: null,
      kind: null,
      resource: await sweeps.idOf(provider, '101'),
      field: 'size_slug',
      owner: 'admin-1',
      expiresAt: nextMonth,
    });
    await sweeps.sweep(provider);
    expect(await sweeps.open(provider)).toEqual(['101 name', '102 size_slug', '103 unmanaged']);
    const after = inDays(30);
    await sweeps.sweep(provider, { now: after, maxAgeMinutes: 60 * 24 * 60 });
    expect(await sweeps.open(provider)).toContain('101 size_slug');
  });

  it('closes this difference of all of the kind, where it is asked for', async () => {
    await ignore('101 size_slug', 'kind');
    expect(await sweeps.open(provider)).toEqual(['101 name', '103 unmanaged']);
    const [first, second] = await Promise.all(['101 size_slug', '102 size_slug'].map(drift));
    expect(first?.['ignore_rule_id']).toBe(second?.['ignore_rule_id']);
  });

  it('closes what was never asked for, and nothing else of the kind', async () => {
    await ignore('103 unmanaged', 'kind');
    expect(await sweeps.open(provider)).toEqual(['101 name', '101 size_slug', '102 size_slug']);
    const rows = await world
      .em()
      .execute(`select field from drift_ignore_rules where provider = ?`, [provider]);
    expect(rows).toEqual([{ field: 'unmanaged' }]);
  });

  it('leaves open what a revert is at work on, of all that a rule matches', async () => {
    await claim('102 size_slug');
    await ignore('101 size_slug', 'kind');
    expect(await sweeps.open(provider)).toEqual(['101 name', '102 size_slug', '103 unmanaged']);
  });

  it('is audited, the rule and each drift', async () => {
    await ignore('101 size_slug', 'kind');
    const { id, ignore_rule_id: ruleId } = await drift('102 size_slug');
    const audit = await world
      .em()
      .execute(
        `select action, actor, reason, after from audit_log where subject_id in (?, ?) order by action`,
        [id, ruleId],
      );
    expect(audit).toMatchObject([
      {
        action: 'cloud_drift.ignore',
        actor: 'admin-1',
        reason: 'a test',
        after: { state: 'ignored', ignore_rule_id: ruleId, field: 'size_slug' },
      },
      {
        action: 'drift_ignore_rule.create',
        actor: 'admin-1',
        reason: 'a test',
        after: { provider, kind: 'droplet', resource_id: null, field: 'size_slug' },
      },
    ]);
  });

  it.each([
    ['a past expiry', inDays(-1)],
    ['one of now', now],
    ['one more than a year ahead', inDays(367)],
  ])('refuses %s, and changes nothing', async (_what, expiresAt) => {
    await expect(ignore('101 size_slug', 'resource', expiresAt)).rejects.toMatchObject({
      code: 'invalid_expiry',
      field: 'expires_at',
    });
    expect(await sweeps.open(provider)).toContain('101 size_slug');
  });

  describe('while a revert holds the resource', () => {
    it.each(liveDriftRevertStates)('is refused, as accepting is: %s', async (state) => {
      await claim('101 size_slug', state);
      const refusal = {
        code: 'revert_in_progress',
        context: { state, planned_by: 'operator-2', drift_id: (await drift('101 size_slug')).id },
      };
      await expect(ignore('101 size_slug', 'resource')).rejects.toMatchObject(refusal);
      await expect(ignore('101 name', 'resource')).rejects.toMatchObject(refusal);
      for (const named of ['101 size_slug', '101 name']) {
        await expect(acceptDrift(world.em(), (await drift(named)).id, byAdmin)).rejects.toMatchObject(
          refusal,
        );
      }
      const resourceId = await sweeps.idOf(provider, '101');
      const record = (spec: { [field: string]: string }) =>
        recordProvisioned(world.em(), { resourceId, spec }, byAdmin);
      await expect(record({ name: 'third' })).rejects.toMatchObject(refusal);
      expect(await record({ size_slug: 's-4vcpu-8gb', name: 'front' })).toBe(1);
      expect(await sweeps.open(provider)).toEqual([
        '101 name',
        '101 size_slug',
        '102 size_slug',
        '103 unmanaged',
      ]);
      expect(await ignore('102 size_slug', 'resource')).toBe(true);
    });

    it.each(driftRevertStates.filter((state) => !liveDriftRevertStates.some((live) => live === state)))(
      'is no longer refused once it is %s',
      async (state) => {
        await claim('101 size_slug', state);
        expect(await ignore('101 size_slug', 'resource')).toBe(true);
      },
    );
  });
});

describe('ignore rules', () => {
  let world: World;
  let sweeps: Sweeps;
  beforeAll(async () => {
    world = await openWorld();
    sweeps = sweepsIn(world);
    await sweeps.list('rules', [resource({ externalId: '1', name: 'web' })]);
    await sweeps.want('rules', '1', { name: 'front' });
    await sweeps.sweep('rules');
  });
  afterAll(() => world.close());

  const create = (wanted: Partial<Parameters<typeof createIgnoreRule>[1]>) =>
    createIgnoreRule(world.em(), { owner: 'team', expiresAt: nextMonth, ...wanted }, byAdmin);
  const end = (id: string, at = now) => endIgnoreRule(world.em(), id, { ...byAdmin, now: at });

  it('close what is open of them when they are made; a sweep opens it anew once they are ended', async () => {
    const { rule, closed } = await create({ kind: 'droplet', field: 'name' });
    expect([closed, rule.owner]).toEqual([1, 'team']);
    expect(await sweeps.open('rules')).toEqual([]);
    await sweeps.sweep('rules');
    expect(await sweeps.open('rules')).toEqual([]);
    expect(await end(rule.id)).toMatchObject({ id: rule.id, endedAt: now });
    expect(await sweeps.open('rules')).toEqual([]);
    await sweeps.sweep('rules');
    expect(await sweeps.open('rules')).toEqual(['1 name']);
    expect((await sweeps.drift('rules')).map(({ state }) => state).toSorted()).toEqual(['ignored', 'open']);
  });

  it.each([
    ['another provider', { kind: 'droplet', provider: 'elsewhere' }],
    ['another kind', { kind: 'volume' }],
    ['another field', { kind: 'droplet', field: 'size_slug' }],
    ['missing ones', { kind: 'droplet', field: 'missing' }],
  ] as const)('of %s close nothing', async (_what, wanted) => {
    expect((await create(wanted)).closed).toBe(0);
    expect(await sweeps.open('rules')).toEqual(['1 name']);
  });

  it('name a kind or a resource that there is, of that kind and provider', async () => {
    await expect(create({ field: 'name' })).rejects.toMatchObject({
      code: 'ignore_rule_too_wide',
      field: 'kind',
    });
    await expect(create({ resourceId: randomUUID() })).rejects.toMatchObject({
      code: 'unknown_resource',
      field: 'resource_id',
    });
    const resourceId = await sweeps.idOf('rules', '1');
    await expect(create({ resourceId, kind: 'volume' })).rejects.toMatchObject({
      code: 'other_kind',
      field: 'kind',
    });
    await expect(create({ resourceId, provider: 'elsewhere' })).rejects.toMatchObject({
      code: 'other_provider',
      field: 'provider',
    });
  });

  it('end once: ended or expired ones say since when they are over', async () => {
    const { rule } = await create({ kind: 'vpc' });
    expect(await end(randomUUID())).toBeNull();
    await end(rule.id);
    await expect(end(rule.id)).rejects.toMatchObject({
      code: 'ignore_rule_over',
      context: { over_since: now.toISOString() },
    });
    const { rule: other } = await create({ kind: 'vpc' });
    await expect(end(other.id, inDays(31))).rejects.toMatchObject({
      context: { over_since: nextMonth.toISOString() },
    });
  });

  it('are listed by their expiry, in pages, those in force apart from those that are over', async () => {
    await world.em().execute('update drift_ignore_rules set ended_at = ? where ended_at is null', [now]);
    const ids: string[] = [];
    for (const days of [3, 1, 2, 2]) {
      ids.push((await create({ kind: 'app', expiresAt: inDays(days) })).rule.id);
    }
    const [third = '', first = '', ...tied] = ids;
    const wanted = [first, ...tied.toSorted(), third];
    const read: string[] = [];
    for (let after: { expiresAt: string; id: string } | undefined, more = true; more; ) {
      const page = await listIgnoreRules(world.em(), { isOver: false, now }, { after, limit: 2 });
      const shown = page.slice(0, 2);
      read.push(...shown.map(({ id }) => id));
      const last = shown.at(-1);
      after = last && { expiresAt: last.expiresAt.toISOString(), id: last.id };
      more = page.length > 2;
    }
    expect(read).toEqual(wanted);
    const over = await listIgnoreRules(world.em(), { isOver: true, now }, { limit: 200 });
    expect(over.length).toBeGreaterThan(0);
    expect(over.map(({ id }) => id)).not.toEqual(expect.arrayContaining([first]));
    const later = await listIgnoreRules(world.em(), { isOver: false, now: inDays(2) }, { limit: 200 });
    expect(later.map(({ id }) => id)).toEqual([third]);
  });
});
