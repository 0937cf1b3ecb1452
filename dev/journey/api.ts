import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { ArcadiaError } from '../../src/domain/errors.ts';

/** The service's API as one caller sees it. */
export interface Api {
  /** @throws ArcadiaError `api_refused` with the problem that the API answers */
  readonly get: <Answer>(path: string, answer: z.ZodType<Answer>) => Promise<Answer>;
  readonly post: (path: string, body?: unknown) => Promise<void>;
  /** A POST whose answer matters. */
  readonly create: <Answer>(path: string, body: unknown, answer: z.ZodType<Answer>) => Promise<Answer>;
  /** Sends a file. */
  readonly upload: <Answer>(
    path: string,
    file: { readonly content: Uint8Array<ArrayBuffer>; readonly type: string },
    answer: z.ZodType<Answer>,
  ) => Promise<Answer>;
  /** All pages of a list. */
  readonly list: <Item>(path: string, item: z.ZodType<Item>) => Promise<Item[]>;
  /**
   * Waits until a run of a workflow that began at or after an instant has ended.
   * @throws ArcadiaError `process_failed` where it did not end well
   */
  readonly untilDone: (workflowId: string, startedAfter: Date) => Promise<void>;
}

/** What a request carries, and its type. */
interface File {
  readonly content: string | Uint8Array<ArrayBuffer>;
  readonly type: string;
}

const workflowProcess = z.object({ state: z.string(), started_at: z.coerce.date() });

export function createApi(url: string, token: string): Api {
  const json = (body: unknown): File => ({ content: JSON.stringify(body), type: 'application/json' });

  async function call(method: string, path: string, file?: File): Promise<unknown> {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(file === undefined ? {} : { 'content-type': file.type }),
      },
      ...(file === undefined ? {} : { body: file.content }),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new ArcadiaError('api_refused', `${method} ${path} answered ${response.status}: ${text}`, {
        context: { status: response.status },
      });
    }
    return text === '' ? undefined : JSON.parse(text);
  }

  const get: Api['get'] = async (path, answer) => answer.parse(await call('GET', path));

  return {
    get,
    post: async (path, body) => {
      await call('POST', path, body === undefined ? undefined : json(body));
    },
    create: async (path, body, answer) => answer.parse(await call('POST', path, json(body))),
    upload: async (path, file, answer) => answer.parse(await call('POST', path, file)),
    async list(path, item) {
      const page = z.object({ items: z.array(item), next_cursor: z.string().nullable() });
      const items: z.output<typeof item>[] = [];
      const separator = path.includes('?') ? '&' : '?';
      for (let cursor: string | null = ''; cursor !== null; ) {
        const found: z.output<typeof page> = await get(
          `${path}${separator}limit=200${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
          page,
        );
        items.push(...found.items);
        cursor = found.next_cursor;
      }
      return items;
    },
    async untilDone(workflowId, startedAfter) {
      for (;;) {
        const found = await get(`/api/v1/processes/${encodeURIComponent(workflowId)}`, workflowProcess).catch(
          (error: unknown) => {
            // It is not there before its launcher has started it.
            if (error instanceof ArcadiaError && error.context['status'] === 404) return undefined;
            throw error;
          },
        );
        if (found !== undefined && found.started_at >= startedAfter) {
          if (found.state === 'completed') return;
          if (found.state === 'failed') {
            throw new ArcadiaError(
              'process_failed',
              `${workflowId} failed; see ${url}/api/v1/processes/${workflowId}`,
            );
          }
        }
        await delay(250);
      }
    },
  };
}
