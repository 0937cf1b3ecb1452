/** What can be wrong with an invoice's document. */
export const invoiceDocumentFaults = [
  'invoice_empty',
  'invoice_header_only',
  'invoice_not_csv',
  'invoice_missing_column',
  'invoice_repeated_column',
  'invoice_bad_row',
  'invoice_bad_value',
  'invoice_truncated',
  'invoice_too_large',
] as const;
export type InvoiceDocumentFault = (typeof invoiceDocumentFaults)[number];

/** How an invoice's own figures can disagree. */
export const disagreementCodes = [
  'lines_disagree',
  'summary_disagrees',
  'items_disagree',
  'currency_disagrees',
] as const;
export type DisagreementCode = (typeof disagreementCodes)[number];

const holdingCodes: ReadonlySet<string> = new Set([
  ...invoiceDocumentFaults,
  ...disagreementCodes,
  // The stored lines are not the staged ones, to the cent; nothing of them was kept.
  'lines_not_whole',
  // The provider no longer has a document that it had listed.
  'provider_not_found',
]);

/**
 * Whether a fault is the invoice's own, so that this one is held for an operator. Every other fault (a refused token, an answer that
 * breaks the provider's contract) says nothing of the invoice: its ingest fails, and the next discovery tries it again.
 */
export function holdsInvoice(code: string): boolean {
  return holdingCodes.has(code);
}
