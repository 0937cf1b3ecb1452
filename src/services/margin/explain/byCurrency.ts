import { convertByKind, convertParts, type SourcePart } from '../../../domain/margin/convertParts.ts';
import { labelOf } from '../../../domain/margin/figureLabel.ts';
import { sum, sumCents } from '../../../domain/money.ts';
import type { Period } from '../../../domain/period.ts';
import type { ConvertibleBooks } from '../convertibleBooks.ts';
import { ofSubject, type Side, type SideParts } from './side.ts';
import { centsOf, type Figure, inWords, money, type Part, type Subject } from './step.ts';

/** A part for each currency that something of the subject was charged in. */
export function byCurrency(side: Side, period: Period, subject: Subject, books: ConvertibleBooks): SideParts {
  const all = side === 'revenue' ? books.revenue : books.costs;
  const { kind } = subject;
  const isOwn = kind === undefined ? ofSubject(subject) : (part: SourcePart) => part.kind === kind;
  const parts = [...Map.groupBy(all.filter(isOwn), ({ currency }) => currency)].map(
    ([currency, own]): Part => {
      const exact = money(sum(own.map(({ amount }) => amount)), currency);
      const rate = books.rates.find(({ from }) => from === currency);
      const to = rate?.to ?? currency;
      const ofCurrency = all.filter((part) => part.currency === currency);
      const cents = centsOf(convertedCents(ofCurrency, subject, books), to);
      const isSame = rate === undefined || rate.effectiveFrom === null;
      const at = isSame
        ? ''
        : ` at ${rate.rate.toFixed()} ${to} for one ${currency}, in force since ${rate.effectiveFrom}`;
      return {
        key: currency,
        what: `${inWords(exact)}${at}; rounded half up once with all of ${currency}, this share by largest remainder: ${inWords(cents)}`,
        counts: cents,
        label: labelOf(own),
        next: { figure: sourceFigure(side, period, subject, books, currency), value: exact },
        resources: isSame ? [] : [{ type: 'exchangeRates', from: currency, to }],
      };
    },
  );
  return {
    how: `Charged in ${parts.length === 0 ? 'no currency' : parts.map(({ key }) => key).join(' and ')}; what each currency comes to is converted at the rate of the period's last day.`,
    resources: [],
    parts,
  };
}

/** What is the subject's of parts that are all in one currency, in cents of the reporting one. */
function convertedCents(
  ofCurrency: readonly SourcePart[],
  subject: Subject,
  { rateFrom }: ConvertibleBooks,
): number {
  const own =
    subject.kind === undefined
      ? convertParts(ofCurrency, rateFrom).filter(ofSubject(subject))
      : convertByKind(ofCurrency, rateFrom).filter(({ kind }) => kind === subject.kind);
  return sumCents(own.map(({ cents }) => cents));
}

function sourceFigure(
  side: Side,
  period: Period,
  subject: Subject,
  { revenueBasis }: ConvertibleBooks,
  currency: string,
): Figure {
  if (side === 'cogs') return { name: 'charged_cogs', period, subject, currency };
  const name = revenueBasis === 'accrual' ? 'accrued_revenue' : 'charged_revenue';
  return { name, period, subject, currency };
}
