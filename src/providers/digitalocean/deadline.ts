/** A time limit that aborts a request; it can stand still while nobody waits for the other side. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Starts the time again in full; a total limit runs on instead. */
  readonly waiting: () => void;
  /** The other side has delivered; a total limit runs on. */
  readonly delivered: () => void;
  readonly end: () => void;
}

/**
 * `total` bounds a whole exchange. `stall` bounds each wait for the other side, for documents that are read at the
 * pace of whoever stores them.
 */
export function startDeadline(kind: 'total' | 'stall', timeoutMs: number): Deadline {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const stop = () => clearTimeout(timer);
  const start = () => {
    stop();
    timer = setTimeout(() => controller.abort(), timeoutMs);
  };
  start();
  return {
    signal: controller.signal,
    waiting: kind === 'stall' ? start : () => {},
    delivered: kind === 'stall' ? stop : () => {},
    end: stop,
  };
}
