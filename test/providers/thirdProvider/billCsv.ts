import { pipeline } from 'node:stream';
import { parse } from 'csv-parse';
import { z } from 'zod';
import { Decimal } from '../../../src/domain/money.ts';
import type { ProviderCostLine } from '../../../src/providers/provider.ts';
import { InvalidInvoiceDocument } from '../../../src/providers/providerErrors.ts';

const row = z.object({
  service: z.string(),
  server: z.string(),
  server_id: z.string(),
  from: z.coerce.date(),
  until: z.coerce.date(),
  euro: z.string().regex(/^-?\d+(\.\d+)?$/, 'expected an amount like 12.50'),
});

/** A charge with the id that it names. */
export interface Charge {
  readonly line: ProviderCostLine;
  readonly serverId: string | null;
}

/** The parser: the bill's own columns, turned into our words. @throws InvalidInvoiceDocument naming line and column */
export async function* readBill(
  csv: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Charge[]> {
  const parser = parse({ columns: true, bom: true });
  // What breaks the body breaks the parser, and with it the loop below.
  pipeline(csv, parser, () => undefined);
  let lineNumber = 0;
  for await (const record of parser) {
    lineNumber += 1;
    const read = row.safeParse(record);
    if (!read.success) {
      const [issue] = read.error.issues;
      throw new InvalidInvoiceDocument(
        'invoice_bad_value',
        `line ${lineNumber + 1}, column ${issue?.path.join('.')}: ${issue?.message}`,
      );
    }
    yield [toCharge(read.data, lineNumber)];
  }
}

function toCharge(charge: z.output<typeof row>, lineNumber: number): Charge {
  const isServer = charge.server !== '';
  return {
    serverId: charge.server_id === '' ? null : charge.server_id,
    line: {
      lineNumber,
      product: charge.service,
      groupDescription: '',
      description: charge.server,
      hours: null,
      chargeStart: charge.from,
      chargeEnd: charge.until,
      billedCost: new Decimal(charge.euro),
      currency: 'EUR',
      projectName: null,
      category: null,
      lineClass: isServer ? 'resource' : 'tax',
      kind: isServer ? 'droplet' : null,
      resourceName: isServer ? charge.server : null,
      extra: {},
    },
  };
}
