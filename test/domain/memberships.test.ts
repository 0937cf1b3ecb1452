import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { assign, type Membership, ownerAt, release } from '../../src/domain/memberships.ts';

const second = (at: number) => new Date(at * 1000);
const membership = (deploymentId: string, from: number, until: number | null): Membership => ({
  deploymentId,
  startsAt: second(from),
  endsAt: until === null ? null : second(until),
});
const a = (from: number, until: number | null) => membership('a', from, until);
const b = (from: number, until: number | null) => membership('b', from, until);

describe('assigning a resource', () => {
  it.each<[string, Membership[], Membership, Membership[]]>([
    ['begins the first membership', [], a(5, null), [a(5, null)]],
    ['ends the one before', [a(0, null)], b(5, null), [a(0, 5), b(5, null)]],
    ['splits one that goes on', [a(0, null)], b(5, 8), [a(0, 5), b(5, 8), a(8, null)]],
    ['splits one that has ended', [a(0, 9)], b(5, 8), [a(0, 5), b(5, 8), a(8, 9)]],
    ['shortens one at its start', [a(5, 9)], b(3, 7), [b(3, 7), a(7, 9)]],
    ['shortens one at its end', [a(0, 5)], b(3, 9), [a(0, 3), b(3, 9)]],
    ['replaces one of the same time', [a(0, 5)], b(0, 5), [b(0, 5)]],
    ['replaces all that begin later', [a(2, 4), b(6, null)], a(1, null), [a(1, null)]],
    ['leaves what only touches it', [a(0, 5), a(9, null)], b(5, 9), [a(0, 5), b(5, 9), a(9, null)]],
    ['joins what it touches of the same deployment', [a(0, 5), a(9, 12)], a(5, 9), [a(0, 12)]],
    ['changes nothing where it is so already', [a(0, null)], a(3, 7), [a(0, null)]],
  ])('%s', (_what, before, given, after) => {
    expect(assign(before, given)).toEqual(after);
  });
});

describe('releasing a resource', () => {
  it.each<[string, Membership[], number, Membership[]]>([
    ['ends what goes on', [a(0, null)], 5, [a(0, 5)]],
    ['takes away what begins later', [a(0, 3), a(6, null)], 5, [a(0, 3)]],
    ['takes away what would be empty', [a(5, null)], 5, []],
    ['leaves what another deployment has', [a(0, 5), b(5, null)], 2, [a(0, 2), b(5, null)]],
    ['changes nothing where it left before', [a(0, 3)], 5, [a(0, 3)]],
  ])('%s', (_what, before, at, after) => {
    expect(release(before, 'a', second(at))).toEqual(after);
  });
});

describe('after any changes', () => {
  const moment = fc.integer({ min: 0, max: 30 });
  const change = fc
    .record({
      id: fc.constantFrom('a', 'b', 'c'),
      from: moment,
      length: fc.option(fc.integer({ min: 1, max: 12 })),
    })
    .map(({ id, from, length }) => membership(id, from, length === null ? null : from + length));
  const changes = fc.array(change, { maxLength: 12 });

  it('each second belongs to whom the last change that names it says', () => {
    fc.assert(
      fc.property(changes, (all) => {
        const memberships = all.reduce<Membership[]>(assign, []);
        for (let at = 0; at < 50; at += 1) {
          const last = all.findLast((given) => ownerAt([given], second(at)) !== null);
          expect(ownerAt(memberships, second(at))).toBe(last?.deploymentId ?? null);
        }
      }),
    );
  });

  it('none is empty, none overlaps another, and no two that touch have the same deployment', () => {
    fc.assert(
      fc.property(changes, fc.constantFrom('a', 'b'), moment, (all, id, at) => {
        const memberships = release(all.reduce<Membership[]>(assign, []), id, second(at));
        for (const [index, row] of memberships.entries()) {
          const next = memberships[index + 1];
          if (row.endsAt !== null) expect(+row.endsAt).toBeGreaterThan(+row.startsAt);
          if (next === undefined) continue;
          if (row.endsAt === null) throw new Error('what has no end has nothing after it');
          expect(+next.startsAt).toBeGreaterThanOrEqual(+row.endsAt);
          if (+next.startsAt === +row.endsAt) expect(next.deploymentId).not.toBe(row.deploymentId);
        }
      }),
    );
  });

  it('a released resource belongs to it no more, and to others as before', () => {
    fc.assert(
      fc.property(changes, moment, (all, at) => {
        const before = all.reduce<Membership[]>(assign, []);
        const after = release(before, 'a', second(at));
        for (let now = 0; now < 50; now += 1) {
          const was = ownerAt(before, second(now));
          expect(ownerAt(after, second(now))).toBe(was === 'a' && now >= at ? null : was);
        }
      }),
    );
  });
});
