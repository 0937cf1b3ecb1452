import type { Program } from '../../dev/stack/program.ts';

/** A real process that a test ends the hard way and starts again, on the data that the one before left. */
export interface Killable {
  /** Starts it, unless it runs. */
  start(): Promise<void>;
  /** Sends a signal and waits for the end. @returns the exit code, or the signal that ended it */
  end(signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT' | 'SIGQUIT'): Promise<number | string>;
  /** Ends it in good order, where it runs. */
  stop(): Promise<void>;
}

export function killable(startProgram: () => Promise<Program>): Killable {
  let running: Program | undefined;
  return {
    async start() {
      running ??= await startProgram();
    },
    async end(signal) {
      if (running === undefined) throw new Error('there is no process to end');
      const { pid, crashed } = running;
      running = undefined;
      process.kill(pid, signal);
      const { end } = (await crashed).context;
      if (typeof end !== 'number' && typeof end !== 'string') throw new Error('nobody knows how it ended');
      return end;
    },
    async stop() {
      const program = running;
      running = undefined;
      await program?.stop();
    },
  };
}
