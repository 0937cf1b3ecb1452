import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Decimal } from '../domain/money.ts';
import type { FocusCharge } from '../providers/focus/invoices.ts';

const pack = promisify(gzip);
const unpack = promisify(gunzip);

/** Characters after which a part is written, and how many wait over all invoices before every part is. */
const partSize = 512 * 1024;
const mostWaiting = 8 * 1024 * 1024;

export interface PartOf {
  readonly provider: string;
  readonly invoiceUuid: string;
}

/** Writes a file's charges apart, each invoice's by itself, whatever their order; bounded memory however many there are. */
export interface FocusPartWriter {
  readonly add: (invoice: PartOf, charge: FocusCharge) => Promise<void>;
  readonly finish: () => Promise<void>;
}

export function createFocusPartWriter(em: EntityManager, fileId: string): FocusPartWriter {
  const open = new Map<string, PartOf & { position: number; rows: string[]; size: number }>();
  let waiting = 0;

  async function write(part: PartOf & { position: number; rows: string[]; size: number }): Promise<void> {
    if (part.rows.length === 0) return;
    await em.execute(
      `insert into focus_invoice_parts (file_id, provider, invoice_uuid, position, content) values (?, ?, ?, ?, ?)`,
      [fileId, part.provider, part.invoiceUuid, part.position, await pack(part.rows.join('\n'))],
    );
    waiting -= part.size;
    part.position += 1;
    part.rows = [];
    part.size = 0;
  }
  async function writeAll(): Promise<void> {
    for (const part of open.values()) await write(part);
  }

  return {
    async add({ provider, invoiceUuid }, charge) {
      const key = `${provider} ${invoiceUuid}`;
      let part = open.get(key);
      if (part === undefined) {
        part = { provider, invoiceUuid, position: 0, rows: [], size: 0 };
        open.set(key, part);
      }
      const row = JSON.stringify(toStored(charge));
      part.rows.push(row);
      part.size += row.length;
      waiting += row.length;
      if (part.size >= partSize) await write(part);
      if (waiting >= mostWaiting) await writeAll();
    },
    finish: writeAll,
  };
}

/** An invoice's charges out of the parts of one file, in the file's order; a batch a part. */
export async function* readFocusParts(
  em: EntityManager,
  fileId: string,
  { provider, invoiceUuid }: PartOf,
): AsyncGenerator<FocusCharge[]> {
  for (let position = 0; ; position += 1) {
    const [part] = await em.execute<{ content: Buffer }[]>(
      `select content from focus_invoice_parts where file_id = ? and provider = ? and invoice_uuid = ? and position = ?`,
      [fileId, provider, invoiceUuid, position],
    );
    if (part === undefined) return;
    const rows = (await unpack(part.content)).toString('utf8').split('\n');
    yield rows.map((row) => {
      const stored: StoredCharge = JSON.parse(row);
      return fromStored(stored);
    });
  }
}

/** A charge as JSON: what is no JSON value is text. */
interface StoredCharge
  extends Omit<FocusCharge['line'], 'billedCost' | 'hours' | 'chargeStart' | 'chargeEnd'> {
  readonly billedCost: string;
  readonly chargeStart: string;
  readonly chargeEnd: string;
  readonly resourceId: string | null;
}

function toStored({ line, resourceId }: FocusCharge): StoredCharge {
  const { hours: _always, ...rest } = line;
  return {
    ...rest,
    billedCost: line.billedCost.toFixed(),
    chargeStart: line.chargeStart.toISOString(),
    chargeEnd: line.chargeEnd.toISOString(),
    resourceId,
  };
}

function fromStored({ resourceId, ...line }: StoredCharge): FocusCharge {
  return {
    resourceId,
    line: {
      ...line,
      hours: null,
      billedCost: new Decimal(line.billedCost),
      chargeStart: new Date(line.chargeStart),
      chargeEnd: new Date(line.chargeEnd),
    },
  };
}
