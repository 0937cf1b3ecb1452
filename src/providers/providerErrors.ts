import { ArcadiaError, type ArcadiaErrorOptions } from '../domain/errors.ts';
import type { InvoiceDocumentFault } from '../domain/invoiceFaults.ts';

/**
 * What goes wrong between us and a provider. `retryable` decides alone whether Temporal tries again:
 * `provider_unavailable` (5xx, reset, time-out), `provider_rate_limited` (with the wait that was asked for),
 * `provider_unauthorized` (401, 403), `provider_not_found`, `provider_busy` (another event of the resource is under way;
 * retryable), `provider_rejected` (other 4xx, redirects, ids that can't be asked for), `provider_bad_answer` (breaks the
 * contract), `provider_address_refused` (a base address that isn't on the list), `spaces_not_configured` (no key for the
 * buckets), `limiter_unavailable` (the store of the request limiter).
 */
export class ProviderError extends ArcadiaError {}

/** A listing that did not come whole: its kind is unknown, nothing of it is gone. */
export class PartialListing extends ProviderError {
  constructor(what: string, detail: string) {
    super('partial_listing', `the listing of ${what} came partial: ${detail}`, {
      retryable: true,
      context: { what, detail },
    });
  }
}

/** An invoice document that can't be accepted; the invoice is held. `line` and `column` are 1-based file positions. */
export class InvalidInvoiceDocument extends ProviderError {
  constructor(code: InvoiceDocumentFault, message: string, context: ArcadiaErrorOptions['context'] = {}) {
    super(code, message, { retryable: false, context });
  }
}
