import { CentralBankError } from './centralBank.ts';

/** Rates are read from nowhere else, whatever a redirect or a mistyped address says. */
export const centralBankOrigins: readonly string[] = [
  'https://data-api.ecb.europa.eu',
  'https://www.rba.gov.au',
];

const timeoutMs = 30_000;
/** The whole history of either bank is far below. */
const mostBytes = 8 * 1024 * 1024;

/**
 * Reads a published file as UTF-8.
 * @param limits of a test; those of production unless given
 * @throws CentralBankError
 */
export async function downloadRates(
  address: string,
  limits: {
    readonly origins?: readonly string[];
    readonly timeoutMs?: number;
    readonly mostBytes?: number;
  } = {},
): Promise<string> {
  const { origins = centralBankOrigins, timeoutMs: time = timeoutMs, mostBytes: most = mostBytes } = limits;
  const { origin, username, password } = new URL(address);
  if (!origins.includes(origin) || username !== '' || password !== '') {
    throw new CentralBankError(
      'rates_refused',
      `${origin} is not where rates are published; allowed is ${origins.join(', ')}`,
    );
  }
  try {
    const response = await fetch(address, { redirect: 'manual', signal: AbortSignal.timeout(time) });
    if (!response.ok) {
      await response.body?.cancel();
      throw refusal(address, response.status);
    }
    return await readText(response, most);
  } catch (error) {
    if (error instanceof CentralBankError) throw error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new CentralBankError(
      'rates_unavailable',
      `the rates can't be read from ${address}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { retryable: true, cause: error },
    );
  }
}

function refusal(address: string, status: number): CentralBankError {
  const passes = status === 429 || status >= 500;
  return new CentralBankError(
    passes ? 'rates_unavailable' : 'rates_refused',
    `${address} answered with ${status}`,
    { retryable: passes, context: { status } },
  );
}

async function readText(response: Response, most: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > most) {
      throw new CentralBankError('rates_too_large', `the file of rates is larger than ${most} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
