import type { EntityManager } from '@mikro-orm/postgresql';
import type { Day } from '../../domain/calendar.ts';
import { Conflict, Unprocessable } from '../../domain/errors.ts';
import { Decimal } from '../../domain/money.ts';
import { ExchangeRate, type RateSource } from '../../entities/exchangeRate.ts';
import { type ChangeRequest, recordChange } from '../recordChange.ts';

export interface NewExchangeRate {
  readonly fromCurrency: string;
  readonly toCurrency: string;
  /** Units of `toCurrency` for one of `fromCurrency`, a decimal string. */
  readonly rate: string;
  readonly effectiveFrom: Day;
}

export interface RateRequest extends ChangeRequest {
  readonly source: RateSource;
  /** Puts another rate in place of one that is there; needs a reason. */
  readonly replace?: boolean | undefined;
}

/** A rate as it was used: of which pair, and from which day it is in force. */
export interface RateInForce {
  readonly from: string;
  readonly to: string;
  readonly rate: Decimal;
  /** Null where both are one currency. */
  readonly effectiveFrom: Day | null;
}

/** There is no rate of a pair for a day. */
export class MissingExchangeRate extends Unprocessable {
  constructor(from: string, to: string, day: Day) {
    super('missing_exchange_rate', `there is no rate from ${from} to ${to} in force on ${day}`, {
      context: { from, to, day },
    });
  }
}

/**
 * Sets rates, all or none; each change is audited. A rate that is there already with the same value stays as it is.
 * @returns how many were written
 * @throws Unprocessable `same_currency`, `reason_required`; Conflict `exchange_rate_exists` where another rate is there and `replace` is not said
 */
export function setExchangeRates(
  em: EntityManager,
  rates: readonly NewExchangeRate[],
  request: RateRequest,
): Promise<number> {
  if (request.replace === true && request.reason === undefined) {
    throw new Unprocessable('reason_required', 'replacing a rate needs a reason', { field: 'reason' });
  }
  return em.transactional(async (transaction) => {
    let written = 0;
    for (const rate of rates) written += await setOne(transaction, rate, request);
    return written;
  });
}

async function setOne(em: EntityManager, wanted: NewExchangeRate, request: RateRequest): Promise<number> {
  const { fromCurrency, toCurrency, rate, effectiveFrom } = wanted;
  if (fromCurrency === toCurrency) {
    throw new Unprocessable(
      'same_currency',
      `a rate is between two currencies, not from ${fromCurrency} to itself`,
      {
        field: 'to_currency',
      },
    );
  }
  const [created] = await em.execute<{ id: string }[]>(
    `insert into exchange_rates (from_currency, to_currency, rate, effective_from, source, created_at, created_by)
     values (?, ?, ?, ?, ?, ?, ?) on conflict (from_currency, to_currency, effective_from) do nothing returning id`,
    [fromCurrency, toCurrency, rate, effectiveFrom, request.source, request.now, request.actor.subject],
  );
  if (created !== undefined) {
    await audit(em, created.id, null, wanted, request);
    return 1;
  }
  const [there] = await em.execute<{ id: string; rate: string }[]>(
    `select id, trim_scale(rate)::text as rate from exchange_rates
     where from_currency = ? and to_currency = ? and effective_from = ? for update`,
    [fromCurrency, toCurrency, effectiveFrom],
  );
  if (there === undefined || new Decimal(there.rate).equals(rate)) return 0;
  if (request.replace !== true) {
    throw new Conflict(
      'exchange_rate_exists',
      `from ${effectiveFrom} one ${fromCurrency} is ${there.rate} ${toCurrency} already: say replace, with a reason, to correct it`,
      { context: { from: fromCurrency, to: toCurrency, effective_from: effectiveFrom, rate: there.rate } },
    );
  }
  await em.execute(
    'update exchange_rates set rate = ?, source = ?, created_at = ?, created_by = ? where id = ?',
    [rate, request.source, request.now, request.actor.subject, there.id],
  );
  await audit(em, there.id, there.rate, wanted, request);
  return 1;
}

function audit(
  em: EntityManager,
  id: string,
  before: string | null,
  { fromCurrency, toCurrency, rate, effectiveFrom }: NewExchangeRate,
  request: RateRequest,
): Promise<void> {
  const { source } = request;
  return recordChange(em, request, {
    action: before === null ? 'exchange_rate.create' : 'exchange_rate.replace',
    subjectId: id,
    before: before === null ? undefined : { rate: before },
    after: { from: fromCurrency, to: toCurrency, rate, effective_from: effectiveFrom, source },
  });
}

/** A currency and the day on which it is converted. */
interface RateWanted {
  readonly currency: string;
  readonly day: Day;
}

/** The rates of each day, by the currency that they convert from, by name. */
export type RatesOfDays = ReadonlyMap<Day, ReadonlyMap<string, RateInForce>>;

/**
 * The rate of each currency into one on its day: the last that began by then. One statement, whatever the number of days.
 * @throws MissingExchangeRate for the first day and pair, by name, that has none
 */
export async function ratesInForce(
  em: EntityManager,
  wanted: readonly RateWanted[],
  to: string,
): Promise<RatesOfDays> {
  const distinct = new Map(wanted.map(({ currency, day }) => [`${day} ${currency}`, { currency, day }]));
  const rows = await em.execute<(RateWanted & { rate: string | null; effective_from: Day | null })[]>(
    `select wanted.currency, wanted.day, trim_scale(found.rate)::text as rate, to_char(found.effective_from, 'YYYY-MM-DD') as effective_from
     from jsonb_to_recordset(?::jsonb) as wanted (currency text, day text)
     left join lateral (
       select rate, effective_from from exchange_rates
       where from_currency = wanted.currency and to_currency = ? and effective_from <= wanted.day::date
       order by effective_from desc limit 1
     ) found on true
     order by wanted.day, wanted.currency collate "C"`,
    [JSON.stringify([...distinct.values()]), to],
  );
  const days = new Map<Day, Map<string, RateInForce>>();
  for (const { currency: from, day, rate, effective_from } of rows) {
    if (from !== to && rate === null) throw new MissingExchangeRate(from, to, day);
    const ofDay = days.get(day) ?? new Map<string, RateInForce>();
    ofDay.set(from, { from, to, rate: new Decimal(rate ?? 1), effectiveFrom: effective_from });
    days.set(day, ofDay);
  }
  return days;
}

/** A page of rates by pair, the latest of each first; `after` is the last one's from, to and day. */
export function listExchangeRates(
  em: EntityManager,
  filter: { readonly from?: string | undefined; readonly to?: string | undefined },
  page: { readonly after: readonly [string, string, Day] | undefined; readonly limit: number },
): Promise<ExchangeRate[]> {
  const [from, to, day] = page.after ?? [];
  return em.find(
    ExchangeRate,
    {
      ...(filter.from === undefined ? {} : { fromCurrency: filter.from }),
      ...(filter.to === undefined ? {} : { toCurrency: filter.to }),
      ...(from === undefined || to === undefined || day === undefined
        ? {}
        : {
            $or: [
              { fromCurrency: { $gt: from } },
              { fromCurrency: from, toCurrency: { $gt: to } },
              { fromCurrency: from, toCurrency: to, effectiveFrom: { $lt: day } },
            ],
          }),
    },
    { orderBy: { fromCurrency: 'asc', toCurrency: 'asc', effectiveFrom: 'desc' }, limit: page.limit + 1 },
  );
}
