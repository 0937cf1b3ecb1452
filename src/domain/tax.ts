import { Decimal, roundHalfUpToCents } from './money.ts';

/** The tax on an amount of whole cents, rounded once, half up, away from zero. @param rate as a fraction: `0.10` */
export function taxOn(cents: number, rate: string): number {
  return roundHalfUpToCents(new Decimal(cents).times(rate));
}

/**
 * The tax of one more credit note: what the tax on all that is credited grows by, so that many small notes carry the tax of one.
 * @param creditedCents what the invoice's earlier notes credited, before tax
 */
export function creditNoteTax(creditedCents: number, subtotalCents: number, rate: string): number {
  return taxOn(creditedCents + subtotalCents, rate) - taxOn(creditedCents, rate);
}
