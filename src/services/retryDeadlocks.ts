import { DeadlockException } from '@mikro-orm/core';

const attempts = 3;

/**
 * Does work again that PostgreSQL ended to free another transaction: it changed nothing, and by then the other one is through.
 * @param work begins a transaction of its own
 */
export async function retryDeadlocks<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DeadlockException) || attempt === attempts) throw error;
    }
  }
}
