import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;

/** What must never reach a log, wherever it hangs. */
const secretPaths = [
  'authorization',
  'token',
  'secret',
  'password',
  '*.authorization',
  '*.token',
  '*.secret',
  '*.password',
  'headers.cookie',
  '*.headers.authorization',
  '*.headers.cookie',
];

/**
 * A log of one JSON object a line, with times in RFC 3339 and secrets replaced.
 * @param level the lowest level that is written; `silent` writes nothing
 * @param destination where the lines go; standard output where it is not given
 */
export function createLog(level: string, destination?: DestinationStream): Log {
  const options = {
    level,
    base: { service: 'arcadia-cloud' },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: secretPaths, censor: '[redacted]' },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/**
 * Standard output for a program that logs each request: lines are written together, 4 kB of them or a tenth of a second's. What is left
 * is written when the process ends; only who kills it outright loses that.
 */
export function sharedOutput(): DestinationStream {
  const output = pino.destination({ dest: 1, sync: true, minLength: 4096, periodicFlush: 100 });
  process.once('exit', () => output.flushSync());
  return output;
}
