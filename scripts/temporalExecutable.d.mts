export const TEMPORAL_CLI_VERSION: string;
export function cacheFolder(env?: NodeJS.ProcessEnv): string;
export function cachedTemporalPath(env?: NodeJS.ProcessEnv): string;
export function findTemporalExecutable(env?: NodeJS.ProcessEnv): string | undefined;
