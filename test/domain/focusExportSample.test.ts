import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { stringify } from 'csv-stringify/sync';
import { createFocusFindings } from '../../src/domain/focus/faults.ts';
import { focusVersions } from '../../src/domain/focusColumns.ts';
import type { ExportLine } from '../../src/domain/focusRow.ts';
import { readFocusCsv } from '../../src/providers/focus/focusCsv.ts';
import { createFocusInvoices, toFocusCharge } from '../../src/providers/focus/invoices.ts';
import { rowsOf } from './focusExport.ts';

/** A FOCUS file as the cost lines that it becomes, with the sum of each of its invoices. */
async function linesOf(file: AsyncIterable<Uint8Array>): Promise<{ lines: ExportLine[]; totals: string[] }> {
  const findings = createFocusFindings();
  const invoices = createFocusInvoices(findings);
  const lines: ExportLine[] = [];
  for await (const rows of readFocusCsv(file, {}, findings)) {
    for (const row of rows) {
      const invoice = invoices.add(row);
      if (invoice === null) continue;
      const { line, resourceId } = toFocusCharge(row, invoice.rows, findings);
      lines.push({
        ...line,
        provider: invoice.provider,
        invoiceUuid: invoice.invoiceUuid,
        period: invoice.period,
        hours: null,
        billedCost: line.billedCost.toFixed(),
        projectId: null,
        providerResourceId: resourceId,
        resource: null,
      });
    }
  }
  findings.refuseFaults();
  const totals = [...invoices.all()].map(
    ({ provider, invoiceUuid, rows, total }) => `${provider} ${invoiceUuid} ${rows} ${total.toFixed()}`,
  );
  return { lines, totals };
}

const sample = new URL('../../dev/golden/focus/focus_sample_1.0.csv', import.meta.url);

describe('a real file of three clouds', () => {
  it.each(focusVersions)(
    'keeps every sum to the last digit when it is exported as %s and read in again',
    async (version) => {
      const before = await linesOf(createReadStream(sample));
      expect(before.totals).toEqual(
        expect.arrayContaining([
          expect.stringMatching(/^aws \S+:2024-09 942 18\.0066386184$/),
          expect.stringMatching(/^microsoft \S+:2024-09 51 1\.97651418586$/),
          expect.stringMatching(/^oracle \S+:2024-09 6 0\.29707392473$/),
          expect.stringMatching(/^oracle \S+:2024-10 1 0\.24$/),
        ]),
      );
      const { header, records } = rowsOf(version, before.lines);
      const after = await linesOf(Readable.from([Buffer.from(stringify([header, ...records]))]));
      expect(after.totals).toEqual(before.totals);
      const facts = (lines: readonly ExportLine[]) => lines.map(({ extra: _kept, ...line }) => line);
      expect(facts(after.lines)).toEqual(facts(before.lines));
    },
    30_000,
  );
});
