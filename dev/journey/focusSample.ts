import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ArcadiaError } from '../../src/domain/errors.ts';
import { parseDecimal } from '../../src/domain/money.ts';
import type { Api } from './api.ts';

/** What the cost lines of one invoice out of the sample add up to, exactly. */
export interface FocusSum {
  readonly provider: string;
  readonly period: string;
  readonly lines: number;
  readonly total: string;
  readonly currency: string;
}

const sample = new URL('../golden/focus/focus_sample_1.0.csv', import.meta.url);

/** As dev/golden/focus/README.md states them. */
const golden: Readonly<Record<string, string>> = {
  'aws 2024-09-01': '18.00663861840',
  'microsoft 2024-09-01': '1.97651418586',
  'oracle 2024-09-01': '0.29707392473',
  'oracle 2024-10-01': '0.24000000000',
};

const started = z.object({ workflow_id: z.string(), file: z.object({ link: z.string() }) });
const file = z.object({
  status: z.string(),
  invoices: z.array(z.object({ provider: z.string(), period: z.string(), invoice_uuid: z.string() })),
});
const costLines = z.object({
  count: z.int(),
  totals: z.array(z.object({ currency: z.string(), total: z.string() })),
});

/**
 * Uploads the sample, waits for its ingest, and adds up the stored cost lines of each of its invoices.
 * @throws ArcadiaError `focus_sums_differ` where one is not what the sample's README says
 */
export async function ingestFocusSample(api: Api): Promise<FocusSum[]> {
  const since = new Date(Date.now() - 1000);
  const content = new Uint8Array(await readFile(sample));
  const path = '/api/v1/billing/focus-files?name=focus_sample_1.0.csv';
  const upload = await api.upload(path, { content, type: 'text/csv' }, started);
  await api.untilDone(upload.workflow_id, since);
  const { invoices } = await api.get(upload.file.link, file);
  const sums: FocusSum[] = [];
  for (const { provider, period, invoice_uuid } of invoices) {
    const query = new URLSearchParams({ period, invoice: invoice_uuid, limit: '1' });
    const { count, totals } = await api.get(`/api/v1/billing/cost-lines?${query}`, costLines);
    const [sum] = totals;
    if (sum !== undefined) sums.push({ provider, period, lines: count, ...sum });
  }
  const wrong = Object.entries(golden).filter(([key, total]) => {
    const sum = sums.find(({ provider, period }) => `${provider} ${period}` === key);
    return sum === undefined || !parseDecimal(sum.total).equals(total);
  });
  if (wrong.length === 0 && sums.length === Object.keys(golden).length) return sums;
  throw new ArcadiaError(
    'focus_sums_differ',
    `the FOCUS sample adds up to ${JSON.stringify(sums)}; expected ${JSON.stringify(golden)}`,
  );
}
