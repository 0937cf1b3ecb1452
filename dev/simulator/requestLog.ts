export interface LoggedRequest {
  /** ISO time of arrival */
  readonly at: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** 0 where no answer was sent (reset, lost or stalled) */
  readonly status: number;
}

const kept = 10_000;

/** What was asked of the simulator: the last 10,000 requests, and a count for each method and path. */
export class RequestLog {
  readonly entries: LoggedRequest[] = [];
  readonly #counts = new Map<string, number>();

  add(request: LoggedRequest): void {
    this.entries.push(request);
    if (this.entries.length > kept) this.entries.shift();
    const key = `${request.method} ${request.path}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** How often this was asked, as `GET /v2/droplets`. */
  count(methodAndPath: string): number {
    return this.#counts.get(methodAndPath) ?? 0;
  }

  /** Every method and path with its count. */
  counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  clear(): void {
    this.entries.length = 0;
    this.#counts.clear();
  }
}
