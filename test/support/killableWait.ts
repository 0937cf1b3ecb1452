import { setTimeout as delay } from 'node:timers/promises';

const ASK_EVERY_MS = 100;

/** Asks until there is an answer. Throws, with what was waited for, where there is none in time. */
export async function until<Answer>(
  what: string,
  ask: () => Promise<Answer | undefined>,
  withinMs = 120_000,
): Promise<Answer> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${withinMs} ms`);
    await delay(ASK_EVERY_MS);
  }
}
