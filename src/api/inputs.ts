import type { z } from 'zod';
import { type InputFault, invalidInput } from './problems.ts';

/** Collects what is wrong with every part of a request, so that the caller hears of all at once. */
export interface InputReader {
  /** Validates one part; what it returns may only be used after `finish`. */
  read<Schema extends z.ZodType>(
    part: 'path' | 'query' | 'body',
    schema: Schema,
    value: unknown,
  ): z.output<Schema> | undefined;
  readonly faults: InputFault[];
}

export function createInputReader(): InputReader {
  const faults: InputFault[] = [];
  return {
    faults,
    read(part, schema, value) {
      const result = schema.safeParse(value);
      if (result.success) return result.data;
      for (const issue of result.error.issues) {
        if (issue.code === 'unrecognized_keys') {
          for (const key of issue.keys) {
            faults.push({ pointer: toPointer(part, [...issue.path, key]), detail: 'is not known here' });
          }
        } else {
          faults.push({
            pointer: toPointer(part, issue.path),
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
