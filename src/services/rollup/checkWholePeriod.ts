import type { EntityManager } from '@mikro-orm/postgresql';
import type { Period } from '../../domain/period.ts';
import { type CheckedInvoices, type CheckedPart, checkInvoices } from './checkInvoices.ts';
import { countWorklist } from './periodLedger.ts';

const batchSize = 500;

/** Checks every invoice of a period, batch by batch. @param em a fresh one for each batch, so that memory stays flat */
export async function checkWholePeriod(em: () => EntityManager, period: Period): Promise<CheckedInvoices[]> {
  const { tenants } = await countWorklist(em(), period);
  const parts: CheckedPart[] = ['outside_worklist'];
  for (let from = 0; from < tenants; from += batchSize) parts.push({ from, until: from + batchSize });
  const checked: CheckedInvoices[] = [];
  for (const part of parts) checked.push(await checkInvoices(em(), { period, part }));
  return checked;
}
