import { describe, expect, it } from '@jest/globals';
import { eachPage, listWhole, type PageAnswer } from '../../../src/providers/digitalocean/paging.ts';
import { rejectionOf } from './answeringServer.ts';

const what = 'things';
const identityOf = (item: string) => item;
const named = (count: number, prefix = 'item') =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

/** A list that is paged like the provider's; `change` may alter it before a request, as others do meanwhile. */
function pagedList(
  items: string[],
  options: { hasTotal?: boolean; change?: (items: string[], request: number) => void } = {},
) {
  let requests = 0;
  const fetchPage = async (page: number, perPage: number): Promise<PageAnswer<string>> => {
    requests += 1;
    options.change?.(items, requests);
    const from = (page - 1) * perPage;
    return {
      items: items.slice(from, from + perPage),
      total: (options.hasTotal ?? true) ? items.length : undefined,
      hasNext: from + perPage < items.length,
    };
  };
  return { fetchPage, requests: () => requests };
}

describe('a list in pages', () => {
  it.each([0, 1, 199, 200, 201, 1000])('comes whole with %i entries, each once', async (count) => {
    const { fetchPage } = pagedList(named(count));
    expect(await listWhole({ what, identityOf, fetchPage })).toEqual(named(count));
  });

  it.each([0, 200, 201, 600])('comes whole with %i entries where no total is stated', async (count) => {
    const { fetchPage } = pagedList(named(count), { hasTotal: false });
    expect(await listWhole({ what, identityOf, fetchPage })).toEqual(named(count));
  });

  it('asks no further than the total', async () => {
    const { fetchPage, requests } = pagedList(named(400));
    await listWhole({ what, identityOf, fetchPage });
    expect(requests()).toBe(2);
  });

  it('comes whole from a server that gives smaller pages than asked for', async () => {
    const items = named(50);
    const fetchPage = async (page: number) => ({
      items: items.slice((page - 1) * 20, page * 20),
      total: 50,
      hasNext: false,
    });
    expect(await listWhole({ what, identityOf, fetchPage })).toEqual(items);
  });

  it('is read again where an entry is inserted between two pages', async () => {
    const { fetchPage, requests } = pagedList(named(300), {
      change: (items, request) => request === 2 && items.unshift('new'),
    });
    expect(await listWhole({ what, identityOf, fetchPage })).toEqual(['new', ...named(300)]);
    expect(requests()).toBe(4);
  });

  it('is read again where an entry is removed between two pages', async () => {
    const { fetchPage } = pagedList(named(300), {
      change: (items, request) => request === 2 && items.shift(),
    });
    expect(await listWhole({ what, identityOf, fetchPage })).toEqual(named(300).slice(1));
  });

  it('is read again where one entry goes and another comes, so that the total stays', async () => {
    const { fetchPage } = pagedList(named(300), {
      change: (items, request) => {
        if (request !== 2) return;
        items.unshift('new');
        items.pop();
      },
    });
    expect(await listWhole({ what, identityOf, fetchPage })).toEqual(['new', ...named(299)]);
  });

  it('is partial where it shifts each time that it is read', async () => {
    const { fetchPage, requests } = pagedList(named(300), {
      change: (items, request) => items.unshift(`new-${request}`),
    });
    expect(await rejectionOf(listWhole({ what, identityOf, fetchPage }))).toMatchObject({
      code: 'partial_listing',
      retryable: true,
    });
    expect(requests()).toBe(6);
  });

  it('is partial where fewer entries come than the total says', async () => {
    const fetchPage = async (page: number) => ({
      items: page === 1 ? named(4) : [],
      total: 5,
      hasNext: false,
    });
    expect(await rejectionOf(listWhole({ what, identityOf, fetchPage }))).toMatchObject({
      code: 'partial_listing',
      context: { what, detail: '4 came and the total is 5' },
    });
  });

  it('ends where a server gives the same page for ever', async () => {
    let requests = 0;
    const fetchPage = async () => {
      requests += 1;
      return { items: named(3), total: undefined, hasNext: true };
    };
    expect(await listWhole({ what, identityOf, fetchPage })).toEqual(named(3));
    expect(requests).toBe(2);
  });

  it('is partial where new pages never end', async () => {
    const fetchPage = async (page: number) => ({
      items: [`item-${page}`],
      total: undefined,
      hasNext: true,
    });
    expect(await rejectionOf(listWhole({ what, identityOf, fetchPage }))).toMatchObject({
      code: 'partial_listing',
    });
  });

  it('passes any other failure on at once', async () => {
    const failure = new Error('no');
    let requests = 0;
    const fetchPage = async () => {
      requests += 1;
      throw failure;
    };
    expect(await rejectionOf(listWhole({ what, fetchPage }))).toBe(failure);
    expect(requests).toBe(1);
  });
});

describe('a list of entries without ids', () => {
  it('keeps equal entries, on one page and on two, where the total counts them', async () => {
    const items = [...named(199), 'same', 'same', 'same'];
    const { fetchPage } = pagedList([...items]);
    expect(await listWhole({ what, identityOf, mayRepeat: true, fetchPage })).toEqual(items);
  });

  it('keeps equal entries of one page, and drops what a shifted page brings again, where no total is stated', async () => {
    const pages = [['a', 'same', 'same', 'b'], ['b', 'c'], []];
    const fetchPage = async (page: number) => ({
      items: pages[page - 1] ?? [],
      total: undefined,
      hasNext: page < 3,
    });
    expect(await listWhole({ what, identityOf, mayRepeat: true, fetchPage })).toEqual([
      'a',
      'same',
      'same',
      'b',
      'c',
    ]);
  });
});

describe('pages that are passed on as they come', () => {
  it('end in an error where they shifted, after what was passed on', async () => {
    const { fetchPage } = pagedList(named(300), {
      change: (items, request) => request === 2 && items.unshift('new'),
    });
    const received: string[] = [];
    const reading = (async () => {
      for await (const page of eachPage({ what, fetchPage })) received.push(...page);
    })();
    expect(await rejectionOf(reading)).toMatchObject({ code: 'partial_listing' });
    expect(received).toEqual(named(200));
  });
});
