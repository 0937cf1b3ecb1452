import type { EntityManager } from '@mikro-orm/postgresql';
import { ArcadiaError } from '../../domain/errors.ts';
import type { ResourceKind } from '../../domain/resourceKind.ts';
import type { MadeItem, PlannedItem, WantedResource } from '../../domain/templates/plannedItem.ts';
import { planItems, resolveItem } from '../../domain/templates/templates.ts';
import { CloudResource } from '../../entities/cloudResource.ts';
import { ProvisionedItem } from '../../entities/provisionedItem.ts';
import { ProvisioningRun } from '../../entities/provisioningRun.ts';

/** One item as a process names it. */
export interface ItemOfRun {
  readonly itemId: string;
  readonly key: string;
  readonly kind: string;
}

/** What is asked of the provider, and what it is known by there. */
export interface ItemAtProvider {
  readonly provider: string;
  readonly kind: WantedResource['kind'];
  readonly wanted: WantedResource;
  /** Null until it was seen there. */
  readonly externalId: string | null;
}

/** The items of a run, in the order of their creation. */
export async function listItems(em: EntityManager, provisioningId: string): Promise<ItemOfRun[]> {
  const rows = await em.execute<{ id: string; key: string; kind: string }[]>(
    'select id, key, kind from provisioned_items where run_id = ? order by position',
    [provisioningId],
  );
  return rows.map(asItem);
}

/** What runs of the deployment that ended without being done may have left, the last created first. */
export async function listLeftovers(
  em: EntityManager,
  deploymentId: string,
  provisioningId: string,
): Promise<ItemOfRun[]> {
  const rows = await em.execute<{ id: string; key: string; kind: string }[]>(
    `select item.id, item.key, item.kind from provisioned_items item join provisioning_runs run on run.id = item.run_id
     where item.deployment_id = ? and item.run_id <> ? and item.state in ('planned', 'created') and run.state in ('failed', 'cancelled')
     order by run.created_at desc, item.position desc`,
    [deploymentId, provisioningId],
  );
  return rows.map(asItem);
}

/** Everything of the deployment that may be there, the last created first. */
export async function listStanding(em: EntityManager, deploymentId: string): Promise<ItemOfRun[]> {
  const rows = await em.execute<{ id: string; key: string; kind: string }[]>(
    `select item.id, item.key, item.kind from provisioned_items item join provisioning_runs run on run.id = item.run_id
     where item.deployment_id = ? and item.state in ('planned', 'created')
     order by run.created_at desc, item.position desc`,
    [deploymentId],
  );
  return rows.map(asItem);
}

const asItem = ({ id, key, kind }: { id: string; key: string; kind: string }): ItemOfRun => ({
  itemId: String(id),
  key,
  kind,
});

/**
 * Puts the ids and addresses of the items that are there into what an item asks for, and stores it: what is created now is found again
 * by exactly that.
 */
export function prepareItem(em: EntityManager, itemId: string): Promise<ItemAtProvider> {
  return em.transactional(async (transaction) => {
    const item = await readItem(transaction, itemId);
    const planned = await resolvedItem(transaction, item);
    await transaction.execute('update provisioned_items set wanted = ?::jsonb where id = ?', [
      JSON.stringify(planned.wanted),
      itemId,
    ]);
    return { ...atProvider(item), wanted: planned.wanted };
  });
}

/** What was asked of the provider for an item. */
export async function readItemAtProvider(em: EntityManager, itemId: string): Promise<ItemAtProvider> {
  return atProvider(await readItem(em, itemId));
}

/** What the item asks for once the items that it refers to are there: wanted values and the spec that drift compares. */
export async function resolvedItem(em: EntityManager, item: ProvisionedItem): Promise<PlannedItem> {
  const run = await em.findOneOrFail(ProvisioningRun, { id: item.run }, { disableIdentityMap: true });
  const template = { code: run.templateCode ?? '', version: run.templateVersion ?? 0 };
  const planned = planItems(template, run.parameters, item.deploymentId).find(({ key }) => key === item.key);
  if (planned === undefined) {
    throw new ArcadiaError(
      'item_not_in_template',
      `the template ${template.code} ${template.version} has no item "${item.key}"`,
    );
  }
  const made = await madeItems(em, item.run);
  try {
    return resolveItem(planned, made);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ArcadiaError('item_not_ready', error.message, { cause: error });
  }
}

/** @throws ArcadiaError `item_not_found` */
export async function readItem(em: EntityManager, itemId: string): Promise<ProvisionedItem> {
  const item = await em.findOne(ProvisionedItem, { id: BigInt(itemId) }, { disableIdentityMap: true });
  if (item === null) throw new ArcadiaError('item_not_found', `there is no provisioned item ${itemId}`);
  return item;
}

/** The provider says that it took the item: from now on it is known by its id too. */
export async function noteItemCreated(
  em: EntityManager,
  created: { readonly itemId: string; readonly externalId: string; readonly now: Date },
): Promise<void> {
  await em.execute(
    `update provisioned_items set state = 'created', external_id = ?, created_at = coalesce(created_at, ?)
     where id = ? and state in ('planned', 'created')`,
    [created.externalId, created.now, created.itemId],
  );
}

/**
 * Holds the item's run where it is until the transaction ends.
 * @throws ArcadiaError `run_not_creating` where it creates nothing any more: a step that comes late, from a worker that stood still,
 *   must not bring back what was undone
 */
export async function requireCreating(em: EntityManager, itemId: string): Promise<void> {
  const [run] = await em.execute<{ state: string }[]>(
    `select run.state from provisioning_runs run join provisioned_items item on item.run_id = run.id
     where item.id = ? for share of run`,
    [itemId],
  );
  if (run?.state === 'running') return;
  throw new ArcadiaError(
    'run_not_creating',
    `the run of item ${itemId} is ${run?.state ?? 'not there'}: it creates nothing any more`,
  );
}

/** Whether the inventory lists resources of an item's kind. */
export const isInventoryKind = (kind: string): kind is ResourceKind => kind !== 'domain_record';

async function madeItems(em: EntityManager, provisioningId: string): Promise<Map<string, MadeItem>> {
  const items = await em.find(
    ProvisionedItem,
    { run: provisioningId, state: 'created' },
    { disableIdentityMap: true },
  );
  const made = new Map<string, MadeItem>();
  for (const { key, externalId, resource: resourceId } of items) {
    if (externalId == null) continue;
    const resource =
      resourceId == null
        ? null
        : await em.findOne(CloudResource, { id: resourceId }, { disableIdentityMap: true });
    made.set(key, { externalId, ip: resource === null ? null : addressOf(resource) });
  }
  return made;
}

/** A load balancer's `ip`, or the first public address of a droplet. */
function addressOf({ attributes }: Pick<CloudResource, 'attributes'>): string | null {
  const { ip, public_ipv4: addresses } = attributes;
  if (typeof ip === 'string' && ip !== '') return ip;
  const [first] = Array.isArray(addresses) ? addresses : [];
  return typeof first === 'string' ? first : null;
}

const atProvider = (item: ProvisionedItem): ItemAtProvider => {
  // What a template made is stored as it was made.
  const wanted = item.wanted as unknown as WantedResource;
  return { provider: item.provider, kind: wanted.kind, wanted, externalId: item.externalId ?? null };
};
