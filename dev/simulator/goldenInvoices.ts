import { parse } from 'csv-parse/sync';
import type { BillingHistoryEntry, Droplet } from './account.ts';
import { centsOf } from './cents.ts';
import { readGoldenAprilCsv } from './goldenFiles.ts';
import type { Invoice, InvoiceLine } from './invoice.ts';
import { invoiceEra } from './invoiceEra.ts';
import { generateInvoiceLines, goneId, type ResidentDroplet } from './invoiceGenerator.ts';
import { csvTime, hoursBetween, laterOf, monthOf } from './month.ts';
import { seededUuid } from './seeded.ts';

const april = '2026-04';
/** The account is as it was on this day: after the April invoice, before the one for May. */
const previewedAt = new Date('2026-05-28T06:00:00Z');
const previewPeriod = '2026-05';
/** The worker came from another account in April, so nothing was billed for it here before. */
const movedIn: Readonly<Record<string, string>> = { 'pilot-worker-1': '2026-04-15T18:00:00Z' };

/** One invoice for each history entry of type Invoice: April 2026 from the golden CSV, the others generated. */
export function goldenInvoices(
  history: readonly BillingHistoryEntry[],
  droplets: readonly Droplet[],
  projectOf: (droplet: Droplet) => string,
): Invoice[] {
  const residents = residentsOf(droplets, projectOf);
  return history.flatMap((entry) => {
    const { invoice_uuid: uuid, invoice_id: id } = entry;
    if (uuid === undefined || id === undefined) return [];
    const period = periodOf(entry.description);
    const amountCents = centsOf(entry.amount);
    const lines =
      period === april ? aprilLines(droplets) : generateInvoiceLines(uuid, period, amountCents, residents);
    return [{ uuid, id, period, amountCents, lines, csv: invoiceEra(period).csv }];
  });
}

/** The running month so far: a line for each droplet that is there, and GST. */
export function goldenPreview(
  droplets: readonly Droplet[],
  projectOf: (droplet: Droplet) => string,
): Invoice & { readonly updatedAt: string } {
  const { start } = monthOf(previewPeriod);
  const lines = residentsOf(droplets, projectOf).map((resident): InvoiceLine => {
    const from = laterOf(resident.since, start);
    const hours = hoursBetween(from, previewedAt);
    return {
      product: 'Droplets',
      groupDescription: '',
      description: `${resident.name} (${resident.sizeSlug})`,
      hours: String(hours),
      start: csvTime(from),
      end: csvTime(previewedAt),
      amountCents: Math.round((resident.priceCents * Math.min(hours, 672)) / 672),
      projectName: resident.project,
      category: 'iaas',
      resourceId: String(resident.id),
      resourceUuid: '',
    };
  });
  const netCents = lines.reduce((sum, line) => sum + line.amountCents, 0);
  const taxCents = Math.round(netCents / 10);
  lines.push({
    product: 'GST',
    groupDescription: '',
    description: 'Goods and Services Tax (10%)',
    hours: '',
    start: csvTime(start),
    end: csvTime(previewedAt),
    amountCents: taxCents,
    projectName: '',
    category: 'taxes',
    resourceId: '',
    resourceUuid: '',
  });
  return {
    uuid: seededUuid(`preview ${previewPeriod}`),
    id: '316999999',
    period: previewPeriod,
    updatedAt: '2026-05-28T06:00:00Z',
    amountCents: netCents + taxCents,
    lines,
    csv: invoiceEra(previewPeriod).csv,
  };
}

function residentsOf(
  droplets: readonly Droplet[],
  projectOf: (droplet: Droplet) => string,
): ResidentDroplet[] {
  return droplets.map((droplet) => ({
    id: droplet.id,
    name: droplet.name,
    sizeSlug: droplet.size_slug,
    priceCents: centsOf(String(droplet.size.price_monthly)),
    project: projectOf(droplet),
    since: new Date(movedIn[droplet.name] ?? droplet.created_at),
  }));
}

/** `Invoice for April 2026` is `2026-04`. */
function periodOf(description: string): string {
  const day = new Date(`${description.replace('Invoice for ', '1 ')} UTC`);
  return day.toISOString().slice(0, 7);
}

function aprilLines(droplets: readonly Droplet[]): InvoiceLine[] {
  const rows: Record<string, string>[] = parse(readGoldenAprilCsv(), { columns: true });
  return rows.map((row) => {
    const cell = (column: string) => row[column] ?? '';
    const line = {
      product: cell('product'),
      groupDescription: cell('group_description'),
      description: cell('description'),
    };
    return {
      ...line,
      hours: cell('hours'),
      start: cell('start'),
      end: cell('end'),
      amountCents: centsOf(cell('USD').replace('$', '')),
      projectName: cell('project_name'),
      category: cell('category'),
      ...resourceIds(line, droplets),
    };
  });
}

/** Ids as the provider's JSON items carry them; those of resources that are gone are in no list. */
function resourceIds(
  line: Pick<InvoiceLine, 'product' | 'groupDescription' | 'description'>,
  droplets: readonly Droplet[],
): Pick<InvoiceLine, 'resourceId' | 'resourceUuid'> {
  const none = { resourceId: '', resourceUuid: '' };
  const name = line.description.replace(/ \([^()]*\)$/, '');
  switch (line.product) {
    case 'Droplets': {
      const droplet = droplets.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
      return { ...none, resourceId: String(droplet?.id ?? goneId(`droplet ${name}`)) };
    }
    case 'Backups':
      return { ...none, resourceId: String(goneId(`droplet ${line.groupDescription}`)) };
    case 'Snapshots':
      return { ...none, resourceId: String(goneId(`snapshot ${name}`)) };
    case 'Volumes':
    case 'Load Balancers':
      return { ...none, resourceUuid: seededUuid(`${line.product} ${name}`) };
    case 'Spaces': {
      if (line.groupDescription === 'Spaces subscription') return none;
      return { ...none, resourceUuid: seededUuid(`bucket ${line.groupDescription}`) };
    }
    default:
      return none;
  }
}
