import { cachedTemporalPath, findTemporalExecutable } from '../../scripts/temporalExecutable.mjs';
import { ArcadiaError } from '../../src/domain/errors.ts';

/**
 * The path of the Temporal CLI, which holds the development server: `temporal` on PATH when it is new enough, else the one
 * that the set-up put into the user's cache. Throws `temporal_server_missing`.
 */
export function temporalExecutable(): string {
  const found = findTemporalExecutable();
  if (found !== undefined) return found;
  throw new ArcadiaError(
    'temporal_server_missing',
    `No Temporal server program: neither \`temporal\` on PATH nor ${cachedTemporalPath()}. ` +
      'Fetch it with: node scripts/setup.mjs (without TEMPORAL_ADDRESS in the environment)',
  );
}
