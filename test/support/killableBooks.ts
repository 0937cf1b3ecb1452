import { expect } from '@jest/globals';
import type { KillableStack } from './killableStack.ts';
import { until } from './killableWait.ts';

/** How many invoices are ingested at this moment. */
export async function countIngested(stack: KillableStack): Promise<number> {
  const [row] = await stack.query<{ ingested: number }>(
    `select count(*)::int as ingested from cloud_invoices where ingest_status = 'ingested'`,
  );
  return row?.ingested ?? 0;
}

/** Waits until so many are. @returns how many there are then */
export async function untilIngested(stack: KillableStack, atLeast: number): Promise<number> {
  return until(`${atLeast} invoices are ingested`, async () => {
    const ingested = await countIngested(stack);
    return ingested >= atLeast ? ingested : undefined;
  });
}

/** The test means nothing where the kill came before or after the work. */
export function expectUnderWay(ingested: number): void {
  expect(ingested).toBeGreaterThan(0);
  expect(ingested).toBeLessThan(137);
}

/**
 * Every invoice of the account is ingested as its first and only version, with each line that the provider has, once and in order,
 * and the lines add up to the invoice; nothing is held and the stage is empty.
 */
export async function expectWholeBooks(stack: KillableStack): Promise<void> {
  const { invoices } = stack.simulator.state.account;
  expect(invoices).toHaveLength(137);
  const stored = await stack.query(
    `select invoice_uuid, ingest_status, version, error,
       trim_scale(amount * 100)::text as amount_cents,
       (select count(*)::int from cloud_invoice_versions where invoice_id = invoice.id) as versions,
       (select trim_scale(sum(billed_cost) * 100)::text from cloud_cost_lines where invoice_id = invoice.id) as lines_cents,
       (select array_agg(line_number || ' ' || description order by line_number, id) from cloud_cost_lines
        where invoice_id = invoice.id) as lines
     from cloud_invoices invoice order by invoice_uuid collate "C"`,
  );
  expect(stored).toEqual(
    invoices
      .map(({ uuid, amountCents, lines }) => ({
        invoice_uuid: uuid,
        ingest_status: 'ingested',
        version: 1,
        error: null,
        amount_cents: String(amountCents),
        versions: 1,
        lines_cents: String(amountCents),
        lines: lines.map((line, index) => `${index + 1} ${line.description}`),
      }))
      .sort((one, other) => (one.invoice_uuid < other.invoice_uuid ? -1 : 1)),
  );
  expect(
    await stack.query(`select (select count(*)::int from cloud_cost_line_stage) as lines,
      (select count(*)::int from cloud_invoice_item_stage) as items,
      (select count(*)::int from cloud_cost_lines) as stored`),
  ).toEqual([{ lines: 0, items: 0, stored: invoices.flatMap((invoice) => invoice.lines).length }]);
}

/** What the provider answered was put to use: no document was asked for again after it had come. */
export function expectEachDocumentReadOnce({ simulator }: KillableStack): void {
  const { account, requests } = simulator.state;
  const answered = requests.entries.filter(({ status }) => status === 200).map(({ path }) => path);
  for (const { uuid } of account.invoices) {
    const documents = ['', '/csv', '/summary'].map((part) => `/v2/customers/my/invoices/${uuid}${part}`);
    expect(answered.filter((path) => documents.includes(path)).sort()).toEqual(documents);
  }
}

/** The discovery, that survived it all too, counts the same. */
export async function expectWholeDiscovery(stack: KillableStack): Promise<void> {
  expect(await stack.discoveryResult()).toMatchObject({
    invoices: 137,
    newInvoices: 137,
    ingestsStarted: 137,
    ingested: 137,
    held: 0,
    failed: 0,
    stillRunning: 0,
    unchecked: 0,
  });
}
