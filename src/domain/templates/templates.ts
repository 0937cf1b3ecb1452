import type { Spec } from '../drift/liveValues.ts';
import type { ListPrice } from '../drift/price.ts';
import { type JsonValue, Unprocessable } from '../errors.ts';
import { Decimal, sum } from '../money.ts';
import { dropletItem, dropletParameters } from './droplets.ts';
import {
  faultsOf,
  type ParameterFault,
  type ParameterValues,
  readParameters,
  type TemplateParameter,
} from './parameters.ts';
import type { ItemReference, MadeItem, PlannedItem } from './plannedItem.ts';
import { planWebApp, webAppParameters } from './webApp.ts';

/** The resources of a deployment under one name; a version never changes once it is published. */
export interface Template {
  readonly code: string;
  readonly version: number;
  readonly description: string;
  readonly parameters: readonly TemplateParameter[];
}

interface PublishedTemplate extends Template {
  readonly plan: (values: ParameterValues, deploymentId: string) => PlannedItem[];
}

const published: readonly PublishedTemplate[] = [
  {
    code: 'droplet-app',
    version: 1,
    description: 'One droplet.',
    parameters: dropletParameters,
    plan: (values, deploymentId) => [dropletItem(values, deploymentId, 'app-1')],
  },
  {
    code: 'web-app',
    version: 1,
    description: 'Two droplets, the first with a volume, behind a load balancer with a record in a domain.',
    parameters: webAppParameters,
    plan: planWebApp,
  },
];

/** All templates, by code, the newest version of each first. */
export function listTemplates(): readonly Template[] {
  return published
    .map(({ plan: _plan, ...template }) => template)
    .toSorted((left, right) =>
      left.code === right.code ? right.version - left.version : left.code < right.code ? -1 : 1,
    );
}

/** @param version null for the newest @throws Unprocessable `template_not_found` */
export function findTemplate(code: string, version: number | null): Template {
  const template = listTemplates().find(
    (one) => one.code === code && (version === null || one.version === version),
  );
  if (template !== undefined) return template;
  const known = listTemplates().map((one) => `${one.code} ${one.version}`);
  throw new Unprocessable(
    'template_not_found',
    `There is no template "${code}"${version === null ? '' : ` of version ${version}`}: known are ${known.join(', ')}.`,
    { field: version === null ? 'template_code' : 'template_version', context: { known } },
  );
}

/** Every fault of the parameters at once; none where `planItems` takes them. */
export function parameterFaults(template: Template, parameters: unknown): ParameterFault[] {
  return faultsOf(template.parameters, parameters);
}

/**
 * The items of a deployment, in the order of their creation. The same input gives the same names and tags each time.
 * @throws Unprocessable `template_not_found`; ParametersInvalid with all faults
 */
export function planItems(
  template: Pick<Template, 'code' | 'version'>,
  parameters: unknown,
  deploymentId: string,
): PlannedItem[] {
  const { code, version } = findTemplate(template.code, template.version);
  const found = published.find((one) => one.code === code && one.version === version);
  if (found === undefined) throw new RangeError(`${code} ${version} is listed and not published`);
  return found.plan(readParameters(found.parameters, parameters), deploymentId);
}

const specFields = { volumeIds: 'volume_ids', dropletIds: 'droplet_ids', data: null } as const;

/** An item with the ids and addresses of the items that it refers to. @throws RangeError where one isn't there yet */
export function resolveItem(item: PlannedItem, made: ReadonlyMap<string, MadeItem>): PlannedItem {
  const wanted: Record<string, string | readonly string[]> = {};
  const spec: Record<string, JsonValue> = {};
  for (const reference of item.references) {
    const values = reference.keys.map((key) => referredTo(item, reference, made.get(key)));
    wanted[reference.field] = reference.field === 'data' ? (values[0] ?? '') : values;
    const field = specFields[reference.field];
    if (field !== null) spec[field] = values;
  }
  // A reference names a field that the kind of its item has.
  return {
    ...item,
    wanted: { ...item.wanted, ...wanted },
    spec: item.spec === null ? null : { ...item.spec, ...spec },
  };
}

function referredTo(item: PlannedItem, reference: ItemReference, made: MadeItem | undefined): string {
  const value = reference.of === 'ip' ? made?.ip : made?.externalId;
  if (value === undefined || value === null) {
    throw new RangeError(`${item.key} needs the ${reference.of} of ${reference.keys.join(', ')}`);
  }
  return value;
}

/** What the items cost a month by list price; a total only where each has a price. A domain record costs nothing. */
export function monthlyCost(
  items: readonly PlannedItem[],
  listPrice: ListPrice,
): {
  readonly items: readonly { readonly key: string; readonly monthly: Decimal | null }[];
  readonly total: Decimal | null;
} {
  const priced = items.map((item) => ({ key: item.key, monthly: priceOf(item, listPrice) }));
  const known = priced.map(({ monthly }) => monthly).filter((monthly) => monthly !== null);
  return { items: priced, total: known.length === items.length ? sum(known) : null };
}

function priceOf({ kind, spec }: PlannedItem, listPrice: ListPrice): Decimal | null {
  if (kind === 'domain_record' || spec === null) return new Decimal(0);
  return listPrice({
    kind,
    region: textIn(spec, 'region'),
    sizeSlug: textIn(spec, 'size_slug'),
    attributes: spec,
  });
}

function textIn(spec: Spec, field: string): string | null {
  const value: JsonValue = spec[field] ?? null;
  return typeof value === 'string' ? value : null;
}
