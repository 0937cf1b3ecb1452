import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { MikroORM } from '@mikro-orm/postgresql';
import { type ExportFocus, exportFocus } from './exportFocus.ts';

/**
 * Writes an export into a file, gzip where its name ends with `.gz`. The file has its name only once it is whole: until then, and
 * after a fault, there is none of it, and what was there before stays.
 */
export async function exportFocusFile(
  orm: MikroORM,
  request: Omit<ExportFocus, 'format'>,
  target: string,
): Promise<{ readonly invoices: number; readonly lines: number }> {
  const { content, invoices, lines } = await exportFocus(orm, {
    ...request,
    format: target.endsWith('.gz') ? 'csv.gz' : 'csv',
  });
  const partial = `${target}.${process.pid}.partial`;
  try {
    await pipeline(content, createWriteStream(partial));
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  return { invoices, lines };
}
