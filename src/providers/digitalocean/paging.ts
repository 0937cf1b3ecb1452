import { PartialListing } from '../providerErrors.ts';

export interface PageAnswer<T> {
  readonly items: readonly T[];
  /** How many there are on all pages, where the answer says it. */
  readonly total: number | undefined;
  /** Whether the answer names a next page. */
  readonly hasNext: boolean;
}

export interface Listing<T> {
  /** What is listed, for messages: `droplets`. */
  readonly what: string;
  /** What makes an item the same on two pages; without it every item counts, as items without an id must. */
  readonly identityOf?: (item: T) => string;
  /**
   * Two items may be equal in all that identifies them. Then the total alone tells whether the list is whole; where the
   * answers state none, the n-th of its kind on one page is taken for the n-th of its kind on another.
   */
  readonly mayRepeat?: boolean;
  readonly fetchPage: (page: number, perPage: number) => Promise<PageAnswer<T>>;
}

/** The most that DigitalOcean gives at once. */
const perPage = 200;
/** 400,000 entries; a list that goes on after that is a loop. */
const mostPages = 2000;
const attempts = 3;

/**
 * The pages of a list, by number, each entry once. While the list changes, its pages shift: entries come twice or are
 * jumped over. That shows in the total, so the end of the iteration raises what was not whole.
 * @throws PartialListing where the total changed on the way, or isn't what came
 */
export async function* eachPage<T>(listing: Listing<T>): AsyncGenerator<readonly T[]> {
  const { what } = listing;
  const seen = new Set<string>();
  let total: number | undefined;
  let received = 0;

  for (let page = 1; ; page += 1) {
    if (page > mostPages) throw new PartialListing(what, `it has no end after ${mostPages} pages`);
    const answer = await listing.fetchPage(page, perPage);
    if (page === 1) total = answer.total;
    if (answer.total !== total) {
      throw new PartialListing(what, `the total went from ${total} to ${answer.total} on page ${page}`);
    }

    const fresh = unseen(answer.items, listing, seen, total !== undefined);
    received += fresh.length;
    if (fresh.length > 0) yield fresh;

    const isLast = total === undefined ? answer.items.length < perPage && !answer.hasNext : received >= total;
    // A page without anything new is the end too: some servers give the same page for ever.
    if (isLast || fresh.length === 0) break;
  }
  if (total !== undefined && received !== total) {
    throw new PartialListing(what, `${received} came and the total is ${total}`);
  }
}

function unseen<T>(
  items: readonly T[],
  { identityOf, mayRepeat = false }: Listing<T>,
  seen: Set<string>,
  totalIsKnown: boolean,
): readonly T[] {
  if (identityOf === undefined || (mayRepeat && totalIsKnown)) return items;
  const onThisPage = new Map<string, number>();
  return items.filter((item) => {
    const sameness = identityOf(item);
    const occurrence = (onThisPage.get(sameness) ?? 0) + 1;
    onThisPage.set(sameness, occurrence);
    const identity = mayRepeat ? `${occurrence} ${sameness}` : sameness;
    if (seen.has(identity)) return false;
    seen.add(identity);
    return true;
  });
}

/**
 * The whole list; where it shifted while it was read, it is read again, three times at most.
 * @throws PartialListing where it never came whole
 */
export async function listWhole<T>(listing: Listing<T>): Promise<T[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const items: T[] = [];
      for await (const page of eachPage(listing)) items.push(...page);
      return items;
    } catch (failure) {
      if (!(failure instanceof PartialListing) || attempt === attempts) throw failure;
    }
  }
}
