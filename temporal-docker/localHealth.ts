import { setTimeout as delay } from 'node:timers/promises';
import type { Program } from '../dev/stack/program.ts';
import { ArcadiaError } from '../src/domain/errors.ts';

/**
 * Asks an address until it answers with success, and stops the program where it does not come to that.
 * @throws {ArcadiaError} `not_ready` after `seconds`, or the program's crash
 */
export async function whenHealthy(
  program: Program,
  url: string,
  seconds: number,
  signal: AbortSignal,
): Promise<Program> {
  const deadline = Date.now() + seconds * 1000;
  try {
    while (!(await answers(url))) {
      if (Date.now() > deadline) {
        throw new ArcadiaError('not_ready', `${program.name} gave no answer at ${url} within ${seconds} s`);
      }
      const crash = await Promise.race([delay(250, undefined, { signal }), program.crashed]);
      if (crash !== undefined) throw crash;
    }
    return program;
  } catch (error) {
    await program.stop();
    throw error;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}
