import { z } from 'zod';
import { parseDecimal, toAmountText } from '../domain/money.ts';

/** What requests and answers are made of. No schema coerces: a text has a form first (`abort`), then it is read. */

const cleanText = (value: string) =>
  !value.includes('\0') && !value.includes('\uFFFD') && value.isWellFormed();
const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** What comes after a day has to be a day too, for us and for PostgreSQL; and a year that is mistyped is a fault, not a far past. */
const years = 'of the years 2000 to 2999';
const isInYears = (value: string) => value.startsWith('2');
const firstDayOfMonth = /^2\d{3}-(?:0[1-9]|1[0-2])-01$/;
const periodForm = `expected the first day of a month ${years}, like 2026-04-01`;
const dayForm = `expected a day ${years}, like 2026-04-30`;
const instantForm = `expected a time with a zone ${years}, like 2026-04-01T00:00:00Z`;
const decimal = /^-?\d{1,20}(?:\.\d{1,20})?$/;

/** Text that PostgreSQL can hold, trimmed, of 1 to `longest` characters. */
export const text = (longest: number) =>
  z
    .string({ error: `expected text of 1 to ${longest} characters` })
    .trim()
    .min(1, `expected text of 1 to ${longest} characters`)
    .max(longest, `expected text of 1 to ${longest} characters`)
    .refine(cleanText, 'must not contain NUL or damaged characters');

export const uuid = z
  .string({ error: 'expected a UUID' })
  .regex(guid, 'expected a UUID')
  .toLowerCase()
  .meta({ type: 'string', format: 'uuid' });

/** What a provider calls an invoice: a UUID, or any text that is no path. */
export const invoiceId = z
  .string({ error: 'expected the id of an invoice, of 1 to 300 characters' })
  .min(1, 'expected the id of an invoice, of 1 to 300 characters')
  .max(300, 'expected the id of an invoice, of 1 to 300 characters')
  .refine(cleanText, 'must not contain NUL or damaged characters')
  .transform((value) => (guid.test(value) ? value.toLowerCase() : value))
  .meta({ type: 'string', minLength: 1, maxLength: 300 });

export const period = z
  .string({ error: periodForm })
  .regex(firstDayOfMonth, periodForm)
  .meta({ type: 'string', format: 'date', example: '2026-04-01', description: 'First day of a month, UTC.' });

/** A calendar day that exists. */
export const day = z.iso
  .date({ error: dayForm, abort: true })
  .refine(isInYears, dayForm)
  .meta({ type: 'string', format: 'date', example: '2026-04-30', description: 'A day in UTC.' });

export const tenantId = text(200).meta({ description: "A tenant's id: any text, not only a UUID." });
export const reason = text(1000).meta({ description: 'Why; it is kept in the audit log.' });

export const signedDecimal = z
  .string({ error: 'expected a decimal text like -12.50' })
  .regex(decimal, 'expected a decimal text like -12.50')
  .meta({ example: '-12.50' });

/** `true` or `false` in a query. */
export const flag = z
  .enum(['true', 'false'], { error: 'expected true or false' })
  .transform((value) => value === 'true')
  .meta({ type: 'boolean' });

const wholeNumber = (largest: number) =>
  z
    .string()
    .regex(/^[1-9]\d{0,8}$/, { error: `expected a whole number from 1 to ${largest}`, abort: true })
    .refine((value) => Number(value) <= largest, `expected a whole number from 1 to ${largest}`)
    .transform(Number);

/** A whole number in a query, from 1 to `largest`. */
export const count = (largest: number) =>
  wholeNumber(largest).optional().meta({ type: 'integer', minimum: 1, maximum: largest });

/** A whole number in a query that stands for itself where it is absent. */
export const countOr = (absent: number, largest: number) =>
  wholeNumber(largest)
    .default(absent)
    .meta({ type: 'integer', minimum: 1, maximum: largest, default: absent });

/** How many rows a page has. */
export const limit = countOr(50, 200);

/** RFC 3339 with a zone, as sent. */
export const instantInput = z.iso
  .datetime({ offset: true, abort: true, error: instantForm })
  .refine(isInYears, { error: instantForm, abort: true })
  .transform((value) => new Date(value))
  .meta({ type: 'string', format: 'date-time' });

// ---- answers

export const instant = z.iso.datetime();
export const amount = z
  .string()
  .regex(/^-?\d+\.\d{2,}$/)
  .meta({ description: 'A decimal text with at least two places; the currency stands beside it.' });
export const currency = z.string().length(3).meta({ description: 'ISO 4217.' });
export const link = z.string().meta({ description: 'A path on this server, or an absolute address.' });
/** Anything that JSON can say; only for answers. */
export const json = z.unknown();

/** One page of a list; `next_cursor` is null on the last. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.strictObject({ items: z.array(item), next_cursor: z.string().nullable() });

/** An amount as it is sent: `5` is `5.00`. */
export const toAmount = (value: string) => toAmountText(parseDecimal(value));
/** A stored decimal as its shortest text. */
export const toDecimalText = (value: string) => parseDecimal(value).toFixed();
export const toInstant = (value: Date) => value.toISOString();
export const toInstantOrNull = (value: Date | null) => value?.toISOString() ?? null;
