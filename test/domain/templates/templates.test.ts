import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { adoptedSpec } from '../../../src/domain/drift/specFields.ts';
import { Decimal } from '../../../src/domain/money.ts';
import { resourceKinds } from '../../../src/domain/resourceKind.ts';
import { ParametersInvalid } from '../../../src/domain/templates/parameters.ts';
import type { MadeItem, PlannedItem } from '../../../src/domain/templates/plannedItem.ts';
import {
  findTemplate,
  listTemplates,
  monthlyCost,
  parameterFaults,
  planItems,
  resolveItem,
} from '../../../src/domain/templates/templates.ts';
import { listPrice } from '../../../src/providers/digitalocean/listPrices.ts';
import type { NewResource, ProviderSize } from '../../../src/providers/provider.ts';
import { droplet, sizes } from '../drift/liveResource.ts';

const deploymentId = '6f2f1f0c-3a3d-4f6e-9a0e-2b1c0d9e8f7a';
const dropletApp = { code: 'droplet-app', version: 1 };
const webApp = { code: 'web-app', version: 1 };
const given = { name: 'studio', region: 'syd1', size_slug: 's-1vcpu-1gb', image: 'ubuntu-24-04-x64' };
const webGiven = { ...given, domain: 'arcadia.example', record_name: 'studio' };

const providerSizes = new Map<string, ProviderSize>(
  [...sizes].map(([slug, size]) => [slug, { ...size, vcpus: 1, memoryMib: 1024, currency: 'USD' }]),
);

function itemOf(items: readonly PlannedItem[], key: string): PlannedItem {
  const item = items.find((one) => one.key === key);
  if (item === undefined) throw new Error(`no item ${key}`);
  return item;
}

/** Everything made in its order, each with an id and an address of its own. */
function made(items: readonly PlannedItem[]): PlannedItem[] {
  const there = new Map<string, MadeItem>();
  return items.map((item, index) => {
    const resolved = resolveItem(item, there);
    there.set(item.key, { externalId: `${index + 1}`, ip: `192.0.2.${index + 1}` });
    return resolved;
  });
}

describe('the templates', () => {
  it('are known by code and version, and the newest where no version is named', () => {
    expect(listTemplates().map(({ code, version }) => `${code} ${version}`)).toEqual([
      'droplet-app 1',
      'web-app 1',
    ]);
    expect(findTemplate('web-app', null)).toEqual(findTemplate('web-app', 1));
  });

  it.each([
    ['web', null],
    ['web-app', 2],
    ['toString', 1],
  ])('have no %s %s, and say which there are', (code, version) => {
    expect(() => findTemplate(code, version)).toThrow(/known are droplet-app 1, web-app 1\.$/);
  });

  it('are plain JSON, with defaults that they take themselves', () => {
    for (const template of listTemplates()) {
      expect(JSON.parse(JSON.stringify(template))).toEqual(template);
      const defaults = template.parameters.filter((parameter) => parameter.default !== undefined);
      const faults = parameterFaults(
        template,
        Object.fromEntries(defaults.map((parameter) => [parameter.name, parameter.default])),
      );
      expect(faults.map(({ detail }) => detail)).toEqual(
        template.parameters.filter(({ required }) => required).map(() => 'is required'),
      );
    }
  });
});

describe('the app on one droplet', () => {
  it('is that droplet, with the tag that finds it again', () => {
    const tag = `arcadia:${deploymentId}:app-1`;
    expect(
      planItems(dropletApp, { ...given, tags: ['studio', 'studio'], backups: true }, deploymentId),
    ).toEqual([
      {
        key: 'app-1',
        kind: 'droplet',
        tag,
        wanted: {
          kind: 'droplet',
          tag,
          name: 'studio-app-1',
          region: 'syd1',
          sizeSlug: 's-1vcpu-1gb',
          image: 'ubuntu-24-04-x64',
          tags: ['studio'],
          backups: true,
          monitoring: true,
          sshKeys: [],
          volumeIds: [],
        },
        references: [],
        dependsOn: [],
        spec: {
          name: 'studio-app-1',
          region: 'syd1',
          size_slug: 's-1vcpu-1gb',
          image_slug: 'ubuntu-24-04-x64',
          tags: ['studio', tag],
          backups_enabled: true,
          volume_ids: [],
        },
      },
    ]);
  });

  it('takes an image by its number, and a VPC', () => {
    const vpc = 'c33931f2-a26a-4e61-b85c-4e95a2ec431b';
    const [item] = planItems(dropletApp, { ...given, image: '155133621', vpc_uuid: vpc }, deploymentId);
    expect(item?.spec).toMatchObject({ image_id: '155133621', vpc_uuid: vpc });
    expect(item?.wanted).toMatchObject({ image: '155133621', vpcUuid: vpc });
  });
});

describe('the app behind a load balancer', () => {
  const items = planItems(webApp, webGiven, deploymentId);

  it('is made in an order in which each finds what it needs', () => {
    expect(items.map(({ key, kind, dependsOn }) => [key, kind, dependsOn])).toEqual([
      ['data', 'volume', []],
      ['app-1', 'droplet', ['data']],
      ['app-2', 'droplet', []],
      ['balancer', 'load_balancer', ['app-1', 'app-2']],
      ['record', 'domain_record', ['balancer']],
    ]);
  });

  it('refers to what was made before', () => {
    const all = made(items);
    expect(itemOf(all, 'app-1').wanted).toMatchObject({ volumeIds: ['1'] });
    expect(itemOf(all, 'app-1').spec).toMatchObject({ volume_ids: ['1'] });
    expect(itemOf(all, 'app-2').wanted).toMatchObject({ volumeIds: [] });
    expect(itemOf(all, 'balancer').wanted).toMatchObject({ dropletIds: ['2', '3'] });
    expect(itemOf(all, 'balancer').spec).toMatchObject({ droplet_ids: ['2', '3'] });
    expect(itemOf(all, 'record').wanted).toMatchObject({
      domain: 'arcadia.example',
      name: 'studio',
      data: '192.0.2.4',
    });
  });

  it('can’t be resolved before what it needs is there', () => {
    const nothing = new Map<string, MadeItem>();
    expect(() => resolveItem(itemOf(items, 'balancer'), nothing)).toThrow(RangeError);
    const unaddressed = new Map([['balancer', { externalId: '4', ip: null }]]);
    expect(() => resolveItem(itemOf(items, 'record'), unaddressed)).toThrow(
      'record needs the ip of balancer',
    );
  });

  it('costs the list price of each item, exactly', () => {
    const cost = monthlyCost(items, (resource) => listPrice(resource, providerSizes));
    expect(cost.items.map(({ key, monthly }) => [key, monthly?.toFixed()])).toEqual([
      ['data', '1'],
      ['app-1', '6'],
      ['app-2', '6'],
      ['balancer', '12'],
      ['record', '0'],
    ]);
    expect(cost.total?.toFixed()).toBe('25');
  });

  it('has no total where the price of an item is unknown', () => {
    const cost = monthlyCost(items, ({ kind }) => (kind === 'droplet' ? null : new Decimal(1)));
    expect(cost.total).toBeNull();
    expect(cost.items[1]).toEqual({ key: 'app-1', monthly: null });
  });
});

describe('what a template doesn’t take', () => {
  it.each<[unknown, [string, string][]]>([
    [null, [['', 'must be an object']]],
    [[], [['', 'must be an object']]],
    [
      {},
      [
        ['/name', 'is required'],
        ['/region', 'is required'],
        ['/size_slug', 'is required'],
        ['/image', 'is required'],
      ],
    ],
    [{ ...given, name: 'Studio' }, [['/name', 'must match [a-z](?:[a-z0-9-]{0,38}[a-z0-9])?']]],
    [
      { ...given, name: 5, region: 'syd1 ' },
      [
        ['/name', 'must be a text'],
        ['/region', 'must match [a-z]{2,10}[0-9]{1,2}'],
      ],
    ],
    [{ ...given, backups: 'yes' }, [['/backups', 'must be true or false']]],
    [{ ...given, tags: 'web' }, [['/tags', 'must be a list of texts']]],
    [{ ...given, tags: ['ok', 5] }, [['/tags/1', 'must be a text']]],
    [{ ...given, tags: Array.from({ length: 51 }, () => 'a') }, [['/tags', 'must have at most 50 entries']]],
    [{ ...given, 'a/b~c': 1 }, [['/a~1b~0c', 'is not known here']]],
    [{ ...given, toString: 1 }, [['/toString', 'is not known here']]],
  ])('is named by a pointer: %j', (parameters, faults) => {
    const found = parameterFaults(findTemplate('droplet-app', 1), parameters);
    expect(found.map(({ pointer, detail }) => [pointer, detail])).toEqual(faults);
  });

  it.each([
    ['volume_size_gigabytes', 0, 'must be at least 1'],
    ['volume_size_gigabytes', 16_385, 'must be at most 16384'],
    ['volume_size_gigabytes', 1.5, 'must be a whole number'],
    ['port', 65_536, 'must be at most 65535'],
    ['record_ttl', '1800', 'must be a whole number'],
  ])('of the load-balanced app: %s %j %s', (name, value, detail) => {
    const faults = parameterFaults(findTemplate('web-app', 1), { ...webGiven, [name]: value });
    expect(faults).toEqual([{ pointer: `/${name}`, detail }]);
  });

  it.each([
    'arcadia',
    '-x.example',
    'Arcadia.example',
    'arcadia.example.',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(124)}example`,
  ])('as a domain: %s', (domain) => {
    expect(parameterFaults(findTemplate('web-app', 1), { ...webGiven, domain })).toHaveLength(1);
  });

  it('as a tag is one that looks like an item’s own', () => {
    expect(
      parameterFaults(findTemplate('droplet-app', 1), { ...given, tags: ['arcadia:x:app-1'] }),
    ).toHaveLength(1);
  });

  it('stops the plan, with all faults and a pointer to the first', () => {
    const planning = () => planItems(dropletApp, { ...given, name: 'A', tags: [''] }, deploymentId);
    expect(planning).toThrow(ParametersInvalid);
    try {
      planning();
    } catch (error) {
      expect(error).toMatchObject({
        code: 'parameters_invalid',
        field: 'parameters/name',
        faults: [{ pointer: '/name' }, { pointer: '/tags/0' }],
      });
    }
  });
});

describe('every plan', () => {
  const parameters = fc.record({
    ...Object.fromEntries(Object.entries(webGiven).map(([name, value]) => [name, fc.constant(value)])),
    name: fc.stringMatching(/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/),
    tags: fc.array(fc.stringMatching(/^[a-z0-9:_-]{1,20}$/), { maxLength: 5 }),
    volume_size_gigabytes: fc.integer({ min: 1, max: 16_384 }),
    backups: fc.boolean(),
  });

  it('is the same for the same deployment, and shares no tag and no unique name with another’s', () => {
    fc.assert(
      fc.property(parameters, fc.uuid(), fc.uuid(), (values, one, other) => {
        fc.pre(one !== other);
        const items = planItems(webApp, values, one);
        expect(planItems(webApp, values, one)).toEqual(items);
        const tags = [...items, ...planItems(webApp, values, other)].map(({ tag }) => tag);
        expect(new Set(tags).size).toBe(tags.length);
        for (const key of ['data', 'balancer']) {
          const names = [one, other].map((id) => itemOf(planItems(webApp, values, id), key).wanted.name);
          expect(new Set(names).size).toBe(2);
        }
      }),
    );
  });

  it('has tags and names that the provider takes', () => {
    fc.assert(
      fc.property(parameters, fc.uuid(), (values, id) => {
        for (const { kind, tag, wanted } of planItems(webApp, values, id)) {
          expect(tag).toMatch(/^[a-zA-Z0-9:_-]{1,255}$/);
          if (kind === 'droplet') expect(wanted.name).toMatch(/^[a-zA-Z0-9][a-zA-Z0-9.-]{0,254}$/);
          if (kind === 'volume') expect(wanted.name).toMatch(/^[a-z][a-z0-9-]{0,63}$/);
          if (kind === 'load_balancer') expect(wanted.name).toMatch(/^[a-zA-Z0-9][a-zA-Z0-9.-]{0,254}$/);
        }
      }),
    );
  });

  it('names what it depends on before, and refers to nothing else', () => {
    fc.assert(
      fc.property(parameters, fc.uuid(), (values, id) => {
        const items = planItems(webApp, values, id);
        items.forEach((item, index) => {
          const before = items.slice(0, index).map(({ key }) => key);
          expect(before).toEqual(expect.arrayContaining([...item.dependsOn]));
          for (const { keys } of item.references)
            expect(item.dependsOn).toEqual(expect.arrayContaining([...keys]));
        });
      }),
    );
  });

  it('is what the provider’s create takes, and records nothing that drift has no word for', () => {
    const wishes: NewResource[] = made(planItems(webApp, webGiven, deploymentId)).map(({ wanted }) => wanted);
    expect(wishes).toHaveLength(5);
    const comparable = new Set([
      ...resourceKinds.flatMap((kind) => Object.keys(adoptedSpec(droplet({ kind })))),
      'image_slug',
      'filesystem_type',
    ]);
    for (const { spec } of planItems(webApp, webGiven, deploymentId)) {
      for (const field of Object.keys(spec ?? {})) expect(comparable).toContain(field);
    }
  });
});
