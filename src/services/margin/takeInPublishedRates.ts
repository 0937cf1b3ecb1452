import type { EntityManager } from '@mikro-orm/postgresql';
import type { Day } from '../../domain/calendar.ts';
import { Unprocessable } from '../../domain/errors.ts';
import type { CentralBank, PublishedRate } from '../../integrations/centralBanks/centralBank.ts';
import type { Session } from '../../session.ts';
import { setExchangeRates } from './exchangeRates.ts';

export interface PublishedRates {
  /** The last day that the bank states rates of. */
  readonly latest: Day;
  /** How many rates there were to store, and how many of them are new. */
  readonly rates: number;
  readonly written: number;
}

/**
 * Stores rates that a central bank published as they are stated: those of its last day, or of every day from `since` on. All or none.
 * @throws Unprocessable `no_published_rates`, and what setExchangeRates throws
 */
export async function takeInPublishedRates(
  em: EntityManager,
  input: {
    readonly source: CentralBank['name'];
    readonly published: readonly PublishedRate[];
    readonly since?: Day | undefined;
    readonly actor: Session;
    readonly now: Date;
  },
): Promise<PublishedRates> {
  const { source, published, actor, now } = input;
  const latest =
    published
      .map(({ effectiveFrom }) => effectiveFrom)
      .toSorted()
      .at(-1) ?? '';
  const since = input.since ?? latest;
  const rates = published.filter(({ effectiveFrom }) => effectiveFrom >= since);
  if (rates.length === 0) {
    throw new Unprocessable(
      'no_published_rates',
      published.length === 0
        ? `the file of ${source} states no rate`
        : `the file of ${source} states no rate since ${since}; its last day is ${latest}`,
    );
  }
  return { latest, rates: rates.length, written: await setExchangeRates(em, rates, { actor, now, source }) };
}
