/**
 * The ladder that says which resource a cost line belongs to; the first rung that holds decides, and every outcome is stored
 * with its reason. The rungs are evaluated in sets by src/services/matchCostLines.ts.
 *
 *   tax, credit, shared, unexplained   the line's own class: no resource stands behind it
 *   matched_by_id      the invoice names the id of exactly one resource of the kind
 *   matched_by_name    exactly one resource of the kind bore that name (whatever the case) while the line was charged
 *   ambiguous          more than one did; the candidates are stored
 *   unmatched          none did, or the invoice's own id says that the namesake is another resource
 */
export const matchOutcomes = [
  'matched_by_id',
  'matched_by_name',
  'ambiguous',
  'shared',
  'tax',
  'credit',
  'unexplained',
  'unmatched',
] as const;
export type MatchOutcome = (typeof matchOutcomes)[number];
