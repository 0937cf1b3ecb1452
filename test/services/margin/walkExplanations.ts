import { expect } from '@jest/globals';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Decimal } from '../../../src/domain/money.ts';
import { explainFigure } from '../../../src/services/margin/explain/explainFigure.ts';
import type { Figure, Measure, Part, Step } from '../../../src/services/margin/explain/step.ts';

/** A step with all of its parts, from all pages. */
export interface WholeStep extends Step {
  readonly parts: readonly Part[];
}

export interface WalkOptions {
  readonly now: Date;
  /** How many parts a page has. */
  readonly limit?: number;
}

/** Reads a step page by page. @throws where there is no such figure */
export async function wholeStep(em: EntityManager, figure: Figure, options: WalkOptions): Promise<WholeStep> {
  const { now, limit = 200 } = options;
  const parts: Part[] = [];
  for (;;) {
    const after = parts.at(-1)?.key;
    const step = await explainFigure(em.fork(), figure, { after, limit }, { currency: 'AUD', now });
    if (step === undefined) throw new Error(`nothing explains ${shown(figure)}`);
    parts.push(...step.parts.slice(0, limit));
    if (step.parts.length <= limit) return { ...step, parts };
  }
}

/** A figure as a text, to tell figures apart. */
export const shown = (figure: Figure) =>
  JSON.stringify(figure, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));

const unitOf = (measure: Measure) => ('amount' in measure ? measure.currency : measure.unit);
export const numberOf = (measure: Measure) =>
  new Decimal('amount' in measure ? measure.amount : measure.quantity);

/**
 * Goes from a figure down to every leaf. Of each step the parts make the total, in one unit; where that is the unit of the figure, they
 * make the figure. Each part is what its own step says, as sure as that one. Days without usage are
 * not looked at one by one.
 * @returns every step once, the figure's own first
 */
export async function walk(em: EntityManager, root: Figure, options: WalkOptions): Promise<WholeStep[]> {
  const steps: WholeStep[] = [];
  const known = new Set([shown(root)]);
  const open: { figure: Figure; said: Part | null }[] = [{ figure: root, said: null }];
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const { figure, said } = next;
    const step = await wholeStep(em, figure, options);
    steps.push(step);
    expectWhole(step);
    if (said !== null) {
      expect({ of: shown(figure), value: said.next?.value, label: said.label }).toEqual({
        of: shown(figure),
        value: step.value,
        label: step.label,
      });
    }
    for (const part of step.parts) {
      if (part.next === null || known.has(shown(part.next.figure)) || isIdleDay(part.next)) continue;
      known.add(shown(part.next.figure));
      open.push({ figure: part.next.figure, said: part });
    }
  }
  return steps;
}

/** Most days of a month of generated usage are like any other: nothing was used on them. */
const isIdleDay = ({ figure, value }: NonNullable<Part['next']>) =>
  figure.name === 'usage_day' && numberOf(value).isZero();

function expectWhole({ figure, value, combinedBy, partsTotal, parts, how }: WholeStep): void {
  const of = shown(figure);
  expect(how).not.toBe('');
  if (partsTotal === null) {
    expect({ of, parts }).toEqual({ of, parts: [] });
    return;
  }
  const numbers = parts.map(({ counts }) => numberOf(counts));
  const total =
    combinedBy === 'max'
      ? Decimal.max(0, ...numbers)
      : numbers.reduce((sum, number) => sum.plus(number), new Decimal(0));
  expect({ of, total: total.toFixed() }).toEqual({ of, total: numberOf(partsTotal).toFixed() });
  expect(parts.filter(({ counts }) => unitOf(counts) !== unitOf(partsTotal))).toEqual([]);
  if (unitOf(partsTotal) === unitOf(value)) expect({ of, value: partsTotal }).toEqual({ of, value });
}
