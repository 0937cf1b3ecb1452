import { createHash } from 'node:crypto';

/** A UUID (version 5 in form) that depends on `text` alone. */
export function seededUuid(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = '89ab'[Number.parseInt(hex.slice(16, 17), 16) % 4] ?? '8';
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** An integer from `min` to `max`, both included, that depends on `text` alone. */
export function seededInteger(text: string, min: number, max: number): number {
  const hash = createHash('sha256').update(text).digest().readUIntBE(0, 6);
  return min + (hash % (max - min + 1));
}

/** Draws integers from `min` to `max`, both included; the same seed gives the same sequence. */
export function seededDraws(seed: string): (min: number, max: number) => number {
  let drawn = 0;
  return (min, max) => {
    drawn += 1;
    return seededInteger(`${seed}#${drawn}`, min, max);
  };
}
