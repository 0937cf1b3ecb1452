import type { Simulator } from '../../dev/simulator/simulator.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
}

/** Asks the simulator as a client with the right token does; `base` may be a proxy in front of it. */
export async function ask(
  simulator: Simulator,
  path: string,
  { method = 'GET', body, base = simulator.url }: { method?: string; body?: unknown; base?: string } = {},
): Promise<Answer> {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: { authorization: `Bearer ${simulator.token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const { status, headers } = response;
  return { status, headers, bytes: Buffer.from(await response.arrayBuffer()) };
}

/** The JSON body of an answer, whose form the test states. */
export function jsonOf<Body>(answer: Answer): Body {
  return JSON.parse(answer.bytes.toString());
}

/** Every entry of a list, page by page by number. */
export async function readAll<Entry>(
  simulator: Simulator,
  path: string,
  key: string,
  perPage: number,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let page = 1; ; page += 1) {
    const answer = await ask(simulator, `${path}?page=${page}&per_page=${perPage}`);
    const { [key]: shown = [] } = jsonOf<Record<string, Entry[]>>(answer);
    entries.push(...shown);
    if (shown.length < perPage) return entries;
  }
}
