import type { InvoiceLine } from './invoice.ts';
import { type InvoiceEra, invoiceEra } from './invoiceEra.ts';
import { csvTime, hoursAfter, hoursBetween, laterOf, type Month, monthOf } from './month.ts';
import { seededDraws, seededInteger, seededUuid } from './seeded.ts';

/** A droplet that still exists and was in the account from `since` on; its lines carry its real id. */
export interface ResidentDroplet {
  readonly id: number;
  readonly name: string;
  readonly sizeSlug: string;
  readonly priceCents: number;
  readonly project: string;
  readonly since: Date;
}

interface Draft {
  readonly era: InvoiceEra;
  readonly month: Month;
  readonly draw: (min: number, max: number) => number;
  readonly lines: InvoiceLine[];
  /** What is left to bill, in cents. */
  left: number;
}

/** Hours billed at most for a full month. */
const cappedHours = 672;
const roles = ['www', 'api', 'db', 'cache', 'mail', 'jenkins', 'queue', 'metrics', 'proxy', 'backup-host'];
/** Names that a careless reader splits, cuts or mangles; snapshots may be called anything. */
const oddNames = ['größe-test', '東京-web', 'shop, old', 'demo "green"', "o'brien (copy)", 'naïve ☕'];
const projects = ['Operations', 'Staging', 'Website', ''];
const productOrder = [
  'Droplets',
  'Backups',
  'Volumes',
  'Snapshots',
  'Load Balancers',
  'Floating IPs',
  'Kubernetes Clusters',
  'Spaces',
  'Bandwidth',
  'Taxes',
  'GST',
  'Credits',
];

/**
 * Lines for one month that sum to `amountCents` exactly. They depend on the arguments alone, and no generated
 * name is the name of a resident.
 */
export function generateInvoiceLines(
  uuid: string,
  period: string,
  amountCents: number,
  residents: readonly ResidentDroplet[],
): InvoiceLine[] {
  const draft: Draft = {
    era: invoiceEra(period),
    month: monthOf(period),
    draw: seededDraws(uuid),
    lines: [],
    left: amountCents,
  };
  addCreditAndTax(draft);
  addResidents(draft, residents);
  addExtras(draft);
  addFleet(draft);
  return draft.lines.toSorted((a, b) => productOrder.indexOf(a.product) - productOrder.indexOf(b.product));
}

function addLine(draft: Draft, line: Pick<InvoiceLine, 'product' | 'description'> & Partial<InvoiceLine>) {
  const { era, month } = draft;
  const lastSecond = era.fullMonthEnds === 'last_second' || line.product === 'Volumes';
  const cents = line.amountCents ?? 0;
  draft.lines.push({
    groupDescription: '',
    hours: '',
    start: csvTime(month.start),
    end: csvTime(lastSecond ? new Date(month.end.getTime() - 1000) : month.end),
    resourceId: '',
    resourceUuid: '',
    ...line,
    amountCents: cents,
    projectName: era.hasProject ? (line.projectName ?? '') : '',
    category: era.hasCategory ? (line.category ?? 'iaas') : '',
  });
  draft.left -= cents;
}

function addCreditAndTax(draft: Draft) {
  const { era, month } = draft;
  const creditCents = draft.left > 3000 && draft.draw(1, 8) === 1 ? -25 * draft.draw(4, 20) : 0;
  if (era.tax !== null) {
    const taxCents = draft.left - Math.round((draft.left * 10_000) / (10_000 + era.tax.ratePerTenThousand));
    const category = era.tax.product === 'GST' ? 'taxes' : 'iaas';
    const { product, description } = era.tax;
    addLine(draft, { product, description, amountCents: taxCents, category });
  }
  if (creditCents < 0) {
    const description = `Service credit, incident of ${month.period}-03`;
    addLine(draft, { product: 'Credits', description, amountCents: creditCents, category: 'credits' });
  }
}

function addResidents(draft: Draft, residents: readonly ResidentDroplet[]) {
  const { month } = draft;
  for (const resident of residents.filter((candidate) => candidate.since < month.end)) {
    const start = laterOf(resident.since, month.start);
    const hours = hoursBetween(start, month.end);
    addLine(draft, {
      product: 'Droplets',
      description: `${resident.name} (${resident.sizeSlug})`,
      hours: String(hours),
      start: csvTime(start),
      amountCents: Math.round((resident.priceCents * Math.min(hours, cappedHours)) / cappedHours),
      projectName: resident.project,
      resourceId: String(resident.id),
    });
  }
}

/** One line of each kind now and then, never more than the month can bear. */
function addExtras(draft: Draft) {
  const { era, month, draw } = draft;
  const wants = (oneIn: number, cents: number) => draw(1, oneIn) === 1 && draft.left >= cents + 100;
  const hours = String(month.hours);
  const year = month.period.slice(2, 4);
  if (wants(4, 311)) {
    addLine(draft, {
      product: 'Floating IPs',
      description: 'Unused Floating IP - 1.1.1.1',
      hours: '100',
      end: csvTime(hoursAfter(month.start, 514)),
      amountCents: 311,
      resourceId: '1.1.1.1',
    });
  }
  if (wants(3, 1000)) {
    const name = `volume-sfo2-${year}`;
    addLine(draft, {
      product: 'Volumes',
      description: era.volumeForm === 'region' ? `${name} (sfo2) 100GB` : `${name} (100 GB)`,
      hours,
      amountCents: 1000,
      projectName: 'Operations',
      resourceUuid: seededUuid(`volume ${name}`),
    });
  }
  if (wants(3, 74)) {
    const name = oddNames[draw(0, oddNames.length - 1)] ?? '';
    addLine(draft, {
      product: 'Snapshots',
      description: `${name} (14.8 GB)`,
      hours,
      amountCents: 74,
      resourceId: String(goneId(`snapshot ${name}`)),
    });
  }
  if (wants(5, 120)) {
    const name = `db-${year}`;
    const description = era.hasCategory ? `Backups for ${name}` : `${name} (weekly)`;
    addLine(draft, {
      product: 'Backups',
      groupDescription: era.hasCategory ? name : '',
      description,
      amountCents: 120,
      resourceId: String(goneId(`droplet ${name}`)),
    });
  }
  if (month.period >= '2017-03' && wants(5, 1200)) {
    addLine(draft, {
      product: 'Load Balancers',
      description: `lb-${year}`,
      hours,
      amountCents: 1200,
      projectName: 'Website',
      resourceUuid: seededUuid(`load balancer lb-${year}`),
    });
  }
  if (month.period >= '2018-12' && wants(4, 2000)) {
    const group = `cluster-${year}`;
    const identity = { groupDescription: group, resourceUuid: seededUuid(`kubernetes ${group}`) };
    const nodes = '2 nodes - 2 GB / 1 vCPU / 50 GB SSD';
    addLine(draft, {
      product: 'Kubernetes Clusters',
      description: nodes,
      hours,
      amountCents: 1500,
      ...identity,
    });
    const description = seededUuid(`${group} pool`).replaceAll('-', '');
    addLine(draft, {
      product: 'Kubernetes Clusters',
      description,
      hours: '250',
      amountCents: 500,
      ...identity,
    });
  }
  if (month.period >= '2017-10' && wants(3, 500)) {
    const description = 'Spaces ($5/mo 250GB storage & 1TB bandwidth)';
    addLine(draft, {
      product: 'Spaces',
      groupDescription: 'Spaces subscription',
      description,
      hours,
      amountCents: 500,
    });
  }
  if (wants(6, 240)) {
    addLine(draft, { product: 'Bandwidth', description: 'Bandwidth overage', amountCents: 240 });
  }
}

/** Droplets until the month is spent; the last one ran for a part of the month and takes the odd cents. */
function addFleet(draft: Draft) {
  const { era, month, draw } = draft;
  const [cheapest] = era.sizes;
  for (let index = 0; cheapest !== undefined && draft.left >= cheapest.priceCents; index += 1) {
    const name = fleetName(index, month);
    const size = era.sizes[seededInteger(name, 0, era.sizes.length - 1)] ?? cheapest;
    const affordable = size.priceCents <= draft.left ? size : cheapest;
    if (index < roles.length && draw(1, 4) === 1) continue;
    addLine(draft, fleetLine(name, affordable.slug, affordable.priceCents, { hours: String(month.hours) }));
  }
  if (draft.left > 0) {
    const oddName = oddNames[draw(0, oddNames.length - 1)] ?? '';
    const name = draw(1, 3) === 1 ? oddName : `runner-${month.period.replace('-', '')}`;
    const size = era.sizes[1] ?? { slug: '1gb', priceCents: 1000 };
    const hours = Math.max(1, Math.round((draft.left * cappedHours) / size.priceCents));
    const start = hoursAfter(month.start, draw(0, Math.max(0, month.hours - hours)));
    const times = { hours: String(hours), start: csvTime(start), end: csvTime(hoursAfter(start, hours)) };
    addLine(draft, fleetLine(name, size.slug, draft.left, times));
  }
}

function fleetLine(name: string, slug: string, amountCents: number, times: Partial<InvoiceLine>) {
  return {
    product: 'Droplets',
    description: `${name} (${slug})`,
    amountCents,
    projectName: projects[seededInteger(name, 0, projects.length - 1)] ?? '',
    resourceId: String(goneId(`droplet ${name}`)),
    ...times,
  };
}

function fleetName(index: number, month: Month): string {
  const role = roles[index % roles.length] ?? 'www';
  const round = index < roles.length ? '' : `-${Math.floor(index / roles.length) + 1}`;
  return `${role}-${month.period.slice(2, 4)}${round}`;
}

/** A numeric id of a resource that is gone: below every id that the account lists. */
export function goneId(text: string): number {
  return seededInteger(text, 1_000_000, 180_000_000);
}
