import type { Program } from '../../dev/stack/program.ts';

/** A real process that a test ends the hard way and starts again, on the data that the one before left. */
export interface Killable {
  /** Starts it, unless it runs. */
  start(): Promise<void>;
  /** Sends a signal and waits for the end. @returns the exit code, or the signal that ended it */
  end(signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT' | 'SIGQUIT'): Promise<number | string>;
  /** Has it stand still, as on a machine that is out of reach. */
  freeze(): void;
  thaw(): void;
  /** Ends it in good order, where it runs. */
  stop(): Promise<void>;
}

export function killable(startProgram: () => Promise<Program>): Killable {
  let running: Program | undefined;
  function signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    if (running === undefined) throw new Error('there is no process');
    process.kill(running.pid, name);
  }

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
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async stop() {
      const program = running;
      running = undefined;
      await program?.stop();
    },
  };
}
