import { z } from 'zod';
import { Decimal, parseDecimal } from '../../domain/money.ts';
import type { components } from './schema.generated.ts';

/**
 * Schemas of exactly the fields that we read; zod drops the rest. `Fields` holds their names to the published document,
 * so a misspelt field doesn't compile.
 */
export type Fields<T> = Partial<Record<keyof T, z.ZodType>>;
type Schemas = components['schemas'];

/** A decimal text such as `-12.50`. */
export const amount = z
  .string()
  .regex(/^-?\d+(?:\.\d+)?$/, 'expected a decimal text')
  .transform((text) => parseDecimal(text));

/** A price that comes as a JSON number: its shortest text is what the provider wrote. */
export const price = z.number().transform((value): Decimal => new Decimal(String(value)));

export const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

/** Texts that are there or blank: a blank one says nothing. */
export const text = z
  .string()
  .nullish()
  .transform((value) => (value === undefined || value === '' ? null : value));

/** An instant that may be absent or blank. */
export const optionalInstant = z
  .union([z.literal(''), instant])
  .nullish()
  .transform((value) => (value instanceof Date ? value : null));

export const balance = z.object({
  month_to_date_balance: amount,
  account_balance: amount,
  month_to_date_usage: amount,
  generated_at: instant,
} satisfies Fields<Schemas['balance']>);

const readableHistoryEntry = z.object({
  description: z
    .string()
    .nullish()
    .transform((value) => value ?? ''),
  amount,
  invoice_id: text,
  invoice_uuid: text,
  date: instant,
  type: z.string(),
} satisfies Fields<Schemas['billing_history']>);

/**
 * An entry of the billing history. One that can't be read holds up none of the others: it keeps its type, if it has one, and nothing
 * else, so that an invoice among them is counted as one that nothing identifies.
 */
export const billingHistoryEntry = readableHistoryEntry.catch(({ value }) => ({
  description: 'an entry that could not be read',
  amount: new Decimal(0),
  invoice_id: null,
  invoice_uuid: null,
  date: new Date(0),
  type: z.object({ type: z.literal('Invoice') }).safeParse(value).data?.type ?? 'unreadable',
}));

const month = z.string().regex(/^\d{4}-(?:0[1-9]|1[0-2])$/, 'expected YYYY-MM');

/** An entry of the invoice list; the document describes it under the name of the preview beside it. */
export const invoice = z.object({
  invoice_uuid: z.string().min(1),
  invoice_id: text,
  amount,
  invoice_period: month,
} satisfies Fields<Schemas['invoice_preview']>);

/** The month-to-date invoice that stands beside the list; it alone says when it was computed. */
export const invoicePreview = z.object({
  invoice_preview: z
    .object({
      amount,
      invoice_period: month,
      updated_at: instant,
    } satisfies Fields<Schemas['invoice_preview']>)
    .nullish(),
});

export const invoiceSummary = z.object({
  invoice_uuid: z.string().min(1),
  amount,
  billing_period: month,
} satisfies Fields<Schemas['invoice_summary']>);

export const invoiceItem = z.object({
  product: z.string(),
  resource_id: text,
  resource_uuid: text,
  group_description: z.string().default(''),
  description: z.string().default(''),
  amount,
  start_time: optionalInstant,
  end_time: optionalInstant,
} satisfies Fields<Schemas['invoice_item']>);
