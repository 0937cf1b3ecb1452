import type { DisagreementCode } from './invoiceFaults.ts';
import type { Decimal } from './money.ts';
import { sameToTheCent, toAmountText } from './money.ts';

/** What an invoice says of itself in four places. */
export interface InvoiceStatements {
  /** The billing history's amount: what we are asked to pay. */
  readonly stated: Decimal;
  /** The invoice summary's amount. */
  readonly summary: Decimal;
  /** The sum of the invoice's lines. */
  readonly lines: Decimal;
  /** The sum of the items that carry the resource ids. */
  readonly items: Decimal;
  /** The currency of `stated`, and those of the lines and the summary. */
  readonly currency: string;
  readonly otherCurrencies: readonly string[];
}

/** Two places that don't agree. An operator's acceptance is of exactly this one. */
export interface Disagreement {
  readonly code: DisagreementCode;
  readonly message: string;
  readonly stated: Decimal;
  /** What the other place says. */
  readonly found: Decimal;
  /** Stated − lines: what no line explains; positive where lines are missing. */
  readonly difference: Decimal;
}

export type Reconciliation = { readonly agrees: true } | ({ readonly agrees: false } & Disagreement);

/** An invoice is accepted only where all four places agree to the cent; otherwise it is held, with the difference. */
export function reconcile(statements: InvoiceStatements): Reconciliation {
  const { stated, summary, lines, items, currency, otherCurrencies } = statements;
  const difference = stated.minus(lines);
  const states = `the billing history states ${toAmountText(stated)}`;
  const disagreement = (code: DisagreementCode, what: string, found: Decimal) =>
    ({ agrees: false, code, message: `${what} and ${states}`, stated, found, difference }) as const;

  const foreign = otherCurrencies.find((other) => other !== currency);
  if (foreign !== undefined)
    return disagreement('currency_disagrees', `the lines or the summary are in ${foreign}`, lines);
  if (!sameToTheCent(lines, stated))
    return disagreement('lines_disagree', `the lines add up to ${toAmountText(lines)}`, lines);
  if (!sameToTheCent(summary, stated))
    return disagreement('summary_disagrees', `the summary says ${toAmountText(summary)}`, summary);
  if (!sameToTheCent(items, stated))
    return disagreement('items_disagree', `the items add up to ${toAmountText(items)}`, items);
  return { agrees: true };
}
