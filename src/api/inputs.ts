import type { z } from 'zod';
import { type InputFault, invalidInput } from './problems.ts';

/** Collects what is wrong with every part of a request, so that the caller hears of all at once. */
export interface InputReader {
  /** Validates one part, or what stands at `at` in it; what it returns may only be used where `faults` stays empty. */
  read<Schema extends z.ZodType>(
    part: 'path' | 'query' | 'body',
    schema: Schema,
    value: unknown,
    at?: readonly PropertyKey[],
  ): z.output<Schema> | undefined;
  readonly faults: InputFault[];
}

export function createInputReader(): InputReader {
  const faults: InputFault[] = [];
  return {
    faults,
    read(part, schema, value, at = []) {
      const result = schema.safeParse(value, { error: whatIsAllowed });
      if (result.success) return result.data;
      for (const issue of result.error.issues) {
        if (issue.code === 'unrecognized_keys') {
          for (const key of issue.keys) {
            faults.push({
              pointer: toPointer(part, [...at, ...issue.path, key]),
              detail: 'is not known here',
            });
          }
        } else {
          faults.push({
            pointer: toPointer(part, [...at, ...issue.path]),
            detail: isMissing(value, issue.path) ? 'is required' : issue.message,
          });
        }
      }
      return undefined;
    },
  };
}

/** A query as an object of texts. A name that comes twice is a fault: nobody can know which one is meant. */
export function readQuery(querystring: string, faults: InputFault[]): Record<string, string> {
  const values = new Map<string, string>();
  const repeated = new Set<string>();
  for (const [name, value] of new URLSearchParams(querystring)) {
    if (values.has(name)) repeated.add(name);
    values.set(name, value);
  }
  for (const name of repeated) {
    faults.push({ pointer: toPointer('query', [name]), detail: 'must be given once' });
  }
  return Object.fromEntries(values);
}

/** @throws Problem 422 where any fault was collected */
export function refuseFaults(faults: readonly InputFault[]): void {
  if (faults.length > 0) throw invalidInput(faults);
}

const typeForms: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a text',
};
const units: Readonly<Record<string, string>> = { array: ' items', string: ' characters' };

/** What an input says of itself where its schema has no words of its own; undefined where zod's have to do. */
export function whatIsAllowed(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${typeForms[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `expected one of ${issue.values.map(String).join(', ')}`;
    case 'too_big':
      return `expected at most ${issue.maximum}${units[issue.origin] ?? ''}`;
    case 'too_small':
      return `expected at least ${issue.minimum}${units[issue.origin] ?? ''}`;
    default:
      return undefined;
  }
}

function toPointer(part: string, path: readonly PropertyKey[]): string {
  const steps = [part, ...path.map((step) => String(step).slice(0, 100))];
  return steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function isMissing(value: unknown, path: readonly PropertyKey[]): boolean {
  let here: unknown = value;
  for (const step of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, step)) return true;
    here = Reflect.get(here, step);
  }
  return false;
}
