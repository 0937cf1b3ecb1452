import type { EntityManager } from '@mikro-orm/postgresql';
import { convertByKind } from '../../../domain/margin/convertParts.ts';
import { labelOf } from '../../../domain/margin/figureLabel.ts';
import { sumCents } from '../../../domain/money.ts';
import { readBooksOf } from '../convertibleBooks.ts';
import { byCurrency } from './byCurrency.ts';
import type { FoundFigure, Reporting, Side } from './side.ts';
import { centsOf, type FigureNamed, nameOf, type Part } from './step.ts';

/** Revenue or COGS by kind: all kinds of it, or one kind by currency. @returns undefined where there is nothing of the kind */
export async function kindFigure(
  em: EntityManager,
  { period, subject }: FigureNamed<'margin' | 'revenue' | 'cogs'>,
  side: Side,
  { currency, now }: Reporting,
): Promise<FoundFigure | undefined> {
  const books = await readBooksOf(em, period, currency, now);
  const all = side === 'revenue' ? books.revenue : books.costs;
  const kinds = convertByKind(all, books.rateFrom);
  const { kind } = subject;
  if (kind === undefined) {
    return {
      cents: sumCents(kinds.map(({ cents }) => cents)),
      label: labelOf(all),
      how: `What each kind comes to, in whole cents of ${currency}; there are ${kinds.length}.`,
      resources: [],
      parts: kinds.map((total): Part => {
        const value = centsOf(total.cents, currency);
        return {
          key: total.kind ?? '',
          what: nameOf({ kind: total.kind }),
          counts: value,
          label: labelOf(all.filter((part) => part.kind === total.kind)),
          next: { figure: { name: side, period, subject: { kind: total.kind } }, value },
          resources: [],
        };
      }),
    };
  }
  const own = kinds.find((total) => total.kind === kind);
  if (own === undefined) return undefined;
  return {
    cents: own.cents,
    label: labelOf(all.filter((part) => part.kind === kind)),
    ...byCurrency(side, period, { kind }, books),
  };
}
