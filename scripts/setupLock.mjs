/** One set-up at a time in a clone: two `npm ci` at once would delete each other's files. */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Runs `action` while holding the lock file; waits for a live holder, and takes over from one that is gone.
 * @param {() => void} onWait called once, when another set-up holds the lock
 */
export async function withSetupLock(lockFile, onWait, action) {
  mkdirSync(path.dirname(lockFile), { recursive: true });
  let told = false;
  while (!tryLock(lockFile)) {
    if (!holderLives(lockFile)) {
      rmSync(lockFile, { force: true });
      continue;
    }
    if (!told) onWait();
    told = true;
    await delay(500);
  }
  const release = () => rmSync(lockFile, { force: true });
  process.once('exit', release);
  try {
    return await action();
  } finally {
    process.removeListener('exit', release);
    release();
  }
}

/** The lock appears together with its content (a link is atomic), so that nobody ever reads an empty one. */
function tryLock(lockFile) {
  const mine = `${lockFile}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    linkSync(mine, lockFile);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(mine, { force: true });
  }
}

function holderLives(lockFile) {
  try {
    process.kill(Number(readFileSync(lockFile, 'utf8')), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
