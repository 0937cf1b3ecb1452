import type { Account } from './account.ts';
import { usdOf } from './cents.ts';
import type { Invoice } from './invoice.ts';

/**
 * Changes an issued invoice by `deltaCents`, as the provider does when it corrects one: its first line, and with it
 * CSV, items, summary, invoice list and billing history, which all keep agreeing. Undefined where there is no such
 * invoice.
 */
export function restateInvoice(account: Account, uuid: string, deltaCents: number): Invoice | undefined {
  const invoice = account.invoices.find((candidate) => candidate.uuid === uuid);
  const line = invoice?.lines[0];
  const entry = account.billingHistory.find((candidate) => candidate.invoice_uuid === uuid);
  if (invoice === undefined || line === undefined || entry === undefined) return undefined;
  line.amountCents += deltaCents;
  invoice.amountCents += deltaCents;
  entry.amount = usdOf(invoice.amountCents);
  return invoice;
}
