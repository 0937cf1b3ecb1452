import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Decimal } from '../src/domain/money.ts';
import type { ResourceKind } from '../src/domain/resourceKind.ts';
import type { ProviderResource } from '../src/providers/provider.ts';

export interface InvoiceFiles {
  /** As the provider exports an invoice, nine columns. */
  readonly csvFile: string;
  /** The invoice's items, one JSON object a line in the provider's own words. */
  readonly itemsFile: string;
}

export interface BenchInvoice {
  readonly lines: number;
  /** How many different resources stand behind the lines. */
  readonly resources: number;
}

interface Charge {
  readonly product: string;
  readonly description: string;
  readonly hours: string;
  /** 0-based day of April 2026. */
  readonly day: number;
  readonly cents: number;
  readonly project: string;
  readonly category: string;
  readonly resourceId: string | null;
  readonly resourceUuid: string | null;
}

const chargedKinds = ['droplet', 'volume', 'snapshot'] as const satisfies readonly ResourceKind[];
const sizes = ['s-1vcpu-1gb', 's-1vcpu-2gb', 's-2vcpu-4gb', 's-4vcpu-8gb', 'c-8', 'm-2vcpu-16gb'];
const linesInAText = 1_000;

/** The listings of the inventory, by kind. Of ten resources seven are droplets, two volumes, one a snapshot. */
export function benchInventory(resources: number): Map<ResourceKind, ProviderResource[]> {
  const numbers = Array.from({ length: resources }, (_, index) => index);
  return Map.groupBy(
    numbers.map((number) => ({
      kind: kindOf(number),
      externalId: idOf(number),
      name: nameOf(number),
      region: 'syd1',
      sizeSlug: sizeOf(number),
      status: 'active',
      createdAt: new Date('2025-01-01T00:00:00Z'),
      tags: [],
      priceMonthly: null,
      currency: 'USD',
      attributes: {},
    })),
    (resource) => resource.kind,
  );
}

/**
 * Writes an invoice of daily charges: of a hundred lines 60 name a listed resource's id, 20 only its name, 17 are of resources
 * that are no longer listed, and a tax, a credit and a shared cost make up the rest. The same numbers give the same files.
 * @returns what the lines add up to
 */
export async function writeInvoiceFiles(invoice: BenchInvoice, files: InvoiceFiles): Promise<Decimal> {
  let cents = 0n;
  function* csv(): Generator<string> {
    yield 'product,group_description,description,hours,start,end,USD,project_name,category\n';
    for (const batch of batches(invoice)) {
      for (const charge of batch) cents += BigInt(charge.cents);
      yield batch.map(csvLine).join('');
    }
  }
  function* items(): Generator<string> {
    for (const batch of batches(invoice)) yield batch.map((charge) => `${itemText(charge)}\n`).join('');
  }
  await pipeline(Readable.from(csv()), createWriteStream(files.csvFile));
  await pipeline(Readable.from(items()), createWriteStream(files.itemsFile));
  return new Decimal(cents.toString()).dividedBy(100);
}

function* batches(invoice: BenchInvoice): Generator<Charge[]> {
  for (let from = 0; from < invoice.lines; from += linesInAText) {
    const size = Math.min(linesInAText, invoice.lines - from);
    yield Array.from({ length: size }, (_, index) => chargeOf(from + index, invoice.resources));
  }
}

function chargeOf(line: number, resources: number): Charge {
  const place = line % 100;
  const round = Math.floor(line / resources);
  const day = round % 30;
  const common = { hours: '24', day, project: `Project ${line % 40}`, category: 'iaas' };
  const nobody = { resourceId: null, resourceUuid: null };
  if (place === 97) {
    const description = 'Goods and Services Tax (10%)';
    return { ...common, ...nobody, product: 'GST', description, hours: '', cents: 100 + (line % 900) };
  }
  if (place === 98) {
    const description = `Credit for incident ${line}, "with thanks"`;
    const category = 'credits';
    return {
      ...common,
      ...nobody,
      product: 'Credits',
      description,
      hours: '',
      category,
      cents: -(line % 500),
    };
  }
  if (place === 99) {
    return { ...common, ...nobody, product: 'Bandwidth', description: 'Bandwidth overage', cents: 10 };
  }
  // A prime factor walks through all resources, so that neighbours on the invoice are strangers in the inventory.
  const number = (line * 7_919) % resources;
  const isListed = place < 80;
  const kind = kindOf(number);
  const id = isListed ? idOf(number) : idOf(number + resources);
  const hasItemId = place < 60 || !isListed;
  return {
    ...common,
    product: { droplet: 'Droplets', volume: 'Volumes', snapshot: 'Snapshots' }[kind],
    description: describe(kind, isListed ? nameOf(number) : `gone-${nameOf(number)}`, number),
    cents: 7 + (number % 90),
    resourceId: hasItemId && kind !== 'volume' ? id : null,
    resourceUuid: hasItemId && kind === 'volume' ? id : null,
  };
}

function kindOf(number: number): (typeof chargedKinds)[number] {
  const place = number % 10;
  return place < 7 ? 'droplet' : place < 9 ? 'volume' : 'snapshot';
}

function nameOf(number: number): string {
  return `${{ droplet: 'web', volume: 'vol', snapshot: 'image' }[kindOf(number)]}-${String(number).padStart(7, '0')}`;
}

function idOf(number: number): string {
  return kindOf(number) === 'volume'
    ? `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
    : String(300_000_000 + number);
}

function sizeOf(number: number): string {
  return sizes[number % sizes.length] ?? '';
}

function describe(kind: (typeof chargedKinds)[number], name: string, number: number): string {
  return kind === 'droplet' ? `${name} (${sizeOf(number)})` : `${name} (${10 + (number % 90)} GB)`;
}

function csvLine(charge: Charge): string {
  const description = charge.description.includes('"')
    ? `"${charge.description.replaceAll('"', '""')}"`
    : charge.description;
  const day = dateOf(charge.day);
  const minus = charge.cents < 0 ? '-' : '';
  return `${charge.product},,${description},${charge.hours},${day} 00:00:00 +0000,${day} 23:59:59 +0000,${minus}$${amountOf(Math.abs(charge.cents))},${charge.project},${charge.category}\n`;
}

function itemText(charge: Charge): string {
  const day = dateOf(charge.day);
  return JSON.stringify({
    product: charge.product,
    resource_id: charge.resourceId,
    resource_uuid: charge.resourceUuid,
    group_description: '',
    description: charge.description,
    amount: `${charge.cents < 0 ? '-' : ''}${amountOf(Math.abs(charge.cents))}`,
    start_time: `${day}T00:00:00Z`,
    end_time: `${day}T23:59:59Z`,
  });
}

function dateOf(day: number): string {
  return `2026-04-${String(day + 1).padStart(2, '0')}`;
}

function amountOf(cents: number): string {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
}
