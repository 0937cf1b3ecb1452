import type { Period } from '../domain/period.ts';

/** Input, result and message of the workflow that checks whether the books of a period close. */

export interface CheckClosureInput {
  readonly period: Period;
  /** Who asked; absent where a change of the books did. */
  readonly requestedBy?: string;
}

export interface CheckClosureResult {
  readonly period: Period;
  /** How many sums of a provider's costs were compared, and how many of the invoices to tenants. */
  readonly providers: number;
  readonly invoices: number;
}

export const closureMessages = {
  /** The books changed while they may have been read: they are read again. */
  booksChangedSignal: 'booksChanged',
} as const;
