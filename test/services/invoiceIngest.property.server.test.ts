import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Decimal, sum } from '../../src/domain/money.ts';
import { readInvoiceCsv } from '../../src/providers/digitalocean/invoiceCsv.ts';
import { stageInvoiceItems, stageInvoiceLines } from '../../src/services/stageInvoice.ts';
import { type StoredInvoice, storeInvoice } from '../../src/services/storeInvoice.ts';
import {
  amountOf,
  csvOf,
  type FileForm,
  fileForm,
  type GeneratedLine,
  generatedLine,
  itemsOf,
} from './generatedInvoices.ts';
import { attributions, discover, openWorld, resource, sync, type World } from './world.ts';

interface Invoice {
  readonly provider: string;
  readonly month: string;
  readonly lines: readonly GeneratedLine[];
}

describe('an invoice in any of its forms, from the file to the stored lines', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  it('comes out as it went in, keeps its sum, and ingested again in another form changes nothing', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(generatedLine(), { minLength: 1, maxLength: 25 }),
        fileForm,
        fileForm,
        async (lines, form, otherForm) => {
          run += 1;
          const invoice = { provider: `forms ${run}`, month: '2026-04', lines };
          const total = sum(lines.map(amountOf));

          const first = await ingest(invoice, form);
          expect(first).toMatchObject({ outcome: 'ingested', version: 1, lines: lines.length });
          expect(new Decimal(first.total).equals(total)).toBe(true);
          const stored = await storedLines(invoice);
          expect(stored.map(({ id, uuid, ...line }) => line)).toEqual(lines.map(meant));
          expect(idsByCharge(stored)).toEqual(
            idsByCharge(
              lines.map((line, index) => ({ ...meant(line, index), id: line.id, uuid: line.uuid })),
            ),
          );

          expect(await ingest(invoice, otherForm)).toEqual({ ...first, outcome: 'unchanged' });
          expect(await storedLines(invoice)).toEqual(stored);
        },
      ),
      { numRuns: 40 },
    );
  }, 120_000);

  it('ends in the same attribution in whatever order its ingests, the syncs and its restatements come', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(history, fc.infiniteStream(fc.nat(1_000)), async ({ listings, invoices }, choices) => {
        run += 1;
        const inOrder = `in order ${run}`;
        const mixed = `mixed ${run}`;
        for (const listing of listings) await sync(world, { ...listing, provider: inOrder });
        for (const { form, ...invoice } of invoices) await ingest({ ...invoice, provider: inOrder }, form);

        // Syncs come in the order of time, and so do the versions of one invoice; all else may fall between them.
        const queues = [
          listings.map((listing) => () => sync(world, { ...listing, provider: mixed })),
          ...[...Map.groupBy(invoices, (invoice) => invoice.month).values()].map((versions) =>
            versions.map(
              ({ form, ...invoice }) =>
                () =>
                  ingest({ ...invoice, provider: mixed }, form),
            ),
          ),
        ];
        while (queues.some((queue) => queue.length > 0)) {
          const open = queues.filter((queue) => queue.length > 0);
          await open[(choices.next().value ?? 0) % open.length]?.shift()?.();
        }
        const final = await attributions(world, mixed);
        expect(final).toEqual(await attributions(world, inOrder));
        const lastVersions = new Map(invoices.map((invoice) => [invoice.month, invoice.lines.length]));
        expect(final).toHaveLength(lastVersions.values().reduce((count, lines) => count + lines, 0));
      }),
      { numRuns: 20 },
    );
  }, 120_000);

  async function ingest({ provider, month, lines }: Invoice, form: FileForm): Promise<StoredInvoice> {
    const invoiceUuid = `${provider} ${month}`;
    const amount = sum(lines.map(amountOf)).toFixed();
    await discover(world, { provider, invoiceUuid, period: `${month}-01`, charges: [], amount });
    const stageId = `stage of ${invoiceUuid}`;
    const silent = () => undefined;
    const file = readInvoiceCsv(csvOf(lines, form), { contentType: 'text/csv', batchSize: 7 });
    return storeInvoice(world.em(), {
      stated: amount,
      provider,
      invoiceUuid,
      stageId,
      staged: await stageInvoiceLines(world.pool, stageId, file, silent),
      stagedItems: await stageInvoiceItems(world.pool, stageId, itemsOf(lines), silent),
      now: new Date('2026-05-02T01:00:00Z'),
      accepted: null,
    });
  }

  async function storedLines({ provider, month }: Invoice): Promise<StoredLine[]> {
    return world.em().execute<StoredLine[]>(
      `select line.line_number as line, line_class as "lineClass", product, group_description as "group", description,
         hours::float as hours, extract(epoch from charge_start)::float as "start", extract(epoch from charge_end)::float as "end",
         (billed_cost * 100)::float as cents, coalesce(project_name, '') as project, coalesce(category, '') as category,
         provider_resource_id as id, provider_resource_uuid as uuid
       from cloud_cost_lines line join cloud_invoices invoice on invoice.id = line.invoice_id
       where invoice.invoice_uuid = ? order by line.id`,
      [`${provider} ${month}`],
    );
  }
});

interface StoredLine extends Omit<GeneratedLine, 'start' | 'end'> {
  readonly line: number;
  readonly start: number;
  readonly end: number;
}

function meant({ id, uuid, ...line }: GeneratedLine, index: number): Omit<StoredLine, 'id' | 'uuid'> {
  return {
    ...line,
    line: index + 1,
    start: line.start.getTime() / 1000,
    end: line.end.getTime() / 1000,
    // There is no negative zero in a database.
    cents: line.cents + 0,
  };
}

/** Charges that say the same at the same time may have each other's ids: nothing tells them apart. */
function idsByCharge(lines: readonly StoredLine[]): Map<string, string[]> {
  const charges = Map.groupBy(lines, ({ description, cents, start }) =>
    JSON.stringify([description, cents, start]),
  );
  return new Map(
    [...charges].map(([charge, same]) => [
      charge,
      same.map(({ id, uuid }) => JSON.stringify([id, uuid])).toSorted(),
    ]),
  );
}

const listed = fc
  .uniqueArray(
    fc.record({
      externalId: fc.constantFrom('101', '102', '103'),
      name: fc.constantFrom('web', 'Web', 'db', '注文-1'),
    }),
    { selector: (entry) => entry.externalId, maxLength: 3 },
  )
  .map((entries) => entries.map(resource));

/** Listings of two months, and the invoices of those months as files, each in one version or more. */
const history = fc
  .record({
    listings: fc.array(listed, { minLength: 2, maxLength: 4 }),
    invoices: fc.array(
      fc.constantFrom('2026-03', '2026-04').chain((month) =>
        fc.record({
          month: fc.constant(month),
          form: fileForm,
          lines: fc.array(generatedLine(month), { minLength: 1, maxLength: 6 }),
        }),
      ),
      { minLength: 1, maxLength: 3 },
    ),
  })
  .map(({ listings, invoices }) => ({
    invoices,
    listings: listings.map((resources, index) => ({
      at: new Date(Date.UTC(2026, 2, 5 + 12 * index)).toISOString(),
      resources,
    })),
  }));
