import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const packageJson = z
  .object({ scripts: z.object({ worker: z.string() }) })
  .parse(JSON.parse(readFileSync(path.join(import.meta.dirname, '..', 'package.json'), 'utf8')));

/**
 * Node's options for a worker, as `npm run worker` gives them; they bound its memory. A stream's garbage fills whatever nursery it
 * gets, so that is small. And where some of the objects of a place in the code outlive it, V8 makes all others there among the
 * old ones too, where only a full collection finds them: it is told not to.
 */
export const workerFlags: readonly string[] = packageJson.scripts.worker
  .split(' ')
  .filter((word) => word.startsWith('--'));
