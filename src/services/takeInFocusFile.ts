import type { EntityManager } from '@mikro-orm/postgresql';
import { ArcadiaError } from '../domain/errors.ts';
import type { FocusDataset, FocusVersion } from '../domain/focus/columns.ts';
import { createFocusFindings, type FocusFileRefused, type FocusFindings } from '../domain/focus/faults.ts';
import type { FocusHeader } from '../domain/focus/header.ts';
import { type FocusRow, readFocusCsv } from '../providers/focus/focusCsv.ts';
import { readFocusContent } from './storeFocusFile.ts';
import { takeInBillingPeriods } from './takeInFocusBillingPeriods.ts';
import { takeInCharges } from './takeInFocusCharges.ts';
import { takeInInvoiceDetail } from './takeInFocusInvoiceDetail.ts';

export interface TakenInFile {
  readonly outcome: 'taken' | 'refused' | 'unchanged';
  readonly dataset: FocusDataset | null;
  readonly version: FocusVersion | null;
  readonly rows: number;
  /** How many invoices the file says something of. */
  readonly invoices: number;
  /** Why it is refused. */
  readonly problem: string | null;
}

/** What reading a file's rows as one dataset comes to; `commit` makes it known, in the transaction that it is given. */
export interface DatasetReading {
  readonly add: (row: FocusRow) => Promise<void>;
  /** What is checked once every row is read. */
  readonly finish: () => Promise<void>;
  readonly commit: (transaction: EntityManager) => Promise<{ providers: string[]; invoices: number }>;
}

/** What a dataset's reading works with. */
export interface ReadingContext {
  readonly em: EntityManager;
  readonly fileId: string;
  readonly findings: FocusFindings;
  readonly now: Date;
  /** Providers whose invoices come from their own API: a file of theirs would count every charge twice. */
  readonly ownApis: ReadonlySet<string>;
}

/**
 * Reads a file through, once, and takes all of it or nothing: its charges apart by invoice, the invoices' headers, what invoice
 * detail says is payable, billing periods. A file with faults is refused with the rows named. One that was ingested is left alone.
 * @param onProgress called with the rows so far
 */
export async function takeInFocusFile(
  em: EntityManager,
  input: {
    readonly fileId: string;
    readonly now: Date;
    readonly ownApis: ReadonlySet<string>;
    readonly onProgress: (rows: number) => void;
  },
): Promise<TakenInFile> {
  const file = await findFile(em, input.fileId);
  if (file.status === 'ingested') {
    return { outcome: 'unchanged', dataset: null, version: null, rows: 0, invoices: 0, problem: null };
  }
  const findings = createFocusFindings();
  const context: ReadingContext = { ...input, em, findings };
  let header: FocusHeader | undefined;
  let reading: DatasetReading | undefined;
  let rows = 0;
  try {
    await forgetParts(em, input.fileId);
    const declared = { dataset: file.dataset ?? undefined, version: file.version ?? undefined };
    for await (const batch of readFocusCsv(readFocusContent(em, input.fileId), declared, findings)) {
      for (const row of batch) {
        header ??= row.header;
        reading ??= readings[row.header.dataset](context);
        await reading.add(row);
        rows += 1;
      }
      input.onProgress(rows);
    }
    findings.refuseFaults();
    if (header === undefined || reading === undefined) throw new Error('a file without a row has no fault');
    await reading.finish();
    findings.refuseFaults();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    await forgetParts(em, input.fileId);
    await refuse(em, input.fileId, error, rows);
    return {
      outcome: 'refused',
      dataset: header?.dataset ?? null,
      version: header?.version ?? null,
      rows,
      invoices: 0,
      problem: error.message,
    };
  }
  const { dataset, version } = header;
  const invoices = await em.transactional(async (transaction) => {
    const taken = await reading.commit(transaction);
    await transaction.execute(
      `update focus_files set dataset = ?, version = ?, row_count = ?, providers = ?::jsonb, notes = ?::jsonb, error = null
       where id = ?`,
      [
        dataset,
        version,
        rows,
        JSON.stringify(taken.providers.toSorted()),
        JSON.stringify(findings.notes()),
        input.fileId,
      ],
    );
    return taken.invoices;
  });
  return { outcome: 'taken', dataset, version, rows, invoices, problem: null };
}

const readings: Readonly<Record<FocusDataset, (context: ReadingContext) => DatasetReading>> = {
  cost_and_usage: takeInCharges,
  invoice_detail: takeInInvoiceDetail,
  billing_period: takeInBillingPeriods,
};

/** Its invoices are ingested or held: the file has done its part. */
export async function finishFocusFile(em: EntityManager, fileId: string, now: Date): Promise<void> {
  await em.execute(`update focus_files set status = 'ingested', ingested_at = ? where id = ?`, [now, fileId]);
}

/** One page of the invoices that a file says something of and whose charges are known, by id. */
export async function invoicesOfFocusFile(
  em: EntityManager,
  query: { readonly fileId: string; readonly after: string | null; readonly limit: number },
): Promise<{ id: string; provider: string; invoiceUuid: string; period: string }[]> {
  const rows = await em.execute<
    { id: string; provider: string; invoice_uuid: string; period_start: string }[]
  >(
    `select id, provider, invoice_uuid, period_start::text from focus_invoices
     where (lines_file_id = ? or detail_file_id = ?) and lines_file_id is not null and (?::uuid is null or id > ?::uuid)
     order by id limit ?`,
    [query.fileId, query.fileId, query.after, query.after, query.limit],
  );
  return rows.map((row) => ({
    id: row.id,
    provider: row.provider,
    invoiceUuid: row.invoice_uuid,
    period: row.period_start,
  }));
}

async function findFile(
  em: EntityManager,
  fileId: string,
): Promise<{ status: string; dataset: FocusDataset | null; version: FocusVersion | null }> {
  const [file] = await em.execute<
    { status: string; dataset: FocusDataset | null; version: FocusVersion | null }[]
  >(`select status, dataset, version from focus_files where id = ? and status <> 'receiving'`, [fileId]);
  if (file !== undefined) return file;
  throw new ArcadiaError('unknown_focus_file', `there is no FOCUS file ${fileId}`, { context: { fileId } });
}

async function forgetParts(em: EntityManager, fileId: string): Promise<void> {
  await em.execute(`delete from focus_invoice_parts where file_id = ?`, [fileId]);
}

function isRefusal(error: unknown): error is FocusFileRefused {
  return error instanceof ArcadiaError && error.code === 'focus_file_refused';
}

async function refuse(
  em: EntityManager,
  fileId: string,
  error: FocusFileRefused,
  rows: number,
): Promise<void> {
  const { code, message, context } = error;
  await em.execute(
    `update focus_files set status = 'refused', error = ?::jsonb, row_count = ? where id = ?`,
    [JSON.stringify({ code, message, context }), rows, fileId],
  );
}
