import { constants } from 'node:os';
import type { StackPart } from './program.ts';

/** Holds the running parts of the stack and stops them in the reverse of the order they were started in. */
export interface Supervisor {
  /** Takes charge of a started part, and hands it back. */
  add<Part extends StackPart>(part: Part): Part;
  /** Rejected with the first crash of a part. */
  readonly crashed: Promise<never>;
  /** Stops everything, also when a part fails to stop; then throws what failed. */
  stop(): Promise<void>;
  /** From now on Ctrl-C, SIGTERM and a closed terminal stop everything and end this process. */
  stopOnSignals(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** @param say is told what is stopped, a line each */
export function createSupervisor(say: (line: string) => void): Supervisor {
  const parts: StackPart[] = [];
  let stopping: Promise<void> | undefined;
  const { promise: crashed, reject: reportCrash } = Promise.withResolvers<never>();
  // Whoever does not wait for crashes must not be ended by one as an unhandled rejection.
  crashed.catch(() => undefined);

  async function stopAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      say(`Stopping ${part.name}`);
      await part.stop().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'some parts could not be stopped');
  }

  function stop(): Promise<void> {
    stopping ??= stopAll();
    return stopping;
  }

  return {
    crashed,
    stop,
    add(part) {
      parts.push(part);
      void part.crashed.then(reportCrash);
      return part;
    },
    stopOnSignals() {
      for (const signal of SIGNALS) {
        process.on(signal, () => {
          // 128 and the signal's number, as a shell reports a program that a signal ended.
          const exitCode = 128 + constants.signals[signal];
          // The second Ctrl-C is impatient: leave at once; the exit handler still signals every program.
          if (stopping !== undefined) process.exit(exitCode);
          void stop().finally(() => process.exit(exitCode));
        });
      }
    },
  };
}
