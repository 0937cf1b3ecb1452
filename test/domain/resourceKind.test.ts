import { describe, expect, it } from '@jest/globals';
import {
  chargedKinds,
  contextKinds,
  isContextKind,
  kindsBySpeed,
  listedIdForms,
  resourceKinds,
  syncSpeeds,
} from '../../src/domain/resourceKind.ts';

describe('resource kinds', () => {
  it('are each listed at exactly one of the three speeds', () => {
    expect(syncSpeeds).toEqual(['fast', 'full', 'slow']);
    expect(Object.values(kindsBySpeed).flat().toSorted()).toEqual(resourceKinds.toSorted());
  });

  it('are charged for themselves; a backup may be charged to its droplet too', () => {
    expect(chargedKinds('backup')).toEqual(['backup', 'droplet']);
    for (const kind of resourceKinds.filter((kind) => kind !== 'backup' && !isContextKind(kind)))
      expect(chargedKinds(kind)).toEqual([kind]);
  });

  it('that cost nothing are charged for by no line', () => {
    expect(contextKinds.map(chargedKinds)).toEqual([[], []]);
  });

  it.each([
    ['droplet', '412000100', true],
    ['droplet', '3f1d6c2e-0000-4000-8000-00000000000a', false],
    ['droplet', '', false],
    ['volume', '3f1d6c2e-0000-4000-8000-00000000000A', true],
    ['volume', '412000100', false],
    ['load_balancer', '3f1d6c2e-0000-4000-8000-00000000000a ', false],
    ['database', '3f1d6c2e-0000-4000-8000-00000000000a', true],
    ['kubernetes_cluster', 'my-cluster', false],
  ] as const)(
    'know the form of the ids under which a %s is listed: %j is of it: %s',
    (kind, id, expected) => {
      expect(new RegExp(listedIdForms[kind] ?? '').test(id)).toBe(expected);
    },
  );

  it('that are listed by name, or whose invoices carry internal ids, have no form that would prove anything', () => {
    for (const kind of ['domain', 'reserved_ip', 'snapshot', 'backup', 'spaces_bucket'] as const) {
      expect(listedIdForms[kind]).toBeUndefined();
    }
  });
});
