import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import { Decimal } from '../../src/domain/money.ts';
import type { ProviderInvoiceItem } from '../../src/providers/provider.ts';

const columns = [
  'product',
  'group_description',
  'description',
  'hours',
  'start',
  'end',
  'USD',
  'project_name',
  'category',
] as const;
type Column = (typeof columns)[number];

/** A line of a generated invoice, as it is meant; the file and the items say the same in the provider's forms. */
export interface GeneratedLine {
  readonly lineClass: 'resource' | 'shared' | 'tax' | 'credit';
  readonly product: string;
  readonly group: string;
  readonly description: string;
  readonly hours: number | null;
  readonly start: Date;
  readonly end: Date;
  readonly cents: number;
  readonly project: string;
  readonly category: string;
  /** The ids that the invoice's item names. */
  readonly id: string | null;
  readonly uuid: string | null;
}

/** How a file writes it: all that differs between exports without meaning anything. */
export interface FileForm {
  readonly order: readonly Column[];
  readonly writeName: (name: string) => string;
  readonly bom: boolean;
  readonly crlf: boolean;
  readonly quoted: boolean;
  readonly minusBehindDollar: boolean;
  readonly lastSecondNamed: boolean;
  readonly chunk: number;
}

const name = fc.constantFrom('web', 'Web', 'db', 'legacy, web', 'naïve "quoted"', '注文-1', 'a (b) c');

type Wording = Pick<GeneratedLine, 'lineClass' | 'product' | 'group' | 'description'>;

/** The forms of a line that invoices are known to have. */
const wording: fc.Arbitrary<Wording> = name.chain((named) =>
  fc.constantFrom<Wording>(
    { lineClass: 'resource', product: 'Droplets', group: '', description: `${named} (s-1vcpu-1gb)` },
    { lineClass: 'resource', product: 'Volumes', group: '', description: `${named} (sfo2) 100GB` },
    { lineClass: 'resource', product: 'Volumes', group: '', description: `${named} (50 GB)` },
    { lineClass: 'resource', product: 'Backups', group: '', description: `${named} (s-1vcpu-1gb)` },
    { lineClass: 'resource', product: 'Backups', group: named, description: `Backups for ${named}` },
    {
      lineClass: 'resource',
      product: 'Floating IPs',
      group: '',
      description: 'Unused Floating IP - 192.0.2.1',
    },
    {
      lineClass: 'resource',
      product: 'Kubernetes Clusters',
      group: named,
      description: '3 nodes - 4 GB / 2 vCPU',
    },
    { lineClass: 'resource', product: 'A product of tomorrow', group: '', description: named },
    {
      lineClass: 'shared',
      product: 'Spaces',
      group: '',
      description: 'Spaces ($5/mo 250GB storage & 1TB bandwidth)',
    },
    { lineClass: 'shared', product: 'Bandwidth', group: '', description: 'Bandwidth overage' },
    { lineClass: 'tax', product: 'Taxes', group: '', description: 'STATE SALES TAX (6.25%)' },
    { lineClass: 'credit', product: 'Credits', group: '', description: 'Two\nlines of thanks' },
  ),
);

const listedIds = ['101', '102', '103'];

/** A charge of April 2026, or of another month by its first day. */
export const generatedLine = (month = '2026-04'): fc.Arbitrary<GeneratedLine> =>
  fc
    .record({
      wording,
      hours: fc.option(fc.integer({ min: 0, max: 744 })),
      fromMinute: fc.integer({ min: 0, max: 20 * 1440 }),
      minutes: fc.integer({ min: 1, max: 9 * 1440 }),
      cents: fc.oneof(fc.constantFrom(0, 1, 500), fc.integer({ min: 0, max: 10_000_000 })),
      project: fc.constantFrom('', 'Pilot', 'Größe'),
      category: fc.constantFrom('', 'iaas', 'paas'),
      id: fc.option(fc.constantFrom(...listedIds, '999')),
      uuid: fc.option(fc.constantFrom('00000000-0000-4000-8000-000000000001')),
    })
    .map(({ wording, fromMinute, minutes, cents, ...rest }) => {
      const start = Date.parse(`${month}-01T00:00:00Z`) + fromMinute * 60_000;
      return {
        ...wording,
        ...rest,
        start: new Date(start),
        end: new Date(start + minutes * 60_000),
        cents: wording.lineClass === 'credit' ? -cents : cents,
      };
    });

export const fileForm: fc.Arbitrary<FileForm> = fc.record({
  order: fc.shuffledSubarray([...columns], { minLength: columns.length }),
  writeName: fc.constantFrom(
    (text: string) => text,
    (text: string) => text.toUpperCase(),
    (text: string) => text.replaceAll('_', ' '),
  ),
  bom: fc.boolean(),
  crlf: fc.boolean(),
  quoted: fc.boolean(),
  minusBehindDollar: fc.boolean(),
  lastSecondNamed: fc.boolean(),
  chunk: fc.integer({ min: 1, max: 2048 }),
});

/** The invoice's CSV, cut into chunks. */
export function* csvOf(lines: readonly GeneratedLine[], form: FileForm): Generator<Uint8Array> {
  const rows = lines.map((line) => cellsOf(line, form));
  const file = stringify(
    [form.order.map(form.writeName), ...rows.map((row) => form.order.map((column) => row[column]))],
    {
      bom: form.bom,
      quoted: form.quoted,
      record_delimiter: form.crlf ? '\r\n' : '\n',
      quoted_match: /[\uFEFF\r\n]/,
    },
  );
  const bytes = Buffer.from(file);
  for (let at = 0; at < bytes.length; at += form.chunk) yield bytes.subarray(at, at + form.chunk);
}

/** The same invoice's items, the last line's first: their order is none of the file's. */
export async function* itemsOf(lines: readonly GeneratedLine[]): AsyncGenerator<ProviderInvoiceItem[]> {
  yield lines.toReversed().map((line, index) => ({
    position: index + 1,
    product: line.product,
    groupDescription: line.group,
    description: line.description,
    amount: amountOf(line),
    chargeStart: line.start,
    chargeEnd: line.end,
    resourceId: line.id,
    resourceUuid: line.uuid,
  }));
}

export function amountOf(line: GeneratedLine): Decimal {
  return new Decimal(line.cents).dividedBy(100);
}

function cellsOf(line: GeneratedLine, form: FileForm): Record<Column, string> {
  const minus = line.cents < 0 ? '-' : '';
  const amount = amountOf(line).abs().toFixed(2);
  return {
    product: line.product,
    group_description: line.group,
    description: line.description,
    hours: line.hours === null ? '' : String(line.hours),
    start: wireTime(line.start),
    end: wireTime(form.lastSecondNamed ? new Date(line.end.getTime() - 1000) : line.end),
    USD: form.minusBehindDollar ? `$${minus}${amount}` : `${minus}$${amount}`,
    project_name: line.project,
    category: line.category,
  };
}

function wireTime(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} +0000`;
}
