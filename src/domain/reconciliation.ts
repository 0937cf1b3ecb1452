import type { Decimal } from './money.ts';
import { sameToTheCent, toAmountText } from './money.ts';

/** What an invoice says of itself in four places; amounts of one currency. */
export interface InvoiceStatements {
  /** The billing history's amount: what we are asked to pay. */
  readonly stated: Decimal;
  /** The invoice summary's amount. */
  readonly summary: Decimal;
  /** The sum of the invoice's lines. */
  readonly lines: Decimal;
  /** The sum of the items that carry the resource ids. */
  readonly items: Decimal;
}

export type Reconciliation =
  | { readonly agrees: true }
  | {
      readonly agrees: false;
      readonly code: 'lines_disagree' | 'summary_disagrees' | 'items_disagree';
      readonly message: string;
      /** Stated − lines: what no line explains; positive where lines are missing. */
      readonly difference: Decimal;
    };

/** An invoice is accepted only where all four places agree to the cent; otherwise it is held, with the difference. */
export function reconcile({ stated, summary, lines, items }: InvoiceStatements): Reconciliation {
  const difference = stated.minus(lines);
  const disagreement = (
    code: 'lines_disagree' | 'summary_disagrees' | 'items_disagree',
    what: string,
    amount: Decimal,
  ) =>
    ({
      agrees: false,
      code,
      message: `${what} ${toAmountText(amount)} and the billing history states ${toAmountText(stated)}`,
      difference,
    }) as const;
  if (!sameToTheCent(lines, stated)) return disagreement('lines_disagree', 'the lines add up to', lines);
  if (!sameToTheCent(summary, stated)) return disagreement('summary_disagrees', 'the summary says', summary);
  if (!sameToTheCent(items, stated)) return disagreement('items_disagree', 'the items add up to', items);
  return { agrees: true };
}
