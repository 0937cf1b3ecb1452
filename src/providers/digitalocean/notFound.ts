import { ProviderError } from '../providerErrors.ts';

/** What `call` gives, or `absent` where the provider says that there is no such thing. */
export async function unlessNotFound<T, Absent>(call: Promise<T>, absent: Absent): Promise<T | Absent> {
  try {
    return await call;
  } catch (failure) {
    if (failure instanceof ProviderError && failure.code === 'provider_not_found') return absent;
    throw failure;
  }
}
