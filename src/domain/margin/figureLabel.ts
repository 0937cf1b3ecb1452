/** How sure a figure is: it may still change, it is settled, or it was changed after. */
export const figureLabels = ['estimated', 'reconciled', 'adjusted'] as const;
export type FigureLabel = (typeof figureLabels)[number];

/** How sure a sum is: estimated where any part is, else adjusted where any part is. */
export function labelOf(parts: readonly { readonly label: FigureLabel }[]): FigureLabel {
  const labels = new Set(parts.map(({ label }) => label));
  return labels.has('estimated') ? 'estimated' : labels.has('adjusted') ? 'adjusted' : 'reconciled';
}
