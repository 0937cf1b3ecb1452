import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { claimRevert } from '../../src/services/drift/claimRevert.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { byAdmin, now, type Sweeps, sweepsIn } from '../services/drift/sweepWorld.ts';
import { resource } from '../services/world.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Answer, type ApiUnderTest, startApi, tokenFor } from './apiUnderTest.ts';

let database: TestDatabase;
let api: ApiUnderTest;
let sweeps: Sweeps;
/** Each test has a droplet of its own. */
let provider: string;
let id: string;

const em = () => forSession(api.orm, systemSession);
const put = (resourceId: string, spec: unknown, role: Parameters<typeof tokenFor>[0] = 'platform_admin') =>
  api.call(`/api/v1/inventory/${resourceId}/provisioned`, {
    method: 'PUT',
    token: tokenFor(role, { sub: 'alice' }),
    body: { spec, reason: 'as sold' },
  });
const get = () => api.call(`/api/v1/inventory/${id}/provisioned`, { token: tokenFor('platform_viewer') });
const outcome = (answer: Answer) => [answer.status, answer.json['code']];
const pointers = (answer: Answer) =>
  ((answer.json['errors'] ?? []) as { pointer: string }[]).map(({ pointer }) => pointer);

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl, clock: () => now });
  const pool = await api.orm.em.getConnection().getNativeClient();
  sweeps = sweepsIn({ em, pool, close: () => Promise.resolve() });
}, 60_000);
afterAll(async () => {
  await api?.close();
  await database?.drop();
});
beforeEach(async () => {
  provider = `cloud-${randomUUID()}`;
  await sweeps.list(provider, [resource({ externalId: '1', name: 'web' })]);
  id = await sweeps.idOf(provider, '1');
});

describe('what is asked of a resource', () => {
  it('is said as a whole, and counts its versions', async () => {
    expect(outcome(await get())).toEqual([404, 'not_found']);
    expect((await put(id, { name: 'web', tags: ['a'] })).json['spec_version']).toBe(1);
    expect((await put(id, { tags: ['a'], name: 'web' })).json['spec_version']).toBe(1);
    expect((await put(id, { name: 'web' })).json).toMatchObject({ spec_version: 2, spec: { name: 'web' } });
    expect(outcome(await put(randomUUID(), { name: 'web' }))).toEqual([404, 'not_found']);
  });

  it('does not change while a revert changes the resource back to it', async () => {
    await put(id, { name: 'front' });
    await sweeps.sweep(provider);
    const [drift] = await sweeps.drift(provider);
    await claimRevert(em(), {
      driftId: drift?.id ?? '',
      workflowId: 'revert-drift:1',
      runId: randomUUID(),
      actor: byAdmin.actor,
      reason: 'back',
      resizeDisk: false,
      now,
    });
    expect(outcome(await put(id, { name: 'third' }))).toEqual([409, 'revert_in_progress']);
    expect((await get()).json).toMatchObject({ spec: { name: 'front' }, spec_version: 1 });
  });

  it('is the word of admins; viewers read it, and nobody else', async () => {
    expect(outcome(await put(id, { name: 'web' }, 'platform_viewer'))).toEqual([403, 'forbidden']);
    expect(outcome(await put(id, { name: 'web' }, 'tenant'))).toEqual([403, 'forbidden']);
    await put(id, { name: 'web' });
    expect((await get()).json).toEqual({
      resource_id: id,
      spec: { name: 'web' },
      spec_version: 1,
      recorded_by: 'alice',
      reason: 'as sold',
      recorded_at: now.toISOString(),
      withdrawn_at: null,
    });
  });

  it.each([
    ['nothing', {}, ['/body/spec']],
    ['a list', [], ['/body/spec']],
    ['no object', 'x', ['/body/spec']],
    ['too much', Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`f${at}`, 1])), ['/body/spec']],
    [
      'a field of another form',
      { 'Size-Slug': 1, ok: 1, 'a/b': 1 },
      ['/body/spec/Size-Slug', '/body/spec/a~1b'],
    ],
    ['a text with NUL inside', { tags: ['ok', 'a\0b'] }, ['/body/spec/tags/1']],
    ['damaged text', { nested: { deep: ['\ud800'] } }, ['/body/spec/nested/deep/0']],
    ['a number that is not exact', { size: 2 ** 53 }, ['/body/spec/size']],
    ['a damaged name of a key', { nested: { 'a\0': 1 } }, ['/body/spec/nested']],
    ['what is too deep', { a: [[[[[[[[[1]]]]]]]]] }, ['/body/spec/a/0/0/0/0/0/0/0/0']],
  ])('refuses %s, naming the place', async (_what, spec, wanted) => {
    const answer = await put(id, spec);
    expect([answer.status, pointers(answer)]).toEqual([422, wanted]);
  });
});
