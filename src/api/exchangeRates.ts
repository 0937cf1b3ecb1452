import { CsvError, parse } from 'csv-parse/sync';
import { z } from 'zod';
import { type ExchangeRate, rateSources } from '../entities/exchangeRate.ts';
import { listExchangeRates, setExchangeRates } from '../services/margin/exchangeRates.ts';
import { currencyCode } from './catalogInputs.ts';
import { createInputReader, refuseFaults } from './inputs.ts';
import { cursorOf, toPage } from './pages.ts';
import { Problem } from './problems.ts';
import { defineRoute, type Route } from './route.ts';
import { currency, day, instant, limit, pageOf, reason, toInstant } from './schemas.ts';

const mostBytes = 1024 * 1024;
const mostRows = 5_000;
const rateForm = 'expected a number above 0, of at most 10 digits and 12 decimals, like 1.5342';

const rateInput = z
  .string({ error: rateForm })
  .regex(/^\d{1,10}(?:\.\d{1,12})?$/, { error: rateForm, abort: true })
  .refine((value) => /[1-9]/.test(value), rateForm)
  .meta({ example: '1.5342', description: 'Units of `to` for one of `from`.' });
const pair = { from: currencyCode, to: currencyCode, rate: rateInput, effective_from: day };
const differs = ({ from, to }: { from: string; to: string }) => from !== to;
const sameCurrency = { path: ['to'], error: 'expected another currency than `from`' };
const row = z.strictObject(pair).refine(differs, sameCurrency);

const exchangeRate = z
  .strictObject({
    from: currency,
    to: currency,
    rate: z.string(),
    effective_from: z.string(),
    source: z.enum(rateSources),
    created_at: instant,
    created_by: z.string(),
  })
  .meta({ id: 'ExchangeRate' });
const written = z.strictObject({
  written: z
    .int()
    .meta({ description: 'How many are new or replaced; those that were there already do not count.' }),
});

const toExchangeRate = (rate: ExchangeRate): z.input<typeof exchangeRate> => ({
  from: rate.fromCurrency,
  to: rate.toCurrency,
  rate: rate.rate,
  effective_from: rate.effectiveFrom,
  source: rate.source,
  created_at: toInstant(rate.createdAt),
  created_by: rate.createdBy,
});
const toNewRate = (wanted: z.output<typeof row>) => ({
  fromCurrency: wanted.from,
  toCurrency: wanted.to,
  rate: wanted.rate,
  effectiveFrom: wanted.effective_from,
});
const another = 'Another rate of the pair is there for that day: `replace` it, with a reason.';
const replace = z.boolean({ error: 'expected true or false' }).optional();

export const exchangeRateRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/exchange-rates',
    tag: 'Margin',
    summary: 'The exchange rates, by pair, the latest first.',
    roles: ['platform_admin', 'platform_viewer'],
    query: z.strictObject({
      from: currencyCode.optional(),
      to: currencyCode.optional(),
      limit,
      cursor: cursorOf('exchange-rates', z.tuple([z.string(), z.string(), z.string()])),
    }),
    answer: { status: 200, description: 'A page of rates.', schema: pageOf(exchangeRate) },
    async handle({ em, query }) {
      const rows = await listExchangeRates(em, query, { after: query.cursor, limit: query.limit });
      const keyOf = (rate: ExchangeRate) => [rate.fromCurrency, rate.toCurrency, rate.effectiveFrom];
      return { status: 200, body: toPage('exchange-rates', rows, query.limit, keyOf, toExchangeRate) };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/exchange-rates',
    tag: 'Margin',
    summary: 'Sets what a currency is worth in another from a day on. The other way is a rate of its own.',
    roles: ['platform_admin'],
    body: z
      .strictObject({ ...pair, replace, reason: reason.optional() })
      .refine(differs, sameCurrency)
      .refine((body) => body.replace !== true || body.reason !== undefined, {
        path: ['reason'],
        error: 'is required with replace',
      }),
    answer: { status: 200, description: 'The rate is there.', schema: written },
    problems: { 409: another },
    async handle({ em, caller, body, now, requestId }) {
      const count = await setExchangeRates(em, [toNewRate(body)], {
        actor: caller,
        now,
        source: 'operator',
        replace: body.replace,
        reason: body.reason,
        requestId,
      });
      return { status: 200, body: { written: count } };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/exchange-rates/import',
    tag: 'Margin',
    summary: 'Takes in rates as CSV with the columns from, to, rate and effective_from: all rows or none.',
    roles: ['platform_admin'],
    upload: { contentTypes: ['text/csv'], limit: () => mostBytes },
    answer: { status: 200, description: 'All rates are there.', schema: written },
    problems: {
      400: 'The file is no CSV.',
      409: another,
      413: 'The file is larger than a megabyte.',
      415: 'The body is not text/csv.',
      422: 'Rows with faults: `errors` names each row, counted from 1 below the header, and column.',
    },
    async handle({ em, caller, file, now, requestId }) {
      const rates = readRates(await readText(file)).map(toNewRate);
      const count = await setExchangeRates(em, rates, { actor: caller, now, source: 'csv', requestId });
      return { status: 200, body: { written: count } };
    },
  }),
];

async function readText(file: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of file) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** @throws Problem 400 for what is no CSV, 422 with every fault by row and column */
function readRates(text: string): z.output<typeof row>[] {
  const records = parseCsv(text);
  if (records.length === 0) throw new Problem(400, 'empty_file', 'the file has no rows below its header');
  if (records.length > mostRows) {
    throw new Problem(
      400,
      'too_many_rows',
      `the file has ${records.length} rows, expected at most ${mostRows}`,
    );
  }
  const reader = createInputReader();
  const rates = records.flatMap((record, index) => reader.read('body', row, record, [index + 1]) ?? []);
  refuseFaults(reader.faults.slice(0, 100));
  return rates;
}

function parseCsv(text: string): unknown[] {
  try {
    return parse(text, { bom: true, columns: true, skip_empty_lines: true, trim: true });
  } catch (error) {
    if (error instanceof CsvError)
      throw new Problem(400, 'invalid_csv', `the file is no CSV: ${error.message}`);
    throw error;
  }
}
